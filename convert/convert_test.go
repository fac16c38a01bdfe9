package convert_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"gantry/charts/diag"
	"gantry/convert"
	"gantry/convert/compose"
	"gantry/convert/manifest"
	"gantry/convert/rules"
	"gantry/testdata/strict"
)

var update = flag.Bool("update", false, "rewrite the expectations of the corpus")

// The files of a case that are not part of the Compose project.
const (
	optionsFile = "options.json"
	wantObjects = "want.yaml"
	wantReport  = "want.report"
)

// caseOptions is what options.json of a case may say.
type caseOptions struct {
	Files    []string
	Profiles []string
	Environ  []string
	Rules    rules.Options
}

// TestCorpus converts every case of testdata/convert and compares objects and
// report. A new case is a file, not code.
func TestCorpus(t *testing.T) {
	if *update && os.Getenv("CI") != "" {
		t.Fatal("-update changes expectations, and CI only checks them")
	}
	eachCase(t, checkCase)
}

// goldenCase is a case of testdata/convert, with its project in a folder.
type goldenCase struct {
	name    string
	archive *txtar.Archive
	dir     string
	opts    caseOptions
	want    map[string]string
}

// eachCase runs a check of every case, side by side.
func eachCase(t *testing.T, check func(t *testing.T, c goldenCase)) {
	t.Helper()
	for _, name := range glob(t, "../testdata/convert/*.txtar") {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			check(t, openCase(t, name))
		})
	}
}

// openCase writes the project of a case to a folder.
func openCase(t *testing.T, name string) goldenCase {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	c := goldenCase{name: name, archive: archive, dir: t.TempDir()}
	c.opts, c.want = unpack(t, archive, c.dir)
	return c
}

func checkCase(t *testing.T, c goldenCase) {
	t.Helper()
	result := convertCase(t, c.dir, c.opts)
	objects, report := printObjects(t, result), printReport(result.Diagnostics)
	if printObjects(t, convertCase(t, c.dir, c.opts)) != objects {
		t.Error("converting twice gives different bytes")
	}
	decodeStrictly(t, objects)
	checkKeys(t, result)
	got := map[string]string{wantObjects: objects, wantReport: report}
	if *update {
		rewrite(t, c.name, c.archive, got)
		return
	}
	for file, text := range got {
		if diff := cmp.Diff(c.want[file], text); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
}

// unpack writes the project of a case and returns its options and expectations.
func unpack(t *testing.T, archive *txtar.Archive, dir string) (caseOptions, map[string]string) {
	t.Helper()
	var opts caseOptions
	want := map[string]string{wantObjects: "", wantReport: ""}
	for _, f := range archive.Files {
		switch f.Name {
		case wantObjects, wantReport:
			want[f.Name] = string(f.Data)
		case optionsFile:
			if err := json.Unmarshal(f.Data, &opts); err != nil {
				t.Fatalf("%s: %v", optionsFile, err)
			}
		default:
			path := filepath.Join(dir, f.Name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, f.Data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return opts, want
}

func convertCase(t *testing.T, dir string, opts caseOptions) *convert.Result {
	t.Helper()
	result, err := convert.Convert(t.Context(), compose.Source{
		Files: opts.Files, WorkingDir: dir, Dir: dir, Profiles: opts.Profiles, Environ: opts.Environ,
	}, opts.Rules)
	if result == nil {
		t.Fatal(err)
	}
	return result
}

func printObjects(t *testing.T, result *convert.Result) string {
	t.Helper()
	var b bytes.Buffer
	if err := manifest.Write(&b, result.Objects); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func printReport(list diag.List) string {
	var b strings.Builder
	for _, d := range list {
		b.WriteString(d.String() + "\n")
	}
	return b.String()
}

// decodeStrictly fails on objects that an API server would refuse.
func decodeStrictly(t *testing.T, objects string) {
	t.Helper()
	if err := strict.Check(objects); err != nil {
		t.Error(err)
	}
}

func rewrite(t *testing.T, name string, archive *txtar.Archive, got map[string]string) {
	t.Helper()
	files := archive.Files[:0]
	for _, f := range archive.Files {
		if f.Name != wantObjects && f.Name != wantReport {
			files = append(files, f)
		}
	}
	for _, file := range []string{wantReport, wantObjects} {
		if got[file] != "" {
			files = append(files, txtar.File{Name: file, Data: []byte(got[file])})
		}
	}
	archive.Files = files
	if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}
