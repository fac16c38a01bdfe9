package extension

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// dropYoung takes the fields out of a value that the version asked for does not
// have, and reports each.
func (r *reader) dropYoung(src source, value any, spec *jsonschema.Schema, path []string) {
	switch v := value.(type) {
	case map[string]any:
		_, name, _ := strings.Cut(target(spec).Location, "#/$defs/")
		for _, key := range slices.Sorted(maps.Keys(v)) {
			at := append(slices.Clip(path), key)
			if f, ok := r.young[name+"."+key]; ok {
				r.add(f.Lost(src.at(at), r.minor))
				delete(v, key)
				continue
			}
			r.dropYoung(src, v[key], field(spec, key), at)
		}
	case []any:
		for i, item := range v {
			r.dropYoung(src, item, field(spec, ""), append(slices.Clip(path), strconv.Itoa(i)))
		}
	}
}
