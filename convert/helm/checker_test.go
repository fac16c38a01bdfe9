package helm_test

import (
	"errors"
	"maps"
	"path"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"gantry/testdata/strict"
)

// checker renders one chart with many values, and fails where an object has a field that the
// API does not have.
type checker struct {
	name, release string
	chart         *loaded
	defaults      map[string]any
	// right are the documents that were found to be.
	right map[string]bool
}

func newChecker(t *testing.T, name string, app application) *checker {
	t.Helper()
	return &checker{name: name, release: app.name, chart: loadedOf(t, app), defaults: defaultsOf(t, chartOf(t, app)), right: map[string]bool{}}
}

// ours renders by gantry's engine, and returns the documents.
func (k *checker) ours(t *testing.T, values map[string]any) map[string]string {
	t.Helper()
	documents, tests, err := renderByUs(t.Context(), k.chart, k.release, values)
	if err != nil {
		t.Fatalf("%s with %v: %v", k.name, values, err)
	}
	maps.Copy(documents, tests)
	for file, text := range documents {
		if k.right[text] {
			continue
		}
		if err := strict.Decode(text); err != nil {
			t.Fatalf("%s with %v: %s: %v", k.name, values, file, err)
		}
		k.right[text] = true
	}
	return documents
}

// both is ours, and expects helm's engine to render the same.
func (k *checker) both(t *testing.T, values map[string]any) map[string]string {
	t.Helper()
	documents, tests, err := renderWithTests(k.chart, k.release, values)
	if err != nil {
		t.Fatalf("%s with %v: %v", k.name, values, err)
	}
	maps.Copy(documents, tests)
	maps.DeleteFunc(documents, func(file, _ string) bool { return path.Ext(file) != ".yaml" })
	if diff := cmp.Diff(documents, k.ours(t, values)); diff != "" {
		t.Fatalf("%s with %v (-helm +gantry):\n%s", k.name, values, diff)
	}
	return documents
}

// refused reports whether the chart's schema refuses values.
func (k *checker) refused(values map[string]any) bool {
	_, err := k.chart.values(k.release, values)
	_, refused := errors.AsType[*jsonschema.ValidationError](err)
	return refused
}

// given gives every secret of the chart a value where none is drawn: two renderings
// make up two.
func (k *checker) given(values map[string]any) map[string]any {
	secrets, _ := k.defaults["secrets"].(map[string]any)
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
