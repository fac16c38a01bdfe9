package helm_test

import (
	"encoding/json"
	"flag"
	"maps"
	"math/rand/v2"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"sigs.k8s.io/yaml"

	"gantry/charts"
	"gantry/charts/engine"
	"gantry/convert/helm"
	"gantry/testdata/strict"
)

// TestEverySwitch turns every boolean value of a chart, one at a time and then all
// of them, and expects objects that the API knows.
func TestEverySwitch(t *testing.T) {
	for name, app := range switchable(t) {
		files, check := chartOf(t, app), strictly(name)
		c := load(t, files)
		defaults := defaultsOf(t, files)
		all := map[string]any{}
		for _, s := range switches(defaults, nil) {
			values := nestedAt(s.path, !s.on)
			check(t, c, app.name, given(values, defaults))
			merge(all, values)
		}
		check(t, c, app.name, given(all, defaults))
	}
}

var seeds = flag.Int("seeds", 10, "how many random values each chart is tried with")

// TestRandomValues draws values from the schema, and expects objects that the API
// knows. Some draws take values away (null): the schema may refuse these, and the
// templates may not fail. It is the same draw each time.
func TestRandomValues(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	removed, refused := 0, 0
	apps := switchable(t)
	for _, name := range slices.Sorted(maps.Keys(apps)) {
		app := apps[name]
		files, check := chartOf(t, app), strictly(name)
		c, schema, defaults := load(t, files), schemaOf(t, files), defaultsOf(t, files)
		d := drawing{rand: random, definitions: schema["definitions"].(map[string]any)}
		for i := range *seeds {
			values := d.draw("", schema).(map[string]any)
			if i%4 == 0 && d.remove(values) {
				removed++
				if refusedBySchema(c, app.name, values) {
					refused++
					continue
				}
			}
			check(t, c, app.name, given(values, defaults))
		}
	}
	if refused == 0 || refused == removed {
		t.Errorf("%d of %d removals were refused: this does not try both", refused, removed)
	}
}

// TestEachValue sets one value after the other to something else that the schema
// allows. It changes only objects whose templates are of the same service, or name it.
// Then it takes it away, and what it is in: the schema refuses that, or the chart
// renders.
func TestEachValue(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	apps := switchable(t)
	for _, name := range slices.Sorted(maps.Keys(apps)) {
		app := apps[name]
		files, check := chartOf(t, app), strictly(name)
		c, schema := load(t, files), schemaOf(t, files)
		d := drawing{rand: random, definitions: schema["definitions"].(map[string]any)}
		defaults := defaultsOf(t, files)
		before := check(t, c, app.name, given(map[string]any{}, defaults))
		leaves := leavesOf(defaults, nil)
		random.Shuffle(len(leaves), func(i, j int) { leaves[i], leaves[j] = leaves[j], leaves[i] })
		for _, path := range leaves[:min(*seeds, len(leaves))] {
			values := nestedAt(path, d.drawAt(path, schema))
			after := check(t, c, app.name, given(values, defaults))
			for file := range union(before, after) {
				template := string(content(t, files, file))
				if before[file] != after[file] && !strings.HasPrefix(file, "templates/"+path[0]+"/") && !reachedBy(path, template) {
					t.Errorf("%s with %v: changes %s:\n%s", name, values, file, cmp.Diff(before[file], after[file]))
				}
			}
			if gone := nestedAt(path[:1+random.IntN(len(path))], nil); !refusedBySchema(c, app.name, gone) {
				check(t, c, app.name, given(gone, defaults))
			}
		}
	}
}

// reachedBy reports whether a template may read a value: it names the first key, or
// takes what all objects have, or a value that reads a variable, from a helper.
func reachedBy(path []string, template string) bool {
	return strings.Contains(template, ".Values."+path[0]) || strings.Contains(template, "include ") && slices.Contains([]string{"global", "commonLabels", "nameOverride", "fullnameOverride", "prefixNames", "secrets", "variables"}, path[0])
}

