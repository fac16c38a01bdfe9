package helm_test

import (
	"bytes"
	"encoding/base64"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gantry/convert/helm"
	"gantry/convert/manifest"
	"gantry/convert/workload"
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
	documents, err := render(load(t, chartOf(t, app)), app.name, helm.SecretValues(app.objects))
	if err != nil {
		t.Fatal(err)
	}
	want, got := direct(t, app.objects), objects(t, documents)
	if diff := cmp.Diff(normalise(want), normalise(got)); diff != "" {
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

var jobHash = regexp.MustCompile(`-[0-9a-f]{6}$`)

// normalise takes away what belongs to a chart, as the package comment of
// convert/helm lists it.
func normalise(objects map[string]any) map[string]any {
	out := map[string]any{}
	for key, o := range objects {
		object := o.(map[string]any)
		meta := object["metadata"].(map[string]any)
		if object["kind"] == "Job" {
			key = jobHash.ReplaceAllString(key, "")
			meta["name"] = jobHash.ReplaceAllString(meta["name"].(string), "")
		}
		if object["kind"] == "Secret" {
			object["data"] = secretContent(object)
			delete(object, "stringData")
		}
		normaliseMeta(object)
		out[key] = object
	}
	return out
}

// normaliseMeta drops, at any depth, the labels and annotations that a chart sets.
func normaliseMeta(node any) {
	switch n := node.(type) {
	case []any:
		for _, item := range n {
			normaliseMeta(item)
		}
	case map[string]any:
		for _, field := range []string{"labels", "annotations"} {
			m, ok := n[field].(map[string]any)
			if !ok {
				continue
			}
			for _, key := range []string{"app.kubernetes.io/managed-by", "helm.sh/chart", "helm.sh/resource-policy", "checksum/config", "checksum/secret"} {
				delete(m, key)
			}
			if len(m) == 0 {
				delete(n, field)
			}
		}
		for _, value := range n {
			normaliseMeta(value)
		}
	}
}

// made stands for a value that the chart makes up.
const made = "made up"

var madeUp = regexp.MustCompile(`^[A-Za-z0-9]{32}$`)

// secretContent decodes what a Secret holds.
func secretContent(secret map[string]any) map[string]any {
	content := map[string]any{}
	for _, field := range []string{"data", "stringData"} {
		m, _ := secret[field].(map[string]any)
		for key, value := range m {
			text := value.(string)
			if field == "data" {
				decoded, err := base64.StdEncoding.DecodeString(text)
				if err != nil {
					text = "not base64: " + text
				} else {
					text = string(decoded)
				}
			}
			if text == workload.Placeholder || madeUp.MatchString(text) {
				text = made
			}
			content[key] = text
		}
	}
	return content
}
