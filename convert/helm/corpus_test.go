package helm_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"gantry/charts"
	"gantry/convert"
	"gantry/convert/compose"
	"gantry/convert/helm"
	"gantry/convert/manifest"
	"gantry/convert/rules"
	"gantry/convert/trace"
	"gantry/convert/workload"
)

// application is a converted application.
type application struct {
	name    string
	objects []manifest.Object
	charts  []*workload.Chart
	data    []*workload.Data
	// again converts it with other variables, and variables are what that shows.
	again     trace.Conversion
	variables *trace.Found
}

// chart is what the chart of the application is made of.
func (a application) chart() helm.Source {
	return helm.Source{Name: a.name, Objects: a.objects, Variables: a.variables, Charts: a.charts, Data: a.data}
}

// applications converts every case of testdata/convert that converts, and the
// demo in every way of exposing it.
func applications(t *testing.T) map[string]application {
	t.Helper()
	apps := map[string]application{}
	for name, convert := range conversions(t) {
		if app, err := convert(); err == nil {
			apps[name] = app
		}
	}
	return apps
}

// applicationOf converts one of the applications.
func applicationOf(t *testing.T, name string) application {
	t.Helper()
	app, err := conversions(t)[name]()
	if err != nil {
		t.Fatal(err)
	}
	return app
}

// conversions are what applications converts, by name. Errors of the demo are
// errors of the test.
func conversions(t *testing.T) map[string]func() (application, error) {
	t.Helper()
	cases, err := filepath.Glob("../../testdata/convert/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	all := map[string]func() (application, error){}
	for _, file := range cases {
		all[strings.TrimSuffix(filepath.Base(file), ".txtar")] = func() (application, error) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			return convertArchive(t, archive)
		}
	}
	for _, version := range []string{"v1", "v2"} {
		for _, expose := range []rules.Exposure{rules.ExposeCluster, rules.ExposeNodePort, rules.ExposeLoadBalancer, rules.ExposeIngress} {
			src := compose.Source{Files: []string{filepath.Join("../../testdata/demo", version, "compose.yaml")}}
			all["demo-"+version+"-"+string(expose)] = func() (application, error) {
				app, err := convertSource(t, src, rules.Options{Expose: expose})
				if err != nil {
					t.Fatal(err)
				}
				return app, nil
			}
		}
	}
	return all
}

// convertArchive converts the Compose project in an archive, with the options in
// its options.json.
func convertArchive(t *testing.T, archive *txtar.Archive) (application, error) {
	t.Helper()
	dir := t.TempDir()
	var opts struct {
		Files, Profiles, Environ []string
		Rules                    rules.Options
	}
	for _, f := range archive.Files {
		if f.Name == "options.json" {
			if err := json.Unmarshal(f.Data, &opts); err != nil {
				t.Fatal(err)
			}
		}
		write(t, filepath.Join(dir, f.Name), f.Data)
	}
	src := compose.Source{Files: opts.Files, WorkingDir: dir, Dir: dir, Profiles: opts.Profiles, Environ: opts.Environ}
	return convertSource(t, src, opts.Rules)
}

func convertSource(t *testing.T, src compose.Source, opts rules.Options) (application, error) {
	t.Helper()
	result, err := convert.Convert(t.Context(), src, opts)
	if err != nil {
		return application{}, err
	}
	app := application{name: result.App.Name, objects: result.Objects, charts: result.App.Charts, data: result.App.Data}
	app.again = func(ctx context.Context, variables map[string]string) ([]manifest.Object, error) {
		other := src
		other.Environ = slices.Clone(src.Environ)
		for name, value := range variables {
			other.Environ = append(other.Environ, name+"="+value)
		}
		again, err := convert.Convert(ctx, other, opts)
		if err != nil {
			return nil, err
		}
		return again.Objects, nil
	}
	app.variables, err = trace.Variables(t.Context(), result.Project.Variables, app.objects, app.again, charts.IsSecretName)
	if err != nil {
		t.Fatal(err)
	}
	return app, nil
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
