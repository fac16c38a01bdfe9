package compare

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"

	"gantry/charts/diag"
)

// Effect says what a change of a schema does to the values that people have.
type Effect string

// The effects of changes of a schema.
const (
	// Wider means that everything that was accepted still is.
	Wider Effect = "wider"
	// Narrower means that a value that was accepted may be refused.
	Narrower Effect = "narrower"
	// Unclear means that the rules differ in a way that cannot be weighed.
	Unclear Effect = "unclear"
)

// SchemaChange is one thing that values.schema.json says otherwise of a value.
type SchemaChange struct {
	// Path is the value; * stands for any key, and [] for the elements of a list.
	Path diag.Path `json:"path"`
	// Rule is the keyword of the schema, such as type, enum or required.
	Rule   string `json:"rule"`
	Effect Effect `json:"effect"`
	Before any    `json:"before,omitempty"`
	After  any    `json:"after,omitempty"`
}

const (
	// maxReferences is how many references are followed one after the other.
	maxReferences = 64
	// maxCompared is how many places of schemas are compared: references can make
	// few lines say very much.
	maxCompared = 20_000
)

// keyRule is the rule that says which keys there are.
const keyRule = "properties"

// schemas compares the schemas of two charts, and of the charts that both hold.
// The values are the new defaults: what has a default is never missing.
func schemas(from, to *chart.Chart, defaults map[string]any) ([]SchemaChange, error) {
	before, after, err := both(from, to, schemaOf)
	if err != nil {
		return nil, err
	}
	w := &schemaWalk{before: before, after: after, open: map[[2]uintptr]bool{}}
	w.compare(nil, before, after, defaults)
	old := dependencies(from)
	for _, sub := range dependencies(to) {
		i := slices.IndexFunc(old, func(d dependency) bool { return d.key == sub.key && d.chart.Name() == sub.chart.Name() })
		if i < 0 {
			continue
		}
		below, _ := defaults[sub.key].(map[string]any)
		changes, err := schemas(old[i].chart, sub.chart, below)
		if err != nil {
			return nil, err
		}
		for _, c := range changes {
			c.Path = append(diag.Path{sub.key}, c.Path...)
			w.changes = append(w.changes, c)
		}
	}
	return w.changes, nil
}

// schemaOf returns the schema of a chart; without one everything is accepted.
func schemaOf(c *chart.Chart) (any, error) {
	if len(c.Schema) == 0 {
		return true, nil
	}
	var schema any
	if err := json.Unmarshal(c.Schema, &schema); err != nil {
		return nil, fmt.Errorf("values.schema.json: %w", err)
	}
	switch schema.(type) {
	case bool, map[string]any:
		return schema, nil
	default:
		return nil, errors.New("values.schema.json: a schema is a mapping, true or false")
	}
}

// schemaWalk compares two schemas. Each side is needed as a whole, for the
// references within it.
type schemaWalk struct {
	before, after any
	changes       []SchemaChange
	// open are the pairs of schemas that are being compared: a schema may refer to
	// one that it lies in.
	open     map[[2]uintptr]bool
	compared int
}

func (w *schemaWalk) add(path diag.Path, rule string, effect Effect, before, after any) {
	w.changes = append(w.changes, SchemaChange{Path: path, Rule: rule, Effect: effect, Before: before, After: after})
}

// compare tells how the rules for one value differ.
func (w *schemaWalk) compare(path diag.Path, before, after, value any) {
	was, now := resolve(w.before, before), resolve(w.after, after)
	pair := [2]uintptr{pointer(was), pointer(now)}
	w.compared++
	switch {
	case w.compared > maxCompared+1, w.open[pair], reflect.DeepEqual(was, now) && !refers(was):
		return
	case w.compared > maxCompared:
		w.add(nil, "too many rules to compare", Unclear, nil, nil)
		return
	}
	w.open[pair] = true
	defer delete(w.open, pair)
	if refusesAll(was) || refusesAll(now) {
		w.closed(path, was)
		return
	}
	wasRules, nowRules := rulesOf(was), rulesOf(now)
	for _, rule := range valueRules() {
		a, had := wasRules[rule.name]
		b, has := nowRules[rule.name]
		if had == has && reflect.DeepEqual(a, b) {
			continue
		}
		if effect := rule.weigh(a, b, had, has); effect != "" {
			w.add(path, rule.name, effect, a, b)
		}
	}
	w.required(path, wasRules, nowRules, value)
	w.properties(path, wasRules, nowRules, value)
	for _, below := range []struct{ rule, segment string }{{"additionalProperties", "*"}, {"items", "[]"}, {"propertyNames", "*"}} {
		w.below(append(slices.Clone(path), below.segment), below.rule, wasRules, nowRules)
	}
}

