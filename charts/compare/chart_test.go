package compare_test

import (
	"fmt"
	"strings"
	"testing"

	"gantry/charts"
	"gantry/charts/archive"
	"gantry/charts/compare"
	"gantry/charts/engine"
)

// side renders a chart of these files, with a Chart.yaml where none is given.
func side(t *testing.T, files map[string]string) compare.Side {
	t.Helper()
	if files["Chart.yaml"] == "" {
		files["Chart.yaml"] = "apiVersion: v2\nname: shop\nversion: 1.0.0\n"
	}
	var list []charts.File
	for name, text := range files {
		list = append(list, charts.File{Name: name, Data: []byte(text)})
	}
	c, err := archive.FromFiles(list)
	if err != nil {
		t.Fatal(err)
	}
	s, err := compare.Render(t.Context(), c, nil, engine.Options{Name: "shop", SkipSchema: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func difference(t *testing.T, before, after map[string]string) *compare.Difference {
	t.Helper()
	d, err := compare.Charts(side(t, before), side(t, after))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func lines[T fmt.Stringer](list []T) string {
	var b strings.Builder
	for _, e := range list {
		b.WriteString(e.String() + "\n")
	}
	return strings.TrimSpace(b.String())
}

func TestSchemas(t *testing.T) {
	tests := []struct{ name, before, after, values, want string }{
		{"the same in another order", `{"type": "object", "title": "a"}`, `{"title": "b", "type": "object"}`, "", ""},
		{"a type less", `{"properties": {"a": {"type": ["string", "null"]}}}`, `{"properties": {"a": {"type": "string"}}}`, "", `a: type ["string","null"] -> "string" (narrower)`},
		{"every integer is a number", `{"properties": {"a": {"type": "integer"}}}`, `{"properties": {"a": {"type": "number"}}}`, "", `a: type "integer" -> "number" (wider)`},
		{"not every number an integer", `{"properties": {"a": {"type": "number"}}}`, `{"properties": {"a": {"type": "integer"}}}`, "", `a: type "number" -> "integer" (narrower)`},
		{"a type more", `{"properties": {"a": {"type": "integer"}}}`, `{"properties": {"a": {"type": ["integer", "string"]}}}`, "", `a: type "integer" -> ["integer","string"] (wider)`},
		{"a choice less", `{"properties": {"a": {"enum": ["x", "y"]}}}`, `{"properties": {"a": {"enum": ["y"]}}}`, "", `a: enum ["x","y"] -> ["y"] (narrower)`},
		{"choices in another order", `{"properties": {"a": {"enum": ["x", "y"]}}}`, `{"properties": {"a": {"enum": ["y", "x"]}}}`, "", ""},
		{"bounds", `{"properties": {"a": {"minimum": 1, "maximum": 9}}}`, `{"properties": {"a": {"minimum": 0, "maximum": 8}}}`, "", "a: minimum 1 -> 0 (wider)\na: maximum 9 -> 8 (narrower)"},
		{"a bound goes", `{"properties": {"a": {"maxLength": 9}}}`, `{"properties": {"a": {}}}`, "", "a: maxLength 9 no more (wider)"},
		{"another pattern", `{"properties": {"a": {"pattern": "x"}}}`, `{"properties": {"a": {"pattern": "y"}}}`, "", `a: pattern "x" -> "y" (unclear)`},
		{"required", `{}`, `{"required": ["a"]}`, "", "a: required true (narrower)"},
		{"required, with a default", `{}`, `{"required": ["a"]}`, "a: 1", ""},
		{"required, deeper", `{"properties": {"a": {}}}`, `{"properties": {"a": {"required": ["b", "c"]}}}`, "a: {b: 1}", "a.c: required true (narrower)"},
		{"required no more", `{"required": ["a"]}`, `{}`, "", "a: required true no more (wider)"},
		{"a key comes", `{"properties": {}, "additionalProperties": false}`, `{"properties": {"a": {"type": "string"}}, "additionalProperties": false}`, "", `a: is a key now, "string" (wider)`},
		{"a key goes", `{"properties": {"a": {"type": "string"}}, "additionalProperties": false}`, `{"properties": {}, "additionalProperties": false}`, "", `a: is no key any more, was "string" (narrower)`},
		{"a key goes and may be given", `{"properties": {"a": {"type": "string"}}}`, `{}`, "", `a: is no key any more, was "string" (wider)`},
		{"closed", `{"properties": {"a": {}}}`, `{"properties": {"a": {}}, "additionalProperties": false}`, "", "*: any value true -> false (narrower)"},
		{"opened", `{"additionalProperties": false}`, `{"additionalProperties": true}`, "", "*: any value false -> true (wider)"},
		{"elements", `{"properties": {"a": {"items": {"type": "string"}}}}`, `{"properties": {"a": {"items": {"type": "string", "minLength": 1}}}}`, "", "a.[]: minLength 1 (narrower)"},
		{"anyOf", `{"anyOf": [{"type": "string"}]}`, `{"anyOf": [{"type": "string"}, {"type": "null"}]}`, "", `the values: anyOf [{"type":"string"}] -> [{"type":"string"},{"type":"null"}] (wider)`},
		{"allOf", `{"allOf": [{"minimum": 1}]}`, `{"allOf": [{"minimum": 1}, {"maximum": 2}]}`, "", `the values: allOf [{"minimum":1}] -> [{"minimum":1},{"maximum":2}] (narrower)`},
		{"oneOf", `{"oneOf": [{"minimum": 1}]}`, `{"oneOf": [{"minimum": 2}]}`, "", `the values: oneOf [{"minimum":1}] -> [{"minimum":2}] (unclear)`},
		{
			"what a reference means",
			`{"properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"type": "string"}}}`,
			`{"properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"type": "integer"}}}`, "", `a: type "string" -> "integer" (narrower)`,
		},
		{"references that never end", `{"$ref": "#"}`, `{"properties": {"a": {"$ref": "#"}}}`, "", `the values: $ref "#" no more (unclear)` + "\n" + `a: is a key now, "any value" (wider)`},
		{"no schema any more", `{"properties": {"a": {"type": "string"}}}`, "", "", `a: is no key any more, was "string" (wider)`},
		{"a schema at last", "", `{"properties": {"a": {"type": "string"}}, "additionalProperties": false}`, "", `a: is a key now, "string" (wider)` + "\n*: any value true -> false (narrower)"},
		{"refused altogether", `{"properties": {"a": {}}}`, `{"properties": {"a": false}}`, "", "a: any value true -> false (narrower)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before, after := map[string]string{"values.yaml": test.values}, map[string]string{"values.yaml": test.values}
			if test.before != "" {
				before["values.schema.json"] = test.before
			}
			if test.after != "" {
				after["values.schema.json"] = test.after
			}
			if got := lines(difference(t, before, after).Schema); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestEndlessSchemas(t *testing.T) {
	deep := `{"properties": {"a": {"$ref": "#"}, "b": {"type": "%s"}}}`
	d := difference(t, map[string]string{"values.schema.json": fmt.Sprintf(deep, "string")}, map[string]string{"values.schema.json": fmt.Sprintf(deep, "integer")})
	if len(d.Schema) == 0 || d.Schema[0].Effect != compare.Narrower {
		t.Errorf("got %v, want the change of b", d.Schema)
	}
	for _, c := range d.Schema {
		if len(c.Path) > 2 {
			t.Errorf("%s: a schema within itself is compared again", c.Path)
		}
	}
}

// TestSchemasOfReferences compares a schema in which few lines say very much.
func TestSchemasOfReferences(t *testing.T) {
	schema := func(leaf string) map[string]string {
		var b strings.Builder
		for i := range 24 {
			fmt.Fprintf(&b, `"d%d": {"properties": {"a": {"$ref": "#/$defs/d%d"}, "b": {"$ref": "#/$defs/d%d"}}}, `, i, i+1, i+1)
		}
		return map[string]string{"values.schema.json": fmt.Sprintf(`{"$ref": "#/$defs/d0", "$defs": {%s "d24": {"type": %q}}}`, b.String(), leaf)}
	}
	changes := difference(t, schema("string"), schema("integer")).Schema
	last := changes[len(changes)-1]
	if last.Effect != compare.Unclear || last.Path != nil {
		t.Errorf("the last of %d changes is %s, want one that says that there are too many", len(changes), last)
	}
}

func TestValues(t *testing.T) {
	const parent = "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies: [{name: db, alias: store, version: ^1}]\n"
	before := map[string]string{
		"values.yaml": "gone: {a: 1, b: {}}\nkept: [1, 2]\nmoved: {a: 1}\nstore: {size: 2}\n",
		"Chart.yaml":  parent, "charts/db/Chart.yaml": "apiVersion: v2\nname: db\nversion: 1.0.0\n", "charts/db/values.yaml": "size: 1\nmode: a\n",
	}
	after := map[string]string{
		"values.yaml": "kept: [2, 1]\nmoved: [1]\nnew: {deep: {er: x}}\nstore: {size: 2}\n",
		"Chart.yaml":  parent, "charts/db/Chart.yaml": "apiVersion: v2\nname: db\nversion: 1.1.0\n", "charts/db/values.yaml": "size: 9\nmode: b\n",
	}
	const want = `gone.a: 1
gone.b: {}
kept: [1,2] -> [2,1]
moved: {"a":1} -> [1]
new.deep.er: "x"
store.mode: "a" -> "b"`
	if got := lines(difference(t, before, after).Values); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestSteady renders what is another thing each time: it is no difference.
func TestSteady(t *testing.T) {
	chart := func(name string) map[string]string {
		return map[string]string{"templates/all.yaml": `apiVersion: v1
kind: Secret
metadata: {name: s}
data: {password: {{ randAlphaNum 20 | b64enc }}, fixed: eA==}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    metadata: {annotations: {checksum: {{ randAlphaNum 9 }}}}
    spec:
      containers:
      - {name: a, image: "a:1", env: [{name: ` + name + `, value: {{ randAlphaNum 9 }}}]}
`}
	}
	if d := difference(t, chart("COLOUR"), chart("COLOUR")); len(d.Objects) != 0 {
		t.Errorf("a chart differs from itself: %v", d.Objects)
	}
	d := difference(t, chart("COLOUR"), chart("OTHER"))
	if len(d.Objects) != 1 {
		t.Fatalf("%d objects differ, want 1: %v", len(d.Objects), d.Objects)
	}
	const want = `spec.template.spec.containers.a.env.COLOUR: {"name":"COLOUR","value":"(differs at each rendering)"}
spec.template.spec.containers.a.env.OTHER: {"name":"OTHER","value":"(differs at each rendering)"}`
	if got := lines(d.Objects[0].Fields); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
