package helm_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/releaseutil"
	"k8s.io/apimachinery/pkg/util/yaml"

	"gantry/charts"
)

// load reads the files of a chart as helm does.
func load(tb testing.TB, files []charts.File) *chart.Chart {
	tb.Helper()
	var buffered []*loader.BufferedFile
	for _, f := range files {
		buffered = append(buffered, &loader.BufferedFile{Name: f.Name, Data: f.Data})
	}
	c, err := loader.LoadFiles(buffered)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// render renders a chart as helm template does, the schema and the splitting into
// documents included, and returns the documents by the name of their template.
func render(c *chart.Chart, release string, values map[string]any) (map[string]string, error) {
	documents, _, err := renderWithTests(c, release, values)
	return documents, err
}

// renderWithTests is render, with the tests of the release apart.
func renderWithTests(c *chart.Chart, release string, values map[string]any) (documents, tests map[string]string, err error) {
	options := chartutil.ReleaseOptions{Name: release, Namespace: "default", Revision: 1, IsInstall: true}
	all, err := chartutil.ToRenderValues(c, values, options, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, nil, err
	}
	rendered, err := engine.Render(c, all)
	if err != nil {
		return nil, nil, err
	}
	documents, tests = map[string]string{}, map[string]string{}
	for name, text := range rendered {
		if path.Ext(name) != ".yaml" {
			documents[strings.TrimPrefix(name, c.Name()+"/")] = text
			delete(rendered, name)
		}
	}
	hooks, manifests, err := releaseutil.SortManifests(rendered, nil, releaseutil.InstallOrder)
	if err != nil {
		return nil, nil, err
	}
	for _, h := range hooks {
		tests[strings.TrimPrefix(h.Path, c.Name()+"/")] = h.Manifest + "\n"
	}
	for _, m := range manifests {
		name := strings.TrimPrefix(m.Name, c.Name()+"/")
		if documents[name] != "" {
			return nil, nil, fmt.Errorf("%s renders to several documents", name)
		}
		documents[name] = m.Content + "\n" // as helm writes the manifest of a release
	}
	return documents, tests, nil
}

// objects decodes rendered documents, by kind and name.
func objects(tb testing.TB, documents map[string]string) map[string]any {
	tb.Helper()
	found := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(documents)) {
		if path.Ext(name) != ".yaml" {
			continue
		}
		for key, object := range decode(tb, documents[name]) {
			if found[key] != nil {
				tb.Errorf("%s is rendered twice, again by %s", key, name)
			}
			found[key] = object
		}
	}
	return found
}

// decode reads a stream of YAML documents as the API server would.
func decode(tb testing.TB, text string) map[string]any {
	tb.Helper()
	found := map[string]any{}
	dec := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	for {
		var object map[string]any
		err := dec.Decode(&object)
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			tb.Fatalf("%v in:\n%s", err, text)
		}
		if len(object) == 0 {
			continue
		}
		meta, _ := object["metadata"].(map[string]any)
		found[fmt.Sprintf("%v %v", object["kind"], meta["name"])] = object
	}
}
