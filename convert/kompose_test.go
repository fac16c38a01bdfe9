package convert_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gantry/charts/diag"
	"gantry/convert"
	"gantry/convert/extension"
)

// TestKomposeLabels wants a case for each label of kompose: without it the objects
// are others, the report names the field of x-kubernetes that it stands for, and a
// value that means nothing is refused.
func TestKomposeLabels(t *testing.T) {
	labels := openCase(t, "../testdata/convert/kompose_labels.txtar")
	whole := convertCase(t, labels.dir, labels.opts)
	refused := openCase(t, "../testdata/convert/kompose_refused.txtar")
	wrong := convertCase(t, refused.dir, refused.opts).Diagnostics
	for _, label := range extension.Labels() {
		at := slices.IndexFunc(whole.Diagnostics, func(d diag.Diagnostic) bool { return d.Code == "kompose-label" && isAbout(d, label.Name) })
		if at < 0 {
			t.Errorf("no case uses %s", label.Name)
			continue
		}
		field, _, _ := strings.Cut(label.Field, ".")
		if said := whole.Diagnostics[at].Summary; !strings.HasPrefix(said, "is read as "+extension.Key+"."+field) {
			t.Errorf("%s: the report names no field %s: %s", label.Name, field, said)
		}
		if printObjects(t, whole) == printObjects(t, withoutKey(t, labels, whole.Diagnostics[at].Pos)) {
			t.Errorf("%s changes nothing", label.Name)
		}
		if !slices.ContainsFunc(wrong, func(d diag.Diagnostic) bool { return d.Severity == diag.Error && isAbout(d, label.Name) }) {
			t.Errorf("%s: no value is refused", label.Name)
		}
	}
}

// isAbout reports whether a diagnostic is about a label.
func isAbout(d diag.Diagnostic, label string) bool {
	return len(d.Path) > 0 && d.Path[len(d.Path)-1] == label
}

// withoutKey converts a case without the key at a position.
func withoutKey(t *testing.T, c goldenCase, pos diag.Pos) *convert.Result {
	t.Helper()
	file := filepath.Join(c.dir, pos.File)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, edited(t, text, pos, without), 0o644); err != nil {
		t.Fatal(err)
	}
	result := convertCase(t, c.dir, c.opts)
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return result
}
