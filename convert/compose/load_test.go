package compose_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"gantry/charts/diag"
	"gantry/convert/compose"
)

var update = flag.Bool("update", false, "rewrite the expectations of the corpus")

// The files of a case that are not part of the project: what Load reports, and
// for a project that loads the position of every key.
const (
	wantReport  = "want.report"
	wantOrigins = "want.origins"
)

// TestCorpus loads every case of testdata/compose. The comment of a case may have
// lines "files: a b", "environ: A=b" and "profiles: x".
func TestCorpus(t *testing.T) {
	if *update && os.Getenv("CI") != "" {
		t.Fatal("-update changes expectations, and CI only checks them")
	}
	cases, err := filepath.Glob("../../testdata/compose/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, name := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			checkCase(t, name)
		})
	}
}

func checkCase(t *testing.T, name string) {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	want := map[string]string{}
	var inputs []txtar.File
	for _, f := range archive.Files {
		if f.Name == wantReport || f.Name == wantOrigins {
			want[f.Name] = string(f.Data)
			continue
		}
		inputs = append(inputs, f)
		write(t, filepath.Join(dir, f.Name), f.Data)
	}
	src := compose.Source{WorkingDir: dir}
	for line := range strings.Lines(string(archive.Comment)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "files":
			src.Files = strings.Fields(value)
		case "environ":
			src.Environ = strings.Fields(value)
		case "profiles":
			src.Profiles = strings.Fields(value)
		}
	}
	got := load(t, src)
	if *update {
		archive.Files = inputs
		for _, file := range []string{wantReport, wantOrigins} {
			if got[file] != "" {
				archive.Files = append(archive.Files, txtar.File{Name: file, Data: []byte(got[file])})
			}
		}
		write(t, name, txtar.Format(archive))
		return
	}
	for _, file := range []string{wantReport, wantOrigins} {
		if diff := cmp.Diff(want[file], got[file]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
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

// load returns what a case is compared with, and checks what holds for all.
func load(t *testing.T, src compose.Source) map[string]string {
	t.Helper()
	project, list, err := compose.Load(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	var report, origins strings.Builder
	for _, d := range list {
		report.WriteString(strings.ReplaceAll(d.String(), src.WorkingDir, "DIR") + "\n")
		if d.Hint != "" {
			report.WriteString("    " + d.Hint + "\n")
		}
	}
	if project == nil {
		return map[string]string{wantReport: report.String()}
	}
	for key := range project.Origins.Keys() {
		fmt.Fprintf(&origins, "%s %s\n", key.Pos, key.Path)
	}
	checkOrigins(t, project)
	return map[string]string{wantReport: report.String(), wantOrigins: origins.String()}
}

// checkOrigins finds every key again at its own position, once.
func checkOrigins(t *testing.T, project *compose.Project) {
	t.Helper()
	var paths []string
	for key := range project.Origins.Keys() {
		if got := project.Origins.At(key.Path...); got != key.Pos {
			t.Errorf("At(%s) = %s, and Keys has %s", key.Path, got, key.Pos)
		}
		if key.Pos.Line == 0 || key.Pos.Column == 0 || key.Pos.File == "" {
			t.Errorf("%s has no position: %s", key.Path, key.Pos)
		}
		paths = append(paths, strings.Join(key.Path, "\x00"))
	}
	slices.Sort(paths)
	if len(slices.Compact(slices.Clone(paths))) != len(paths) {
		t.Error("a key is there twice")
	}
}

// FuzzLoad loads any file. Whatever it holds, Load does not fail without saying
// where, and knows the position of each key of what it loads.
func FuzzLoad(f *testing.F) {
	cases, err := filepath.Glob("../../testdata/compose/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range cases {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if strings.HasSuffix(file.Name, ".yaml") {
				f.Add(file.Data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "compose.yaml"), data)
		project, list, err := compose.Load(t.Context(), compose.Source{WorkingDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if project != nil {
			checkOrigins(t, project)
			return
		}
		if !slices.ContainsFunc(list, func(d diag.Diagnostic) bool { return d.Severity == diag.Error && d.Pos.File != "" }) {
			t.Errorf("refused without saying where: %v", list)
		}
	})
}

// TestLayers loads services in layers, each of which waits for all of the layer below:
// whoever follows every path through them follows more than a billion.
func TestLayers(t *testing.T) {
	const layers = 10
	var b strings.Builder
	b.WriteString("services:\n")
	for i := range layers * layers {
		fmt.Fprintf(&b, "  s%d:\n    image: nginx\n", i)
		for below := i/layers*layers - layers; below >= 0 && below < i/layers*layers; below++ {
			if below%layers == 0 {
				b.WriteString("    depends_on:\n")
			}
			fmt.Fprintf(&b, "      - s%d\n", below)
		}
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "compose.yaml"), []byte(b.String()))
	project, list, err := compose.Load(t.Context(), compose.Source{WorkingDir: dir})
	if err != nil || project == nil || len(project.Services["s99"].DependsOn) != layers {
		t.Errorf("got %v, %v, %v", project, list, err)
	}
}
