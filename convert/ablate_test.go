package convert_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v4"

	"gantry/charts/diag"
	"gantry/convert"
)

// TestNoLeafDisappears takes each leaf of each case of testdata/convert away:
// either the result changes, or a diagnostic names the leaf, or its row says that nothing comes of it.
func TestNoLeafDisappears(t *testing.T) {
	if testing.Short() {
		t.Skip("converts the corpus once for each of its leaves")
	}
	cases, err := filepath.Glob("../testdata/convert/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	var seen sync.Map
	for _, name := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			opts, _ := unpack(t, archive, dir)
			whole := convertCase(t, dir, opts)
			if whole.Diagnostics.HasErrors() {
				return // there is no result to compare with
			}
			for key := range whole.Keys() {
				if !key.Leaf || key.Inactive {
					continue
				}
				// What one case has shown of a row and a text, the others need not.
				id := key.Row.Path + "\n" + restOfLine(t, dir, key.Pos)
				if _, shown := seen.LoadOrStore(id, true); !shown {
					checkLeaf(t, dir, opts, whole, key)
				}
			}
		})
	}
}

func checkLeaf(t *testing.T, dir string, opts caseOptions, whole *convert.Result, key convert.Key) {
	t.Helper()
	_, idle := idleLeaves()[rowName(key.Row.Path)]
	if idle || isQuiet(key.Row.Path, "") || named(whole.Diagnostics, key.Path) {
		return
	}
	file := filepath.Join(dir, key.Pos.File)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, ablated(t, text, key.Pos), 0o644); err != nil {
		t.Fatal(err)
	}
	less := convertCase(t, dir, opts)
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	if sameResult(t, whole, less) {
		t.Errorf("%s: %s disappears: without it the result is the same. Report it, or say in idleLeaves why nothing comes of it", key.Pos, key.Path)
	}
}

// idleLeaves are rows of which the corpus has values that rightly change nothing,
// with the reason.
func idleLeaves() map[string]string {
	return map[string]string{
		"networks":                              "joins services that reach each other anyway",
		"volumes.*.driver_opts":                 "mount does not look at the device of a tmpfs, nor at the type of a bind",
		"gpus":                                  "the driver is the one that is taken anyway",
		"deploy.resources.reservations.devices": "the driver is the one that is taken anyway",
		"triggers":                              "one and forbid are the defaults, and every CronJob can be started by hand",
		"ipc":                                   "shareable is what the containers of a pod are",
		"networks.*.enable_ipv6":                "false is the default",
		"networks.*.internal":                   "false is the default",
	}
}

// restOfLine returns the text at a position.
func restOfLine(t *testing.T, dir string, pos diag.Pos) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, pos.File))
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Split(string(text), "\n")[pos.Line-1]
	return line[min(len(line), pos.Column-1):]
}

// ablated returns a YAML file without the key or item at a position.
func ablated(t *testing.T, text []byte, pos diag.Pos) []byte {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if !remove(&doc, pos) {
		t.Fatalf("%s: there is no key", pos)
	}
	out, err := yaml.Marshal(&doc)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func remove(n *yaml.Node, pos diag.Pos) bool {
	width := 1
	if n.Kind == yaml.MappingNode {
		width = 2
	}
	for i, c := range n.Content {
		if c.Line == pos.Line && c.Column == pos.Column && i%width == 0 && n.Kind != yaml.DocumentNode {
			n.Content = append(n.Content[:i:i], n.Content[i+width:]...)
			return true
		}
		if remove(c, pos) {
			return true
		}
	}
	return false
}
