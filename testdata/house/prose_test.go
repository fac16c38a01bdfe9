package house

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPackagesSayWhatTheyAreFor wants a doc.go with the package comment in every
// package, so that a reader always finds it in the same place.
func TestPackagesSayWhatTheyAreFor(t *testing.T) {
	for p := range listPackages(t) {
		switch {
		case p.Doc == "":
			t.Errorf("%s has no package comment", p.ImportPath)
		case slices.Contains(p.GoFiles, "main.go"):
		case len(p.GoFiles) > 0 && !slices.Contains(p.GoFiles, "doc.go"):
			t.Errorf("%s has no doc.go", p.ImportPath)
		}
	}
}

// TestSourcesKnowNoMachine keeps the folders of the machine where a change was
// made out of the sources, and the host that it had its modules from.
func TestSourcesKnowNoMachine(t *testing.T) {
	machine := goEnv(t, "GOMODCACHE", "GOCACHE")
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(here, "/") > 1 { // a checkout right below / has a name like any other path
		machine = append(machine, here)
	}
	for proxy := range strings.FieldsFuncSeq(goEnv(t, "GOPROXY")[0], func(r rune) bool { return r == ',' || r == '|' }) {
		if u, err := url.Parse(proxy); err == nil && u.Host != "" {
			machine = append(machine, u.Host)
		}
	}
	for _, name := range sources(t) {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			for _, word := range machine {
				if strings.Contains(line, word) {
					t.Errorf("%s:%d names %s", name, i+1, word)
				}
			}
		}
	}
}

func goEnv(t *testing.T, names ...string) []string {
	t.Helper()
	env := exec.CommandContext(t.Context(), "go", append([]string{"env"}, names...)...)
	out, err := env.Output()
	if err != nil {
		t.Fatalf("%v: %v", env, err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// sources lists the files that the repository holds.
func sources(t *testing.T) []string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "git", "ls-files", "-z")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatalf("%v: %v", list, err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}
