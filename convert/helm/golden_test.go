package helm_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the expectations of the corpus")

// chartDir is where a case has the files of its chart.
const chartDir = "chart/"

// TestCorpus makes the charts of testdata/chart. A case holds a Compose project
// and below chart/ what the chart should look like: the files that it is about, or
// all files where -update finds none.
func TestCorpus(t *testing.T) {
	if *update && os.Getenv("CI") != "" {
		t.Fatal("-update changes expectations, and CI only checks them")
	}
	cases, err := filepath.Glob("../../testdata/chart/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, name := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) { checkChart(t, name) })
	}
}

func checkChart(t *testing.T, name string) {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	expected := func(f txtar.File) bool { return strings.HasPrefix(f.Name, chartDir) }
	var want []txtar.File
	for _, f := range archive.Files {
		if expected(f) {
			want = append(want, f)
		}
	}
	archive.Files = slices.DeleteFunc(archive.Files, expected)
	app, err := convertArchive(t, archive)
	if err != nil {
		t.Fatal(err)
	}
	compareChart(t, app)
	files := chartOf(t, app)
	var got []txtar.File
	for _, f := range files {
		named := func(w txtar.File) bool { return w.Name == chartDir+f.Name }
		if len(want) == 0 || slices.ContainsFunc(want, named) {
			// An archive cannot say that a file has no line break at its end.
			text := strings.TrimSuffix(string(f.Data), "\n") + "\n"
			got = append(got, txtar.File{Name: chartDir + f.Name, Data: []byte(text)})
		}
	}
	if !*update {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		return
	}
	archive.Files = append(archive.Files, got...)
	if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}
