package merge_test

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

	"gantry/charts"
	"gantry/charts/merge"
)

var update = flag.Bool("update", false, "rewrite the expectations of the corpus")

// TestCorpus merges the cases of testdata/merge: the folders base, yours and
// generated of a case are the three versions of a chart. Below want/ is what should
// come of it: a report of changes and conflicts, and each file that is not as it is
// in yours; with the choice markers, if there are conflicts.
func TestCorpus(t *testing.T) {
	if *update && os.Getenv("CI") != "" {
		t.Fatal("-update changes expectations, and CI only checks them")
	}
	cases, err := filepath.Glob("../../testdata/merge/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, name := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) { checkCase(t, name) })
	}
}

func checkCase(t *testing.T, name string) {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var want []txtar.File
	sides := map[string][]charts.File{}
	inputs := archive.Files[:0:0]
	for _, f := range archive.Files {
		side, rest, _ := strings.Cut(f.Name, "/")
		if side == "want" {
			want = append(want, f)
			continue
		}
		inputs = append(inputs, f)
		sides[side] = append(sides[side], charts.File{Name: rest, Data: f.Data})
	}
	merged := merge.Merge(merge.Input{Base: &merge.Record{Files: sides["base"]}, Yours: sides["yours"], Generated: sides["generated"], Conflicts: merge.Markers})
	got := results(sides["yours"], merged)
	if *update {
		archive.Files = append(inputs, got...)
		if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// results writes what a merge has come to.
func results(yours []charts.File, merged *merge.Result) []txtar.File {
	var report strings.Builder
	for _, r := range merged.Renames {
		fmt.Fprintf(&report, "renamed %s to %s\n", r.From, r.To)
	}
	for _, c := range merged.Changes {
		fmt.Fprintf(&report, "%s %s %s", c.From, c.What, strings.TrimSuffix(c.File+": "+c.Path.String(), ": "))
		for _, extra := range []string{c.Was, c.Note} {
			if extra != "" {
				fmt.Fprintf(&report, " (%s)", extra)
			}
		}
		report.WriteByte('\n')
	}
	for _, c := range merged.Conflicts {
		fmt.Fprintf(&report, "conflict %s:%d: %s: %s\n", c.File, c.Line, c.Path, c.Why)
	}
	out := []txtar.File{{Name: "want/report", Data: []byte(report.String())}}
	for _, f := range merged.Files {
		was := slices.IndexFunc(yours, func(y charts.File) bool { return y.Name == f.Name })
		if was < 0 || string(yours[was].Data) != string(f.Data) {
			out = append(out, txtar.File{Name: "want/" + f.Name, Data: f.Data})
		}
	}
	for _, y := range yours {
		if !slices.ContainsFunc(merged.Files, func(f charts.File) bool { return f.Name == y.Name }) {
			out = append(out, txtar.File{Name: "want/" + y.Name, Data: []byte("(deleted)\n")})
		}
	}
	return out
}
