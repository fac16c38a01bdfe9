package helm_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gantry/convert/helm"
	"gantry/convert/manifest"
	"gantry/testdata/strict"
)

// TestChartRendersToTheObjects renders the charts of all cases of the conversion
// and of the demo with their default values, and expects the objects of gantry
// convert.
func TestChartRendersToTheObjects(t *testing.T) {
	for name, app := range applications(t) {
		t.Run(name, func(t *testing.T) { compareChart(t, app) })
	}
}

// compareChart makes a chart of objects, renders it under the name of the
// application and compares object for object.
func compareChart(t *testing.T, app application) {
	t.Helper()
	documents, err := render(loadedOf(t, app), app.name, helm.SecretValues(app.objects))
	if err != nil {
		t.Fatal(err)
	}
	want, got := direct(t, app.objects), objects(t, documents)
	if diff := cmp.Diff(strict.Plain(want), strict.Plain(got)); diff != "" {
		t.Errorf("the chart renders to something else (-convert +chart):\n%s", diff)
	}
}

// direct returns objects as gantry convert prints them.
func direct(t *testing.T, from []manifest.Object) map[string]any {
	t.Helper()
	var text bytes.Buffer
	if err := manifest.Write(&text, from); err != nil {
		t.Fatal(err)
	}
	return decode(t, text.String())
}