// closed tells of values that are refused whatever they are, or were.
func (w *schemaWalk) closed(path diag.Path, was any) {
	if refusesAll(was) {
		w.add(path, "any value", Wider, false, true)
	} else {
		w.add(path, "any value", Narrower, true, false)
	}
}

// required compares the keys that must be there. helm lays the values over the
// defaults before it looks, so a key with a default is always there.
func (w *schemaWalk) required(path diag.Path, was, now map[string]any, value any) {
	old, fresh := texts(was["required"]), texts(now["required"])
	given, _ := value.(map[string]any)
	for _, key := range fresh {
		if !slices.Contains(old, key) && given[key] == nil {
			w.add(append(slices.Clone(path), key), "required", Narrower, nil, true)
		}
	}
	for _, key := range old {
		if !slices.Contains(fresh, key) {
			w.add(append(slices.Clone(path), key), "required", Wider, true, nil)
		}
	}
}

// properties compares the rules of keys. One that comes says something about a
// value that nobody could count on before; one that goes matters where unknown
// keys are refused.
func (w *schemaWalk) properties(path diag.Path, was, now map[string]any, value any) {
	old, _ := was[keyRule].(map[string]any)
	fresh, _ := now[keyRule].(map[string]any)
	given, _ := value.(map[string]any)
	for _, key := range keys(old, fresh) {
		at := append(slices.Clone(path), key)
		a, had := old[key]
		b, has := fresh[key]
		switch {
		case had && has:
			w.compare(at, a, b, given[key])
		case has:
			w.add(at, keyRule, Wider, nil, summary(w.after, b))
		case refusesAll(now["additionalProperties"]):
			w.add(at, keyRule, Narrower, summary(w.before, a), nil)
		default:
			w.add(at, keyRule, Wider, summary(w.before, a), nil)
		}
	}
}

// below compares the schema that a rule holds for what lies below a value.
func (w *schemaWalk) below(path diag.Path, rule string, was, now map[string]any) {
	a, had := was[rule]
	b, has := now[rule]
	if !had && !has {
		return
	}
	if !had {
		a = true
	}
	if !has {
		b = true
	}
	if rule == "items" && (isList(a) || isList(b)) {
		if !reflect.DeepEqual(a, b) {
			w.add(path, rule, Unclear, nil, nil)
		}
		return
	}
	w.compare(path, a, b, nil)
}

// summary says in a word what a schema accepts.
func summary(root, schema any) any {
	rules := rulesOf(resolve(root, schema))
	return cmp.Or(rules["type"], rules["enum"], rules["const"], any("any value"))
}

// resolve follows references within a document. What cannot be followed stays as
// it is, and is compared as it stands.
func resolve(root, schema any) any {
	for range maxReferences {
		rules, _ := schema.(map[string]any)
		ref, ok := rules["$ref"].(string)
		if !ok || !strings.HasPrefix(ref, "#") {
			return schema
		}
		target := root
		for key := range strings.SplitSeq(strings.TrimPrefix(strings.TrimPrefix(ref, "#"), "/"), "/") {
			if key == "" {
				continue
			}
			key = strings.ReplaceAll(strings.ReplaceAll(key, "~1", "/"), "~0", "~")
			m, _ := target.(map[string]any)
			target = m[key]
		}
		if target == nil {
			return schema
		}
		schema = target
	}
	return schema
}

// refers reports whether a schema, or one below it, is a reference: then the same
// words can mean something else on the other side.
func refers(schema any) bool {
	switch schema := schema.(type) {
	case map[string]any:
		if _, ok := schema["$ref"]; ok {
			return true
		}
		for _, below := range schema {
			if refers(below) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(schema, refers)
	}
	return false
}

// pointer tells schemas apart by where they lie, or is 0 for true and false.
func pointer(schema any) uintptr {
	if rules := rulesOf(schema); rules != nil {
		return reflect.ValueOf(rules).Pointer()
	}
	return 0
}

// rulesOf returns the keywords of a schema. True has none.
func rulesOf(schema any) map[string]any {
	rules, _ := schema.(map[string]any)
	return rules
}

func refusesAll(schema any) bool { return schema == false }

func isList(v any) bool { _, ok := v.([]any); return ok }

// texts returns a list of texts, or one text as a list of it.
func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, e := range v {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
		return out
	default:
		return nil
	}
}
