package archive_test

import (
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"gantry/charts/archive"
)

func TestSetAnnotation(t *testing.T) {
	const changes = "- kind: added\n  description: A value\n"
	const block = "  example.org/changes: |\n    - kind: added\n      description: A value\n"
	tests := []struct{ name, before, want string }{
		{"none yet", "name: a # kept\n", "name: a # kept\nannotations:\n" + block},
		{"no line break at the end", "name: a", "name: a\nannotations:\n" + block},
		{"nothing in them", "annotations:\nname: a\n", "annotations:\n" + block + "name: a\n"},
		{"an empty mapping", "annotations: {}\n# kept\nname: a\n", "annotations:\n" + block + "# kept\nname: a\n"},
		{"behind others", "annotations:\n  a: b # kept\n\n# name\nname: a\n", "annotations:\n  a: b # kept\n" + block + "\n# name\nname: a\n"},
		{"in the place of one", "annotations:\n  # kept\n  example.org/changes: old\n  z: |\n    text\nname: a\n", "annotations:\n  # kept\n" + block + "  z: |\n    text\nname: a\n"},
		{"in the place of a block", "annotations:\n  example.org/changes: |-\n    - kind: fixed\n\n      description: x\n\n  # kept\n  z: y\n", "annotations:\n" + block + "\n  # kept\n  z: y\n"},
		{"as the last", "name: a\nannotations:\n    example.org/changes: >\n      a\n      b\n", "name: a\nannotations:\n    example.org/changes: |\n      - kind: added\n        description: A value\n"},
		{"in a flow", "name: a\nannotations: {z: y}\n", "name: a\nannotations:\n    z: y\n    example.org/changes: \"- kind: added\\n  description: A value\\n\"\n"},
		{"all of it a flow", "{name: a}\n", "{name: a, annotations: {example.org/changes: \"- kind: added\\n  description: A value\\n\"}}\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := archive.SetAnnotation([]byte(test.before), "example.org/changes", changes)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if have := annotations(t, got)["example.org/changes"]; have != changes {
				t.Errorf("it reads %q", have)
			}
		})
	}
	if got, err := archive.SetAnnotation([]byte("- a\n"), "a", "b"); err == nil {
		t.Errorf("a list has annotations: %s", got)
	}
}

func annotations(t *testing.T, data []byte) map[string]string {
	t.Helper()
	var m struct{ Annotations map[string]string }
	if err := yaml.Unmarshal(data, &m); err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
	return m.Annotations
}

// FuzzSetAnnotation writes into whatever is a mapping, and reads it back: the
// annotation is there, the others are as they were, and so is every other key.
func FuzzSetAnnotation(f *testing.F) {
	f.Add("name: a\nannotations:\n  a: b\n", "- kind: added\n")
	f.Add("annotations: {}\n", " x\n\ty\u2028")
	f.Add("annotations:\n  c: |+\n    x\n\n\nz: 1", "a\n\n")
	f.Add("a: &x b\nannotations: {c: *x}\n", "a\nb")
	f.Add("  name: a\n  version: 1.0.0\n", "b")
	f.Fuzz(func(t *testing.T, text, value string) {
		var before struct {
			Annotations map[string]string
			Rest        map[string]any `yaml:",inline"`
		}
		if !utf8.ValidString(value) || yaml.Unmarshal([]byte(text), &before) != nil {
			t.Skip()
		}
		got, err := archive.SetAnnotation([]byte(text), "c", value)
		if err != nil {
			t.Skip()
		}
		after := before
		after.Annotations, after.Rest = nil, nil
		if err := yaml.Unmarshal(got, &after); err != nil {
			t.Fatalf("%v: %q became %q", err, text, got)
		}
		var canonical string
		if yaml.Unmarshal(fmtValue(t, value), &canonical) != nil || canonical != value {
			t.Skip() // no text of YAML
		}
		if after.Annotations["c"] != value {
			t.Errorf("%q became %q: c reads %q, want %q", text, got, after.Annotations["c"], value)
		}
		delete(before.Annotations, "c")
		delete(after.Annotations, "c")
		if len(before.Annotations) > 0 || len(after.Annotations) > 0 {
			if diff := cmp.Diff(before.Annotations, after.Annotations); diff != "" {
				t.Errorf("%q became %q: (-before +after):\n%s", text, got, diff)
			}
		}
		if len(before.Rest) > 0 || len(after.Rest) > 0 {
			if diff := cmp.Diff(before.Rest, after.Rest); diff != "" {
				t.Errorf("%q became %q: (-before +after):\n%s", text, got, diff)
			}
		}
	})
}

func fmtValue(t *testing.T, value string) []byte {
	t.Helper()
	data, err := yaml.Marshal(value)
	if err != nil {
		t.Skip()
	}
	return data
}
