package bump_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/txtar"

	"gantry/charts"
	"gantry/charts/archive"
	"gantry/charts/bump"
	"gantry/charts/compare"
	"gantry/charts/engine"
)

var update = flag.Bool("update", false, "rewrite the expected proposals in testdata/bump")

// TestProposals compares the charts in the folders from and to of each case.
func TestProposals(t *testing.T) {
	if *update && os.Getenv("CI") != "" {
		t.Fatal("-update rewrites expectations, which is not for CI: unset CI to do it on purpose")
	}
	cases, err := filepath.Glob("../../testdata/bump/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("%d cases, error %v", len(cases), err)
	}
	spoken := map[string]bool{}
	for _, file := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			d, err := compare.Charts(side(t, a, "from/"), side(t, a, "to/"))
			if err != nil {
				t.Fatal(err)
			}
			p := bump.Propose(d)
			for _, r := range p.Reasons {
				spoken[r.Rule] = true
			}
			got := describe(t, p)
			for i, f := range a.Files {
				if f.Name != "proposal" {
					continue
				}
				if *update {
					a.Files[i].Data = []byte(got)
					if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
						t.Fatal(err)
					}
				} else if diff := cmp.Diff(string(f.Data), got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				return
			}
			t.Error("the case has no file proposal")
		})
	}
	for _, r := range bump.Rules() {
		if !spoken[r.Name] {
			t.Errorf("no case in testdata/bump is about the rule %s", r.Name)
		}
	}
}

func side(t *testing.T, a *txtar.Archive, folder string) compare.Side {
	t.Helper()
	var files []charts.File
	for _, f := range a.Files {
		if name, ok := strings.CutPrefix(f.Name, folder); ok {
			files = append(files, charts.File{Name: name, Data: f.Data})
		} else if name, ok := strings.CutPrefix(f.Name, "both/"); ok {
			files = append(files, charts.File{Name: name, Data: f.Data})
		}
	}
	c, err := archive.FromFiles(files)
	if err != nil {
		t.Fatal(err)
	}
	s, err := compare.Render(t.Context(), c, nil, engine.Options{Name: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func describe(t *testing.T, p bump.Proposal) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintln(&b, p.Step)
	for _, r := range p.Reasons {
		if strings.ContainsAny(r.Text, "\n\r") {
			t.Errorf("the reason %q is not one line", r.Text)
		}
		fmt.Fprintf(&b, "%s %s: %s\n", r.Step, r.Rule, r.Text)
	}
	return b.String()
}

func TestNext(t *testing.T) {
	tests := []struct {
		from string
		step bump.Step
		want string
	}{
		{"1.2.3", bump.None, "1.2.3"},
		{"1.2.3", bump.Patch, "1.2.4"},
		{"1.2.3", bump.Minor, "1.3.0"},
		{"1.2.3", bump.Major, "2.0.0"},
		{"1.2.3+build.7", bump.Patch, "1.2.4"},
		{"0.2.3", bump.Patch, "0.2.4"},
		{"0.2.3", bump.Minor, "0.3.0"},
		{"0.2.3", bump.Major, "0.3.0"},
		{"2.0.0-rc.1", bump.Patch, "2.0.0"},
		{"2.0.0-rc.1", bump.Major, "2.0.0"},
	}
	for _, test := range tests {
		if got, err := test.step.Next(test.from); got != test.want || err != nil {
			t.Errorf("%s after %s: got %s, error %v, want %s", test.step, test.from, got, err, test.want)
		}
	}
	if got, err := bump.Patch.Next("1.2"); err == nil {
		t.Errorf("1.2 is a version: %s", got)
	}
}

func TestEnough(t *testing.T) {
	tests := []struct {
		from, version string
		step          bump.Step
		want          bool
	}{
		{"1.2.3", "1.2.3", bump.None, true},
		{"1.2.3", "1.2.2", bump.None, false},
		{"1.2.3", "1.2.3", bump.Patch, false},
		{"1.2.3", "1.2.4", bump.Patch, true},
		{"1.2.3", "1.2.4", bump.Minor, false},
		{"1.2.3", "1.3.0-rc.1", bump.Minor, true},
		{"1.2.3", "1.3.7", bump.Minor, true},
		{"1.2.3", "1.9.0", bump.Major, false},
		{"1.2.3", "3.0.0", bump.Major, true},
		{"0.2.3", "0.3.0", bump.Major, true},
		{"2.0.0-rc.1", "2.0.0-rc.2", bump.Major, true},
		{"2.0.0", "2.0.0-rc.2", bump.None, false},
	}
	for _, test := range tests {
		if got, err := test.step.Enough(test.from, test.version); got != test.want || err != nil {
			t.Errorf("%s for a %s step from %s: got %t, error %v, want %t", test.version, test.step, test.from, got, err, test.want)
		}
	}
}

// TestChanges reads what is written as Artifact Hub reads it.
func TestChanges(t *testing.T) {
	p := bump.Proposal{Reasons: []bump.Reason{
		{Step: bump.Major, Rule: "value-removed", Kind: compare.Removed, Text: "the value a: # is gone"},
		{Step: bump.Patch, Rule: "image", Kind: compare.Altered, Text: `"é" - {x}`},
	}}
	text, err := p.Changes()
	if err != nil {
		t.Fatal(err)
	}
	var got []map[string]string
	if err := yaml.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	want := []map[string]string{{"kind": "removed", "description": "The value a: # is gone"}, {"kind": "changed", "description": `"é" - {x}`}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