func union(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// leavesOf returns the paths of all values that are no mappings.
func leavesOf(values map[string]any, below []string) [][]string {
	var leaves [][]string
	for _, key := range slices.Sorted(maps.Keys(values)) {
		path := append(slices.Clone(below), key)
		if sub, ok := values[key].(map[string]any); ok && len(sub) > 0 {
			leaves = append(leaves, leavesOf(sub, path)...)
			continue
		}
		leaves = append(leaves, path)
	}
	return leaves
}

func defaultsOf(t *testing.T, files []charts.File) map[string]any {
	t.Helper()
	var defaults map[string]any
	if err := yaml.Unmarshal(content(t, files, "values.yaml"), &defaults); err != nil {
		t.Fatal(err)
	}
	return defaults
}

func schemaOf(t *testing.T, files []charts.File) map[string]any {
	t.Helper()
	var schema map[string]any
	if err := json.Unmarshal(content(t, files, "values.schema.json"), &schema); err != nil {
		t.Fatal(err)
	}
	return schema
}

// given gives every secret of the chart a value where none is drawn: two renderings
// make up two.
func given(values, defaults map[string]any) map[string]any {
	secrets, _ := defaults["secrets"].(map[string]any)
	for name, secret := range secrets {
		data, _ := secret.(map[string]any)["data"].(map[string]any)
		for key := range data {
			drawn := values
			for _, step := range []string{"secrets", name, "data"} {
				below, ok := drawn[step].(map[string]any)
				if !ok {
					below = map[string]any{}
					drawn[step] = below
				}
				drawn = below
			}
			if drawn[key] == nil || drawn[key] == "" {
				drawn[key] = "given"
			}
		}
	}
	return values
}

// refusedBySchema reports whether the chart's schema refuses values.
func refusedBySchema(c *chart.Chart, release string, values map[string]any) bool {
	_, err := chartutil.ToRenderValues(c, values, chartutil.ReleaseOptions{Name: release}, nil)
	return err != nil && strings.HasPrefix(err.Error(), "values don't meet the specifications of the schema")
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
	return chartFiles(t, app.chart())
}

func chartFiles(t *testing.T, source helm.Source) []charts.File {
	t.Helper()
	files, err := helm.Chart(source)
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

// strictly returns a check that renders a chart by helm's engine and by ours, and fails
// where they differ or make a field that the API does not have. It returns the
// documents.
func strictly(name string) func(t *testing.T, c *chart.Chart, release string, values map[string]any) map[string]string {
	return func(t *testing.T, c *chart.Chart, release string, values map[string]any) map[string]string {
		t.Helper()
		documents, tests, err := renderWithTests(c, release, values)
		if err != nil {
			t.Fatalf("%s with %v: %v", name, values, err)
		}
		ours, err := engine.Render(t.Context(), c, values, engine.Options{Name: release, SkipSchema: true})
		if err != nil {
			t.Fatalf("%s with %v: helm renders it, and gantry says %v", name, values, err)
		}
		byUs := map[string]string{}
		for _, m := range ours.Manifests {
			byUs[strings.TrimPrefix(m.Source, c.Name()+"/")] = m.Content + "\n"
		}
		for _, h := range ours.Hooks {
			byUs[strings.TrimPrefix(h.Source, c.Name()+"/")] = h.Content + "\n"
		}
		maps.Copy(documents, tests)
		for file, text := range documents {
			if path.Ext(file) != ".yaml" {
				delete(documents, file)
				continue
			}
			if err := strict.Decode(text); err != nil {
				t.Fatalf("%s with %v: %s: %v", name, values, file, err)
			}
		}
		if diff := cmp.Diff(documents, byUs); diff != "" {
			t.Fatalf("%s with %v (-helm +gantry):\n%s", name, values, diff)
		}
		return documents
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
		return d.drawArray(key, schema)
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
		least, ok := schema["minimum"].(float64)
		if !ok {
			least = 1
		}
		return int(least) + d.rand.IntN(100)
	default:
		return nil
	}
}

// drawArray draws items where the schema says what they are.
func (d drawing) drawArray(key string, schema map[string]any) any {
	items := []any{}
	if item, ok := schema["items"].(map[string]any); ok && item["type"] == "string" {
		for range d.rand.IntN(3) {
			items = append(items, d.draw(key, item))
		}
	}
	return items
}

// drawAt draws a value for a path.
func (d drawing) drawAt(path []string, schema map[string]any) any {
	for i, key := range path {
		if ref, ok := schema["$ref"].(string); ok {
			schema = d.definitions[ref[strings.LastIndex(ref, "/")+1:]].(map[string]any)
		}
		properties, _ := schema["properties"].(map[string]any)
		below, ok := properties[key].(map[string]any)
		if !ok {
			below, _ = schema["additionalProperties"].(map[string]any)
		}
		schema = below
		if i == len(path)-1 {
			return d.draw(key, schema)
		}
	}
	return nil
}

// remove takes one of the values away, as null does in helm.
func (d drawing) remove(values map[string]any) bool {
	leaves := leavesOf(values, nil)
	if len(leaves) == 0 {
		return false
	}
	leaf := leaves[d.rand.IntN(len(leaves))]
	leaf = leaf[:1+d.rand.IntN(len(leaf))]
	merge(values, nestedAt(leaf, nil))
	return true
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
