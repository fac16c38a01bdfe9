package report

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"gantry/charts/diag"
	"gantry/charts/picture"
	"gantry/convert"
	"gantry/convert/compose"
	"gantry/convert/rules"
)

// Inactive is the outcome of keys of services and jobs that no active profile
// selects. It stands beside the outcomes of the support table.
const Inactive rules.Outcome = "inactive"

// Report is what there is to say of a conversion. Secrets are hidden in all of
// it.
type Report struct {
	// Application is the name of the application, or "" if it could not be loaded.
	Application string `json:"application"`
	// Summary counts the keys by outcome and the objects by kind.
	Summary Summary `json:"summary"`
	// Diagnostics are sorted by position.
	Diagnostics diag.List `json:"diagnostics"`
	// Keys are all that somebody wrote, in the order of files and lines. There are
	// none if the application could not be loaded.
	Keys []Key `json:"keys"`
	// Objects are in the order in which they are applied. There are none if the
	// input has errors.
	Objects []ObjectText `json:"objects"`

	picture *picture.Picture
	files   []compose.File
	mask    *mask
}

// Summary counts what a conversion did.
type Summary struct {
	Keys     int                   `json:"keys"`
	Outcomes map[rules.Outcome]int `json:"outcomes"`
	Kinds    map[string]int        `json:"kinds"`
}

// Key is a key of the Compose files and what became of it.
type Key struct {
	Path    diag.Path     `json:"path"`
	Pos     diag.Pos      `json:"pos"`
	Outcome rules.Outcome `json:"outcome"`
	// Fields are the Kubernetes fields or kinds that the key reaches, or "".
	Fields string `json:"fields,omitempty"`
	// Text says in a sentence what becomes of such a key.
	Text string `json:"text,omitempty"`

	about diag.List
}

// ObjectText is a Kubernetes object as YAML.
type ObjectText struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	// Service is the Compose service that the object belongs to, or "".
	Service string `json:"service,omitempty"`

	yaml string
}

// Build makes the report of a conversion, which may have failed for problems of
// its input.
func Build(result *convert.Result) (*Report, error) {
	r := &Report{
		Summary:     Summarise(result),
		Diagnostics: diag.List{}, Keys: []Key{}, Objects: []ObjectText{},
		picture: Draw(result), files: result.Files, mask: newMask(result),
	}
	if result.Project != nil {
		r.Application = result.Project.Name
	}
	for _, d := range result.Diagnostics {
		r.Diagnostics.Add(r.mask.diagnostic(d))
	}
	for k := range result.Keys() {
		key := Key{Path: k.Path, Pos: k.Pos, Outcome: outcomeOf(k), Fields: k.Row.Fields, Text: k.Row.Text}
		for _, d := range k.Diagnostics {
			key.about.Add(r.mask.diagnostic(d))
		}
		r.Keys = append(r.Keys, key)
	}
	for _, o := range result.Objects {
		text, err := r.mask.object(o)
		if err != nil {
			return nil, err
		}
		r.Objects = append(r.Objects, ObjectText{
			APIVersion: o.GetObjectKind().GroupVersionKind().GroupVersion().String(), Kind: o.Kind(), Name: o.GetName(), Service: o.Service, yaml: text,
		})
	}
	return r, nil
}

func outcomeOf(k convert.Key) rules.Outcome {
	if k.Inactive {
		return Inactive
	}
	return k.Outcome()
}

// Summarise counts what a conversion did.
func Summarise(result *convert.Result) Summary {
	s := Summary{Outcomes: map[rules.Outcome]int{}, Kinds: map[string]int{}}
	for _, outcome := range outcomes() {
		s.Outcomes[outcome] = 0
	}
	for k := range result.Keys() {
		s.Keys++
		s.Outcomes[outcomeOf(k)]++
	}
	for _, o := range result.Objects {
		s.Kinds[o.Kind()]++
	}
	return s
}

// outcomes are those that every summary mentions, best first.
func outcomes() []rules.Outcome {
	return []rules.Outcome{rules.Converted, rules.Approximated, rules.Ignored, rules.Refused}
}

// others are the outcomes that a summary has beyond those, sorted.
func (s Summary) others() []rules.Outcome {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(s.Outcomes)), func(o rules.Outcome) bool { return slices.Contains(outcomes(), o) })
}

// String says it in a line:
//
//	9 keys: 6 converted, 1 approximated, 2 ignored, 0 refused; 3 objects: 1 Deployment, 2 Services
func (s Summary) String() string {
	var parts []string
	for _, o := range append(outcomes(), s.others()...) {
		parts = append(parts, strconv.Itoa(s.Outcomes[o])+" "+string(o))
	}
	text := diag.Count(s.Keys, "key") + ": " + strings.Join(parts, ", ")
	total := 0
	parts = nil
	for _, kind := range sortedKinds(s.Kinds) {
		total += s.Kinds[kind]
		parts = append(parts, strconv.Itoa(s.Kinds[kind])+" "+plural(kind, s.Kinds[kind]))
	}
	if total > 0 {
		text += "; " + diag.Count(total, "object") + ": " + strings.Join(parts, ", ")
	}
	return text
}

// sortedKinds returns kinds in the order in which people think of them.
func sortedKinds(kinds map[string]int) []string {
	return slices.SortedFunc(maps.Keys(kinds), func(a, b string) int {
		return picture.CompareKinds(a, b)
	})
}

// plural returns the plural of a kind, when there are several.
func plural(kind string, n int) string {
	switch {
	case n == 1:
		return kind
	case strings.HasSuffix(kind, "s"):
		return kind + "es"
	case strings.HasSuffix(kind, "y"):
		return strings.TrimSuffix(kind, "y") + "ies"
	default:
		return kind + "s"
	}
}
