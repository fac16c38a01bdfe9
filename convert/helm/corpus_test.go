package helm_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
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

// projects is the folder of the Compose projects that all tests share.
var projects string

// TestMain lets the heap grow: the tests make much and keep little, and the collector
// took a sixth of their time.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(runIn(m))
}

func runIn(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gantry-charts-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	projects = dir
	return m.Run()
}

// application is a converted application.
type application struct {
	name    string
	objects []manifest.Object
	charts  []*workload.Chart
	data    []*workload.Data
	own     []string
	// again converts it with other variables, and variables are what that shows.
	again     trace.Conversion
	variables *trace.Found
	// files are its chart, and loaded is the chart as helm reads it: both are made once.
	files  func() ([]charts.File, error)
	loaded func() (*loaded, error)
}

// chart is what the chart of the application is made of.
func (a application) chart() helm.Source {
	return helm.Source{Name: a.name, Objects: a.objects, Variables: a.variables, Charts: a.charts, Data: a.data, Own: a.own}
}

// charted returns the application with its chart, which is made at first use.
func (a application) charted() application {
	source := a.chart()
	a.files = sync.OnceValues(func() ([]charts.File, error) { return helm.Chart(source) })
	files := a.files
	a.loaded = sync.OnceValues(func() (*loaded, error) {
		made, err := files()
		if err != nil {
			return nil, err
		}
		return loadFiles(made)
	})
	return a
}

// applications are the cases of testdata/convert that convert, and the demo in every way of
// exposing it.
func applications(t *testing.T) map[string]application {
	t.Helper()
	apps := map[string]application{}
	for name := range conversions() {
		if app, ok := converted(t, name); ok {
			apps[name] = app
		}
	}
	return apps
}

// applicationOf is one of the applications.
func applicationOf(t *testing.T, name string) application {
	t.Helper()
	app, ok := converted(t, name)
	if !ok {
		t.Fatalf("%s does not convert", name)
	}
	return app
}

// converted converts an application at first use. A case may be about what is refused; the
// demo never is.
func converted(t *testing.T, name string) (application, bool) {
	t.Helper()
	convert := conversions()[name]
	if convert == nil {
		t.Fatalf("there is no application %s", name)
	}
	app, err := convert()
	if err != nil && strings.HasPrefix(name, "demo-") {
		t.Fatal(err)
	}
	return app, err == nil
}

// conversions are the applications by name, each converted once for all tests.
var conversions = sync.OnceValue(func() map[string]func() (application, error) {
	cases, err := filepath.Glob("../../testdata/convert/*.txtar")
	if err != nil || len(cases) == 0 {
		panic("no cases in testdata/convert")
	}
	all := map[string]func() (application, error){}
	for _, file := range cases {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		all[name] = sync.OnceValues(func() (application, error) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				return application{}, err
			}
			return convertIn(context.Background(), filepath.Join(projects, name), archive)
		})
	}
	for _, version := range []string{"v1", "v2"} {
		for _, expose := range []rules.Exposure{rules.ExposeCluster, rules.ExposeNodePort, rules.ExposeLoadBalancer, rules.ExposeIngress} {
			src := compose.Source{Files: []string{filepath.Join("../../testdata/demo", version, "compose.yaml")}}
			all["demo-"+version+"-"+string(expose)] = sync.OnceValues(func() (application, error) {
				return convertSource(context.Background(), src, rules.Options{Expose: expose})
			})
		}
	}
	return all
})

// convertArchive converts the Compose project in an archive, with the options in
// its options.json.
func convertArchive(t *testing.T, archive *txtar.Archive) (application, error) {
	t.Helper()
	return convertIn(t.Context(), t.TempDir(), archive)
}

// convertIn is convertArchive in a folder.
func convertIn(ctx context.Context, dir string, archive *txtar.Archive) (application, error) {
	var opts struct {
		Files, Profiles, Environ []string
		Rules                    rules.Options
	}
	for _, f := range archive.Files {
		if f.Name == "options.json" {
			if err := json.Unmarshal(f.Data, &opts); err != nil {
				return application{}, err
			}
		}
		if err := write(filepath.Join(dir, f.Name), f.Data); err != nil {
			return application{}, err
		}
	}
	src := compose.Source{Files: opts.Files, WorkingDir: dir, Dir: dir, Profiles: opts.Profiles, Environ: opts.Environ}
	return convertSource(ctx, src, opts.Rules)
}

func convertSource(ctx context.Context, src compose.Source, opts rules.Options) (application, error) {
	result, err := convert.Convert(ctx, src, opts)
	if err != nil {
		return application{}, err
	}
	app := application{name: result.App.Name, objects: result.Objects, charts: result.App.Charts, data: result.App.Data, own: result.App.Own}
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
	app.variables, err = trace.Variables(ctx, trace.Application{
		Mentioned: result.Project.Variables, Objects: app.objects, Hosts: result.App.Hosts, Again: app.again, Secret: charts.IsSecretName,
	})
	if err != nil {
		panic(err) // the application converts, so this is no case of what is refused
	}
	return app.charted(), nil
}

func write(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o644)
}
