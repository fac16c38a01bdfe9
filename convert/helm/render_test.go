package helm_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	helmengine "helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/releaseutil"
	"k8s.io/apimachinery/pkg/util/yaml"

	"gantry/charts"
	"gantry/charts/engine"
)

// loaded is a chart as helm reads it, and its schema, which helm compiles each time.
type loaded struct {
	*chart.Chart
	compiled func() (*jsonschema.Schema, error)
}

func loadFiles(files []charts.File) (*loaded, error) {
	var buffered []*loader.BufferedFile
	for _, f := range files {
		buffered = append(buffered, &loader.BufferedFile{Name: f.Name, Data: f.Data})
	}
	c, err := loader.LoadFiles(buffered)
	if err != nil {
		return nil, err
	}
	return &loaded{c, sync.OnceValues(func() (*jsonschema.Schema, error) {
		const name = "file:///values.schema.json"
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(c.Schema))
		if err != nil {
			return nil, err
		}
		compiler := jsonschema.NewCompiler()
		if err := compiler.AddResource(name, document); err != nil {
			return nil, err
		}
		return compiler.Compile(name)
	})}, nil
}

// load reads the files of a chart as helm does.
func load(tb testing.TB, files []charts.File) *loaded {
	tb.Helper()
	c, err := loadFiles(files)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// values returns what the templates see, and an error of the type *jsonschema.ValidationError
// when the schema refuses it. helm itself holds the defaults against the schema in TestLint,
// and others in TestWrongValues.
func (c *loaded) values(release string, values map[string]any) (chartutil.Values, error) {
	options := chartutil.ReleaseOptions{Name: release, Namespace: "default", Revision: 1, IsInstall: true}
	if len(c.Schema) == 0 || len(c.Dependencies()) > 0 {
		return chartutil.ToRenderValues(c.Chart, values, options, chartutil.DefaultCapabilities)
	}
	all, err := chartutil.ToRenderValuesWithSchemaValidation(c.Chart, values, options, chartutil.DefaultCapabilities, true)
	if err != nil {
		return nil, err
	}
	schema, err := c.compiled()
	if err != nil {
		return nil, err
	}
	return all, schema.Validate(all["Values"].(chartutil.Values).AsMap())
}

// render renders a chart as helm template does, the schema and the splitting into
// documents included, and returns the documents by the name of their template.
func render(c *loaded, release string, values map[string]any) (map[string]string, error) {
	documents, _, err := renderWithTests(c, release, values)
	return documents, err
}

// renderWithTests is render, with the tests of the release apart.
func renderWithTests(c *loaded, release string, values map[string]any) (documents, tests map[string]string, err error) {
	all, err := c.values(release, values)
	if err != nil {
		return nil, nil, err
	}
	rendered, err := helmengine.Render(c.Chart, all)
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

// renderByUs is renderWithTests by gantry's engine, without what is no YAML. helm's is the
// judge of it in [checker.both].
func renderByUs(ctx context.Context, c *loaded, release string, values map[string]any) (documents, tests map[string]string, err error) {
	if _, err := c.values(release, values); err != nil {
		return nil, nil, err
	}
	ours, err := engine.Render(ctx, c.Chart, values, engine.Options{
		Name: release, SkipSchema: true, // c.values has looked
		Lint: len(c.Metadata.Dependencies) > 0, // their charts are not there
	})
	if err != nil {
		return nil, nil, err
	}
	documents, tests = map[string]string{}, map[string]string{}
	for _, m := range ours.Manifests {
		documents[strings.TrimPrefix(m.Source, c.Name()+"/")] = m.Content + "\n"
	}
	for _, h := range ours.Hooks {
		tests[strings.TrimPrefix(h.Source, c.Name()+"/")] = h.Content + "\n"
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
