package helm_test

import (
	"encoding/json"
	"flag"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"gantry/charts"
	"gantry/convert/helm"
)

// TestEverySwitch turns every boolean value of a chart, one at a time and then all
// of them, and expects objects that the API knows.
func TestEverySwitch(t *testing.T) {
	for name, app := range switchable(t) {
		check := newChecker(t, name, app)
		all := map[string]any{}
		for _, s := range switches(check.defaults, nil) {
			values := nestedAt(s.path, !s.on)
			check.ours(t, check.given(values))
			merge(all, values)
		}
		check.both(t, check.given(all))
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
		check := newChecker(t, name, apps[name])
		schema := schemaOf(t, chartOf(t, apps[name]))
		d := drawing{rand: random, definitions: schema["definitions"].(map[string]any)}
		for i := range *seeds {
			values := d.draw("", schema).(map[string]any)
			if i%4 == 0 && d.remove(values) {
				removed++
				if check.refused(values) {
					refused++
					continue
				}
			}
			check.both(t, check.given(values))
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
		check, files := newChecker(t, name, apps[name]), chartOf(t, apps[name])
		schema := schemaOf(t, files)
		d := drawing{rand: random, definitions: schema["definitions"].(map[string]any)}
		before := check.both(t, check.given(map[string]any{}))
		leaves := leavesOf(check.defaults, nil)
		random.Shuffle(len(leaves), func(i, j int) { leaves[i], leaves[j] = leaves[j], leaves[i] })
		for _, path := range leaves[:min(*seeds, len(leaves))] {
			values := nestedAt(path, d.drawAt(path, schema))
			after := check.ours(t, check.given(values))
			for file := range union(before, after) {
				template := string(content(t, files, file))
				if before[file] != after[file] && !strings.HasPrefix(file, "templates/"+path[0]+"/") && !reachedBy(path, template) {
					t.Errorf("%s with %v: changes %s:\n%s", name, values, file, cmp.Diff(before[file], after[file]))
				}
			}
			if gone := nestedAt(path[:1+random.IntN(len(path))], nil); !check.refused(gone) {
				check.ours(t, check.given(gone))
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
	files, err := app.files()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func loadedOf(t *testing.T, app application) *loaded {
	t.Helper()
	c, err := app.loaded()
	if err != nil {
		t.Fatal(err)
	}
	return c
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
