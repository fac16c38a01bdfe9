package helm_test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart"
	"sigs.k8s.io/yaml"

	"gantry/charts"
	"gantry/convert/helm"
	"gantry/testdata/strict"
)

// TestEverySwitch turns every boolean value of a chart, one at a time and then all
// of them, and expects objects that the API knows.
func TestEverySwitch(t *testing.T) {
	for name, app := range switchable(t) {
		files, check := chartOf(t, app), strictly(name)
		c := load(t, files)
		var defaults map[string]any
		if err := yaml.Unmarshal(content(t, files, "values.yaml"), &defaults); err != nil {
			t.Fatal(err)
		}
		all := map[string]any{}
		for _, s := range switches(defaults, nil) {
			values := nested(strings.Join(s.path, "."), !s.on)
			check(t, c, app.name, values)
			merge(all, values)
		}
		check(t, c, app.name, all)
	}
}

// TestRandomValues draws values from the schema, and expects objects that the API
// knows. It is the same draw each time.
func TestRandomValues(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for name, app := range switchable(t) {
		files, check := chartOf(t, app), strictly(name)
		c := load(t, files)
		var schema map[string]any
		if err := json.Unmarshal(content(t, files, "values.schema.json"), &schema); err != nil {
			t.Fatal(err)
		}
		d := drawing{rand: random, definitions: schema["definitions"].(map[string]any)}
		for range 20 {
			check(t, c, app.name, d.draw("", schema).(map[string]any))
		}
	}
}

// switchable are the applications with every kind of object.
func switchable(t *testing.T) map[string]application {
	t.Helper()
	apps := applications(t)
	maps.DeleteFunc(apps, func(name string, _ application) bool {
		return !slices.Contains([]string{"demo-v1-cluster", "demo-v2-ingress", "volumes_shared", "jobs", "secrets_and_configs", "network_policies", "volumes_drivers", "extension_accounts", "extension_exposure", "extension_scaling", "extension_application"}, name)
	})
	return apps
}

func chartOf(t *testing.T, app application) []charts.File {
	t.Helper()
	files, err := helm.Chart(app.chart())
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func content(t *testing.T, files []charts.File, name string) []byte {
	t.Helper()
	i := slices.IndexFunc(files, func(f charts.File) bool { return f.Name == name })
	if i < 0 {
		t.Fatalf("the chart has no %s", name)
	}
	return files[i].Data
}

// boolean is a value that is true or false.
type boolean struct {
	path []string
	on   bool
}

func switches(values map[string]any, below []string) []boolean {
	var found []boolean
	for _, key := range slices.Sorted(maps.Keys(values)) {
		path := append(slices.Clone(below), key)
		switch v := values[key].(type) {
		case bool:
			found = append(found, boolean{path, v})
		case map[string]any:
			found = append(found, switches(v, path)...)
		}
	}
	return found
}

func merge(into, from map[string]any) {
	for key, value := range from {
		sub, isMap := value.(map[string]any)
		if old, ok := into[key].(map[string]any); ok && isMap {
			merge(old, sub)
			continue
		}
		into[key] = value
	}
}

// strictly returns a check that renders a chart and fails on a field that the API
// does not have.
func strictly(name string) func(t *testing.T, c *chart.Chart, release string, values map[string]any) {
	return func(t *testing.T, c *chart.Chart, release string, values map[string]any) {
		t.Helper()
		documents, err := render(c, release, values)
		if err != nil {
			t.Fatalf("%s with %v: %v", name, values, err)
		}
		for file, text := range documents {
			if path.Ext(file) != ".yaml" {
				continue
			}
			if err := strict.Decode(text); err != nil {
				t.Fatalf("%s with %v: %s: %v", name, values, file, err)
			}
		}
	}
}

// drawing draws values that a schema allows.
type drawing struct {
	rand        *rand.Rand
	definitions map[string]any
}

func (d drawing) draw(key string, schema map[string]any) any {
	if ref, ok := schema["$ref"].(string); ok {
		return d.drawDefinition(key, path.Base(ref))
	}
	if enum, ok := schema["enum"].([]any); ok {
		return enum[d.rand.IntN(len(enum))]
	}
	kind := schema["type"]
	if kinds, ok := kind.([]any); ok {
		kind = kinds[d.rand.IntN(len(kinds))]
	}
	switch kind {
	case "object":
		return d.drawObject(key, schema)
	case "array":
		return []any{}
	case "string":
		words := []string{"", "a", "true", "1e3", "x-y", "1Gi"}
		if pattern, ok := schema["pattern"].(string); ok {
			words = slices.DeleteFunc(words, func(w string) bool { return !regexp.MustCompile(pattern).MatchString(w) })
		}
		if len(words) == 0 {
			return 1 + d.rand.IntN(100) // a number that may refer to a variable
		}
		return words[d.rand.IntN(len(words))]
	case "boolean":
		return d.rand.IntN(2) == 0
	case "integer", "number":
		return 1 + d.rand.IntN(100)
	default:
		return nil
	}
}

func (d drawing) drawObject(key string, schema map[string]any) any {
	object := map[string]any{}
	properties, _ := schema["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if d.rand.IntN(3) > 0 {
			object[name] = d.draw(name, properties[name].(map[string]any))
		}
	}
	if more, ok := schema["additionalProperties"].(map[string]any); ok {
		object["example.org/"+key+"x"] = d.draw(key, more)
	}
	return object
}

// drawDefinition gives the shapes of Kubernetes something that Kubernetes takes.
func (d drawing) drawDefinition(key, name string) any {
	examples := map[string][]any{
		"amount":    {1, "50%"},
		"quantity":  {"1", 2, "100m", "1.5Gi"},
		"resources": {map[string]any{}, map[string]any{"limits": map[string]any{"cpu": "1", "memory": "64Mi"}}},
		"probe":     {map[string]any{}, map[string]any{"tcpSocket": map[string]any{"port": 80}, "periodSeconds": 5}},
		"env":       {[]any{}, []any{map[string]any{"name": "A", "value": "1"}}},
		"port":      {80, 8080},
		"hosts":     {[]any{map[string]any{"host": "a.example.org", "paths": []any{map[string]any{"path": "/"}}}}},
		"tls":       {[]any{}, []any{map[string]any{"secretName": "a", "hosts": []any{"a.example.org"}}}},
		"mounts":    {[]any{}, []any{map[string]any{"name": "more", "mountPath": "/more"}}},
		"named":     {[]any{}, []any{map[string]any{"name": "more"}}},
		"objects":   {[]any{}},
	}[name]
	if examples == nil {
		return d.draw(key, d.definitions[name].(map[string]any))
	}
	return examples[d.rand.IntN(len(examples))]
}
