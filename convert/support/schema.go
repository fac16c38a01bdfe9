package support

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/schema"
)

// attribute is what the JSON schema of Compose says of one path.
type attribute struct {
	description string
	// kinds are the kinds of values that it takes, and values are the only ones.
	kinds, values []string
}

// node is a part of a JSON schema.
type node struct {
	Ref                  string          `json:"$ref"`
	Description          string          `json:"description"`
	Type                 kinds           `json:"type"`
	Enum                 []any           `json:"enum"`
	Format               string          `json:"format"`
	Properties           map[string]node `json:"properties"`
	PatternProperties    map[string]node `json:"patternProperties"`
	AdditionalProperties json.RawMessage `json:"additionalProperties"`
	Items                *node           `json:"items"`
	OneOf                []node          `json:"oneOf"`
	AnyOf                []node          `json:"anyOf"`
	AllOf                []node          `json:"allOf"`
	Defs                 map[string]node `json:"$defs"`
}

// kinds is a type of a JSON schema: one name, or several.
type kinds []string

// UnmarshalJSON reads both forms.
func (k *kinds) UnmarshalJSON(data []byte) error {
	var one string
	if err := json.Unmarshal(data, &one); err == nil {
		*k = kinds{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(k))
}

// reader collects the attributes of a schema.
type reader struct {
	defs map[string]node
	// open are the definitions on the way here: some contain themselves.
	open  []string
	found map[string]*attribute
}

// attributes returns every attribute of the Compose schema by its path, in the
// notation of the support table.
func attributes() (map[string]*attribute, error) {
	var root node
	if err := json.Unmarshal([]byte(schema.Schema), &root); err != nil {
		return nil, fmt.Errorf("read the schema of Compose: %w", err)
	}
	r := &reader{defs: root.Defs, found: map[string]*attribute{}}
	r.read(root, nil)
	delete(r.found, "")
	return r.found, nil
}

// read notes what a part of the schema says of a path, and of what lies below.
func (r *reader) read(n node, path []string) {
	if n.Ref != "" {
		r.refer(n, path)
		return
	}
	r.note(n, path)
	for _, alternatives := range [][]node{n.OneOf, n.AnyOf, n.AllOf} {
		for _, a := range alternatives {
			r.read(a, path)
		}
	}
	for name, p := range n.Properties {
		r.read(p, append(slices.Clip(path), name))
	}
	for pattern, p := range n.PatternProperties {
		if !strings.Contains(pattern, "x-") {
			r.read(p, append(slices.Clip(path), "*"))
		}
	}
	var more node
	if json.Unmarshal(n.AdditionalProperties, &more) == nil { // false and true are no schemas
		r.read(more, append(slices.Clip(path), "*"))
	}
	if n.Items != nil {
		r.read(*n.Items, append(slices.Clip(path), "[]"))
	}
}

// refer reads the definition that a part of the schema refers to.
func (r *reader) refer(n node, path []string) {
	name := strings.TrimPrefix(n.Ref, "#/$defs/")
	if slices.Contains(r.open, name) {
		return
	}
	r.open = append(r.open, name)
	def := r.defs[name]
	if n.Description != "" {
		def.Description = n.Description // what is said in one place is more to the point
	}
	r.read(def, path)
	r.open = r.open[:len(r.open)-1]
}

// note adds what one part of the schema says of a path to what others say.
func (r *reader) note(n node, path []string) {
	key := strings.Join(path, ".")
	a := r.found[key]
	if a == nil {
		a = &attribute{}
		r.found[key] = a
	}
	if a.description == "" {
		a.description = n.Description
	}
	for _, v := range n.Enum {
		a.values = appendNew(a.values, fmt.Sprint(v))
	}
	for _, k := range n.Type {
		// Everything that is no text may be written as text too, with a variable in it.
		if k == "null" || k == "string" && slices.Contains(n.Type, "boolean") {
			continue
		}
		a.kinds = appendNew(a.kinds, kindName(k, n.Format))
	}
}

func appendNew(list []string, item string) []string {
	if slices.Contains(list, item) {
		return list
	}
	return append(list, item)
}

// kindName says in plain words what a type of JSON is.
func kindName(kind, format string) string {
	switch kind {
	case "string":
		if format == "duration" {
			return "a duration"
		}
		return "text"
	case "number", "integer":
		return "a number"
	case "boolean":
		return "true or false"
	case "array":
		return "a list"
	default:
		return "a mapping"
	}
}

// takes says what values an attribute takes, or "" when the schema does not know.
func (a *attribute) takes() string {
	if len(a.values) > 0 {
		return oneOf(a.values)
	}
	return oneOf(a.kinds)
}

func oneOf(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	last := len(list) - 1
	return strings.Join(list[:last], ", ") + " or " + list[last]
}
