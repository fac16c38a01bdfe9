package convert_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v4"

	"gantry/charts/diag"
	"gantry/convert"
	"gantry/convert/support"
)

// TestNoLeafDisappears takes each leaf of each case of testdata/convert away:
// either the result changes, or a diagnostic names the leaf, or it states what holds anyway, and
// the result changes when it states something else.
func TestNoLeafDisappears(t *testing.T) {
	if testing.Short() {
		t.Skip("converts the corpus once for each of its leaves")
	}
	var seen sync.Map
	eachCase(t, func(t *testing.T, c goldenCase) {
		t.Helper()
		whole := convertCase(t, c.dir, c.opts)
		if whole.Diagnostics.HasErrors() {
			return // there is no result to compare with
		}
		for key := range whole.Keys() {
			if !key.Leaf || key.Inactive {
				continue
			}
			// What one case has shown of a row and a text, the others need not.
			id := key.Row.Path + "\n" + restOfLine(t, c.dir, key.Pos)
			if _, shown := seen.LoadOrStore(id, true); !shown {
				checkLeaf(t, c.dir, c.opts, whole, key)
			}
		}
	})
}

func checkLeaf(t *testing.T, dir string, opts caseOptions, whole *convert.Result, key convert.Key) {
	t.Helper()
	if isQuiet(key.Row.Path, "") || named(whole.Diagnostics, key.Path) {
		return
	}
	file := filepath.Join(dir, key.Pos.File)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	with := func(edit func(n *yaml.Node, i, width int)) *convert.Result {
		if err := os.WriteFile(file, edited(t, text, key.Pos, edit), 0o644); err != nil {
			t.Fatal(err)
		}
		return convertCase(t, dir, opts)
	}
	matters := func(value string) bool {
		other := with(setTo(value))
		return !other.Diagnostics.HasErrors() && !sameResult(t, whole, other)
	}
	if sameResult(t, whole, with(without)) && !slices.ContainsFunc(otherValues(t, key.Path), matters) {
		t.Errorf("%s: %s disappears: without it, and with any other value, the result is the same. Report it", key.Pos, key.Path)
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// otherValues are the values that the schema of Compose lists for a key, or those
// of a switch. Any of them may be the one that holds anyway.
func otherValues(t *testing.T, path diag.Path) []string {
	t.Helper()
	entries, err := support.Entries()
	if err != nil {
		t.Fatal(err)
	}
	found, err := support.Find(entries, strings.Join(path, "."))
	if err != nil {
		return nil
	}
	switch {
	case found.Entry.Takes == "true or false":
		return []string{"true", "false"}
	case rowName(found.Entry.Path) == "container_name":
		return []string{"another"} // that of the service is its name anyway
	case rowName(found.Entry.Path) == "restart":
		return []string{"always"} // the schema lists the values in its description alone
	default:
		return found.Entry.Values
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

// without takes the key or item away that begins at a place among the children of
// a node.
func without(n *yaml.Node, i, width int) { n.Content = slices.Delete(n.Content, i, i+width) }

// setTo gives it another value.
func setTo(value string) func(n *yaml.Node, i, width int) {
	return func(n *yaml.Node, i, width int) {
		n.Content[i+width-1] = &yaml.Node{Kind: yaml.ScalarNode, Value: value}
	}
}

// edited returns a YAML file with an edit of the key or item at a position.
func edited(t *testing.T, text []byte, pos diag.Pos, edit func(n *yaml.Node, i, width int)) []byte {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if !apply(&doc, pos, edit) {
		t.Fatalf("%s: there is no key", pos)
	}
	out, err := yaml.Marshal(&doc)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func apply(n *yaml.Node, pos diag.Pos, edit func(n *yaml.Node, i, width int)) bool {
	width := 1
	if n.Kind == yaml.MappingNode {
		width = 2
	}
	for i, c := range n.Content {
		if c.Line == pos.Line && c.Column == pos.Column && i%width == 0 && n.Kind != yaml.DocumentNode {
			edit(n, i, width)
			return true
		}
		if apply(c, pos, edit) {
			return true
		}
	}
	return false
}
