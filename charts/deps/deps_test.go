package deps_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gantry/charts"
	"gantry/charts/archive"
	"gantry/charts/deps"
)

// shelf is a repository in memory: what it has is what the keys say, as
// NAME-VERSION.
type shelf map[string][]byte

func newShelf(t *testing.T, names ...string) shelf {
	t.Helper()
	s := shelf{}
	for _, full := range names {
		name, version, _ := strings.Cut(full, "-")
		s[full] = packed(t, name, version)
	}
	return s
}

func (s shelf) Locate(repository string) (string, error) {
	if repository == "@public" {
		return "https://charts.example.org", nil
	}
	return repository, nil
}

func (s shelf) Versions(_ context.Context, _, name string) ([]string, error) {
	var versions []string
	for full := range s {
		if version, ok := strings.CutPrefix(full, name+"-"); ok {
			versions = append(versions, version)
		}
	}
	slices.Sort(versions)
	slices.Reverse(versions)
	return versions, nil
}

func (s shelf) Fetch(ctx context.Context, _, name, version string) ([]byte, error) {
	data, ok := s[name+"-"+version]
	if !ok {
		return nil, fmt.Errorf("%s %s: %w", name, version, fs.ErrNotExist)
	}
	return data, ctx.Err()
}

func packed(t *testing.T, name, version string) []byte {
	t.Helper()
	c, err := archive.FromFiles([]charts.File{{Name: "Chart.yaml", Data: fmt.Appendf(nil, "apiVersion: v2\nname: %s\nversion: %s\n", name, version)}})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := archive.Pack(&b, c); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// folder writes the files of a folder, Chart.yaml with these dependencies.
func folder(t *testing.T, dependencies string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	all := map[string]string{"Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies:\n" + dependencies}
	maps.Copy(all, files)
	for name, text := range all {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// tree lists what is below charts/, and nothing else may be beside it.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		names = append(names, filepath.ToSlash(name))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

func options() deps.Options {
	return deps.Options{Now: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }}
}

func TestUpdateAndBuild(t *testing.T) {
	dir := folder(t, `- {name: db, version: ^1, repository: "@public"}
- {name: db, version: ^1, alias: replica, repository: "@public"}
- {name: cache, version: ~2.0, repository: https://charts.example.org}
- {name: own, version: "*"}
- {name: near, version: ">=0.1", repository: file://../near}
`, map[string]string{
		"charts/own/Chart.yaml":       "apiVersion: v2\nname: own\nversion: 0.1.0\n",
		"charts/README.md":            "mine",
		"charts/old-1.0.0.tgz":        string(packed(t, "old", "1.0.0")),
		"charts/broken-1.0.0.tgz":     "not a chart",
		"../near/Chart.yaml":          "apiVersion: v2\nname: near\nversion: 0.2.0\n",
		"charts/own/templates/a.yaml": "",
		".helmignore":                 "charts/broken*\ncharts/README.md\n",
	})
	s := newShelf(t, "db-1.0.0", "db-1.2.0", "db-2.0.0", "cache-2.0.7", "cache-2.1.0")
	o := options()
	var told []string
	o.Observe = func(f deps.Fetched) { told = append(told, fmt.Sprintf("%d/%d", f.Done, f.Total)) }
	result, err := deps.Update(t.Context(), dir, s, o)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		".helmignore", "Chart.lock", "Chart.yaml", "charts/README.md", "charts/broken-1.0.0.tgz", "charts/cache-2.0.7.tgz",
		"charts/db-1.2.0.tgz", "charts/near-0.2.0.tgz", "charts/own/Chart.yaml", "charts/own/templates/a.yaml",
	}
	if diff := cmp.Diff(want, tree(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"1/4", "2/4", "3/4", "4/4"}, told); diff != "" || !result.Locked || !slices.Equal(result.Removed, []string{"old-1.0.0.tgz"}) {
		t.Errorf("locked %t, removed %v, told (-want +got):\n%s", result.Locked, result.Removed, diff)
	}
	lock, err := os.ReadFile(filepath.Join(dir, "Chart.lock"))
	if err != nil {
		t.Fatal(err)
	}

	// Newer versions are for an update; a build keeps to the lock file, whatever
	// is in charts/.
	s["db-1.3.0"] = packed(t, "db", "1.3.0")
	if err := os.RemoveAll(filepath.Join(dir, "charts", "db-1.2.0.tgz")); err != nil {
		t.Fatal(err)
	}
	result, err = deps.Build(t.Context(), dir, s, options())
	if err != nil || result.Locked {
		t.Fatalf("locked again, error %v", err)
	}
	if diff := cmp.Diff(want, tree(t, dir)); diff != "" {
		t.Errorf("files after a build (-want +got):\n%s", diff)
	}
	if again, err := os.ReadFile(filepath.Join(dir, "Chart.lock")); err != nil || !bytes.Equal(lock, again) {
		t.Errorf("a build changes the lock file, error %v:\n%s", err, again)
	}
	c, err := archive.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	var states []string
	for _, d := range deps.List(c) {
		states = append(states, fmt.Sprintf("%s %s %s %s", d.Name, d.Locked, d.Have, d.Status))
	}
	if diff := cmp.Diff([]string{"db 1.2.0 1.2.0 ok", "db 1.2.0 1.2.0 ok", "cache 2.0.7 2.0.7 ok", "own * 0.1.0 ok", "near 0.2.0 0.2.0 ok"}, states); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

// TestFailuresChangeNothing fails in every part of the work: the folder is as it
// was.
func TestFailuresChangeNothing(t *testing.T) {
	tests := []struct{ name, dependencies, want string }{
		{"no such version", "- {name: db, version: ^9, repository: https://charts.example.org}\n", `no version of db in https://charts.example.org meets "^9" (there are: 1.0.0)`},
		{"no constraint", "- {name: db, version: newest!, repository: https://charts.example.org}\n", `dependency db: "newest!" is neither a version nor a constraint`},
		{"not in charts", "- {name: own, version: ^1}\n", `no version of own in charts/ meets "^1"`},
		{"no folder", "- {name: near, version: ^1, repository: file://nowhere}\n", "no such file"},
		{"another chart", "- {name: near, version: ^1, repository: file://other}\n", "is the chart other"},
		{"cannot be read", "- {name: db, version: ^1, repository: https://charts.example.org}\n- {name: evil, version: ^1, repository: https://charts.example.org}\n", "dependency evil: chart: not a gzipped archive"},
		{"something else was sent", "- {name: liar, version: ^1, repository: https://charts.example.org}\n", "sent db 1.0.0 for version 1.0.0"},
		{"two of a name", "- {name: db, version: ^1, repository: https://charts.example.org}\n- {name: db, alias: other, version: ^1, repository: https://other.example.org}\n", "two dependencies would both be charts/db-1.0.0.tgz"},
		{"a folder that lacks charts", "- {name: lacks, version: ^1, repository: file://lacks}\n", "lacks charts itself: db"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := folder(t, test.dependencies, map[string]string{
				"charts/old-1.0.0.tgz": string(packed(t, "old", "1.0.0")), ".helmignore": "/other\n/lacks\n",
				"other/Chart.yaml": "apiVersion: v2\nname: other\nversion: 1.0.0\n",
				"lacks/Chart.yaml": "apiVersion: v2\nname: lacks\nversion: 1.0.0\ndependencies: [{name: db, version: ^1, repository: https://charts.example.org}]\n",
			})
			before := tree(t, dir)
			s := newShelf(t, "db-1.0.0")
			s["evil-1.0.0"], s["liar-1.0.0"] = []byte("evil"), packed(t, "db", "1.0.0")
			_, err := deps.Update(t.Context(), dir, s, options())
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
			if diff := cmp.Diff(before, tree(t, dir)); diff != "" {
				t.Errorf("the folder has changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestLocksOutOfSync(t *testing.T) {
	dir := folder(t, "- {name: db, version: ^1, repository: https://charts.example.org}\n", nil)
	s := newShelf(t, "db-1.0.0", "db-2.0.0")
	if _, err := deps.Build(t.Context(), dir, s, options()); err != nil {
		t.Fatalf("without a lock file: %v", err)
	}
	file := filepath.Join(dir, "Chart.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, bytes.Replace(text, []byte("^1"), []byte("^2"), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	_, err = deps.Build(t.Context(), dir, s, options())
	if _, ok := errors.AsType[*deps.OutOfSyncError](err); !ok || !slices.Equal(before, tree(t, dir)) {
		t.Errorf("error %v", err)
	}
	if _, err := deps.Update(t.Context(), dir, s, options()); err != nil || !slices.Contains(tree(t, dir), "charts/db-2.0.0.tgz") || slices.Contains(tree(t, dir), "charts/db-1.0.0.tgz") {
		t.Errorf("after an update there are %v, error %v", tree(t, dir), err)
	}
	lock := filepath.Join(dir, "Chart.lock")
	if err := errors.Join(os.Remove(lock), os.Symlink("Chart.yaml", lock)); err != nil {
		t.Fatal(err)
	}
	if _, err := deps.Update(t.Context(), dir, s, options()); err == nil {
		t.Error("a lock file that is a link is written through")
	}
}

func TestInterrupted(t *testing.T) {
	dir := folder(t, "- {name: db, version: ^1, repository: https://charts.example.org}\n", nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := deps.Update(ctx, dir, newShelf(t, "db-1.0.0"), options()); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff([]string{"Chart.yaml"}, tree(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}
