package repo_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/chart"

	"gantry/repo"
)

func entry(name, version string) *repo.Entry {
	return &repo.Entry{
		Metadata: chart.Metadata{APIVersion: "v2", Name: name, Version: version},
		URLs:     []string{"charts/" + repo.FileName(name, version)},
		Created:  time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
	}
}

func versions(x *repo.Index, name string) []string {
	var got []string
	for _, e := range x.Entries[name] {
		got = append(got, e.Version)
	}
	return got
}

func TestParse(t *testing.T) {
	t.Parallel()
	const good = `{"apiVersion":"v1","entries":{"web":[{"name":"web","version":"1.0.0","urls":[]},{"name":"web","version":"1.10.0","urls":[]}]}}`
	for _, tc := range []struct {
		name, in string
		want     map[string][]string
		warnings []string
		err      string
	}{
		{name: "json", in: good, want: map[string][]string{"web": {"1.10.0", "1.0.0"}}},
		{
			name: "yaml",
			in:   "apiVersion: v1\nentries:\n  web:\n  - {name: web, version: 2.0.0-rc.1}\n  - {name: web, version: 1.9.0}\n  - {name: web, version: 2.0.0}\n",
			want: map[string][]string{"web": {"2.0.0", "2.0.0-rc.1", "1.9.0"}},
		},
		{name: "unknown fields are passed over", in: "apiVersion: v1\nvendor: x\nentries:\n  web:\n  - {name: web, version: 1.0.0, vendor: {a: 1}}\n", want: map[string][]string{"web": {"1.0.0"}}},
		{
			name: "one malformed entry",
			in:   `{"apiVersion":"v1","entries":{"web":[{"name":"web","version":1},{"name":"web","version":"1.0.0"}]}}`,
			want: map[string][]string{"web": {"1.0.0"}}, warnings: []string{"entries.web.0"},
		},
		{
			name: "unusable entries",
			in:   `{"apiVersion":"v1","entries":{"web":[null,{"version":"1.0.0"},{"name":"web","version":"latest"},{"name":"web","version":"1.0"},{"name":"web","version":"1.0"}]}}`,
			want: map[string][]string{"web": {"1.0"}}, warnings: []string{"entries.web.0", "entries.web.1", "entries.web.2", "entries.web.4"},
		},
		{name: "no charts", in: "apiVersion: v1\n", want: map[string][]string{}},
		{name: "empty", in: "", err: "no apiVersion"},
		{name: "no apiVersion", in: "entries: {}\n", err: "no apiVersion"},
		{name: "a later format", in: "apiVersion: v7\n", err: `apiVersion "v7"`},
		{name: "a web page", in: "<html><body>Sign in</body></html>", err: "not a chart repository index"},
		{name: "entries is a list", in: `{"apiVersion":"v1","entries":[]}`, err: "not a chart repository index"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			x, list, err := repo.Parse("index.yaml", []byte(tc.in))
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("got error %v, want %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := map[string][]string{}
			for name := range x.Entries {
				got[name] = versions(x, name)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
			var warned []string
			for _, d := range list {
				warned = append(warned, d.Path.String())
			}
			if diff := cmp.Diff(tc.warnings, warned); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	x := repo.NewIndex()
	for _, v := range []string{"1.0.0", "1.2.0", "1.10.0", "2.0.0-rc.1", "2.0.0-rc.2", "v1.11.0"} {
		x.Entries["web"] = append(x.Entries["web"], entry("web", v))
	}
	x.Entries["early"] = []*repo.Entry{entry("early", "0.1.0-alpha.1")}
	for _, entries := range x.Entries {
		repo.SortEntries(entries)
	}
	for _, tc := range []struct{ chart, constraint, want, err string }{
		{"web", "", "v1.11.0", ""},
		{"web", "1.2.0", "1.2.0", ""},
		{"web", "1.11.0", "v1.11.0", ""},
		{"web", "^1.0", "v1.11.0", ""},
		{"web", "~1.2", "1.2.0", ""},
		{"web", "<1.10", "1.2.0", ""},
		{"web", "2.0.0-rc.1", "2.0.0-rc.1", ""},
		{"web", ">=2.0.0-0", "2.0.0-rc.2", ""},
		{"web", repo.Development, "2.0.0-rc.2", ""},
		{"web", ">=2.0.0", "", `chart "web" has no version ">=2.0.0" (the newest: 2.0.0-rc.2, 2.0.0-rc.1, v1.11.0, 1.10.0, 1.2.0)`},
		{"web", "newest", "", `"newest" is neither a version nor a constraint such as ^1.2 or ">=1.0 <2"`},
		{"early", "", "", `chart "early" has pre-releases only (the newest: 0.1.0-alpha.1)`},
		{"wbe", "", "", `no chart "wbe": did you mean web?`},
		{"database", "", "", `no chart "database"`},
	} {
		t.Run(tc.chart+" "+tc.constraint, func(t *testing.T) {
			t.Parallel()
			e, err := x.Find(tc.chart, tc.constraint)
			if tc.err != "" {
				if err == nil || err.Error() != tc.err {
					t.Fatalf("got error %v, want %s", err, tc.err)
				}
				return
			}
			if err != nil || e.Version != tc.want {
				t.Errorf("got %v, %v, want %s", e, err, tc.want)
			}
		})
	}
}

func TestMergeKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	ours, theirs := repo.NewIndex(), repo.NewIndex()
	mine, other := entry("web", "1.0.0"), entry("web", "1.0.0")
	mine.Digest, other.Digest = "aa", "bb"
	ours.Entries["web"] = []*repo.Entry{mine}
	theirs.Entries["web"] = []*repo.Entry{other, entry("web", "1.1.0")}
	theirs.Entries["db"] = []*repo.Entry{entry("db", "3.0.0")}
	ours.Merge(theirs)
	if diff := cmp.Diff([]string{"1.1.0", "1.0.0"}, versions(ours, "web")); diff != "" {
		t.Error(diff)
	}
	if got := ours.Entries["web"][1].Digest; got != "aa" {
		t.Errorf("the merged version has digest %s, want the one that was there", got)
	}
	if diff := cmp.Diff([]string{"db", "web"}, ours.Names()); diff != "" {
		t.Error(diff)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"web", "my-app.2", "Web_1", "postgres-15", "a"} {
		if err := repo.CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", ".", "..", "a/b", `a\b`, "-a", "a-", "a b", "wéb", "web-1.0.0", "web-v2.0.0x", strings.Repeat("a", 127), "a\x00"} {
		if repo.CheckName(name) == nil {
			t.Errorf("%q passes", name)
		}
	}
	for _, version := range []string{"1.2.3", "v1.2.3", "1.2.3-rc.1+build.5"} {
		if err := repo.CheckVersion(version); err != nil {
			t.Errorf("%q: %v", version, err)
		}
	}
	for _, version := range []string{"", "1", "1.2", "latest", "1.2.3/..", "01.2.3", "1.2.3-" + strings.Repeat("a", 127)} {
		if repo.CheckVersion(version) == nil {
			t.Errorf("%q passes", version)
		}
	}
}

// FuzzParse holds that an index that was read can be written in both formats
// and read again without loss.
func FuzzParse(f *testing.F) {
	seeds, err := filepath.Glob("testdata/index/*")
	if err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range seeds {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		x, _, err := repo.Parse("index.yaml", data)
		if err != nil {
			return
		}
		want, err := x.JSON()
		if err != nil {
			t.Fatalf("an index that was read cannot be written: %v", err)
		}
		for format, encode := range map[string]func() ([]byte, error){"json": x.JSON, "yaml": x.YAML} {
			out, err := encode()
			if err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			back, list, err := repo.Parse("again", out)
			if err != nil || len(list) > 0 {
				t.Fatalf("%s is not read back: %v %v\n%s", format, err, list, out)
			}
			if got, err := back.JSON(); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s changes the index (%v):\n%s\n%s", format, err, want, got)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	x := repo.NewIndex()
	for c := range 200 {
		name := fmt.Sprintf("chart-%d", c)
		for v := range 50 {
			e := entry(name, fmt.Sprintf("1.%d.0", v))
			e.Description = strings.Repeat("a chart of some length ", 10)
			x.Entries[name] = append(x.Entries[name], e)
		}
	}
	data, err := json.Marshal(x)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, _, err := repo.Parse("index.yaml", data); err != nil {
			b.Fatal(err)
		}
	}
}

// TestNotAnIndex says what is wrong in the words of the file.
func TestNotAnIndex(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"\n <!DOCTYPE html><html>Sign in</html>": "not a chart repository index: it is a web page",
		"Sign in":                                "not a chart repository index: it is a string",
		"[1]":                                    "not a chart repository index: it is an array",
		"apiVersion: v1\nentries: [1]":           "not a chart repository index: entries is an array",
		"apiVersion: v1\nentries: {web: 1}":      "not a chart repository index: entries is a number",
		"apiVersion: 2\nentries: {}":             "not a chart repository index: apiVersion is a number",
		"":                                       "not a chart repository index: it has no apiVersion",
	} {
		if _, _, err := repo.Parse("index.yaml", []byte(text)); !errors.Is(err, repo.ErrNotIndex) || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	_, list, err := repo.Parse("index.yaml", []byte("apiVersion: v1\nentries: {web: [{name: web, version: 1.5}, text]}"))
	if err != nil || len(list) != 2 || list[0].Summary != "the entry is left out: version is a number" || list[1].Summary != "the entry is left out: it is a string" {
		t.Errorf("%v, %v", list, err)
	}
}

// TestIndexAliases refuses an index whose aliases would fill the memory.
func TestIndexAliases(t *testing.T) {
	t.Parallel()
	text := "apiVersion: v1\nentries: {}\na: &a " + strings.Repeat("y", 100_000) + "\nb: [" + strings.Repeat("*a, ", 5000) + "]\n"
	if _, _, err := repo.Parse("index.yaml", []byte(text)); !errors.Is(err, repo.ErrNotIndex) || !strings.Contains(err.Error(), "aliases") {
		t.Errorf("%v", err)
	}
}
