package manifest_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	yaml3 "go.yaml.in/yaml/v3"
	yaml11 "sigs.k8s.io/yaml"

	"gantry/convert/manifest"
)

// awkward are texts that some YAML reader takes for something else.
func awkward() []string {
	return []string{
		"", " ", "a", "-", "--", "-c", "---", "...", "~", "null", "Null", "true", "Yes", "no", "on", "OFF", "y", "0", "007", "0x1f", "1e3", "1_000", "12:30:45", "2020-01-01",
		".5", ".inf", "-.Inf", ".nan", "+1", "-1", "1.2.3.4", "100m", "1Gi", "5s", "a: b", "a:", "a #b", "#a", "&a", "*a", "!a", "%a", "@a", "`a", "|", ">", "[a]", "{a}", "{{ x }}",
		"a, b", "'a'", `"a"`, `a"b'c`, `back\slash`, "tab\there", "\ttab", "line\nbreak", "line\n", "line\n\n", "\nline", " lead\nline", "trail \nline\n", "\n", "\n\n", "cr\r\nlf", "\r",
		"nul\x00", "bell\a", "esc\x1b[0m", "del\x7f", "nel\u0085", "ls\u2028x", "ps\u2029", "bom\ufeff", "emoji 😀", "umlaut ü", "\ufffd", "=", "<<", "? a", "- a", "a\\n", "$(x)", "http://x:80/y?z#w",
		strings.Repeat("long ", 300), strings.Repeat("k", 1024), strings.Repeat("k", 1025), "key: |\n  text", "# comment\nline", "--- \nline", "a\n---\nb", "a\n...\nb", "tab\n\tindented", "x\n  y\n z",
	}
}

func TestEncodeKeepsText(t *testing.T) {
	for _, text := range awkward() {
		checkText(t, text)
	}
}

func FuzzEncodeKeepsText(f *testing.F) {
	for _, text := range awkward() {
		f.Add(text)
	}
	f.Fuzz(checkText)
}

// checkText writes a text as a value, a key, and an item, and reads it back with
// a YAML 1.2 reader and with the one of the API server's clients.
func checkText(t *testing.T, text string) {
	t.Helper()
	text = strings.ToValidUTF8(text, "?") // objects hold no other text
	n := &manifest.Node{Kind: manifest.Map}
	n.Set("value", manifest.Text(text))
	n.Set("map", &manifest.Node{Kind: manifest.Map, Fields: []manifest.Field{{Key: text, Value: manifest.Text("x")}}})
	n.Set("list", &manifest.Node{Kind: manifest.Sequence, Items: []*manifest.Node{manifest.Text(text), manifest.Text(text)}})
	var b strings.Builder
	if err := manifest.Encode(&b, n); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"value": text, "map": map[string]any{text: "x"}, "list": []any{text, text}}
	for name, read := range map[string]func([]byte, any) error{
		"yaml.v3":   yaml3.Unmarshal,
		"sigs yaml": func(data []byte, v any) error { return yaml11.Unmarshal(data, v) },
	} {
		got := map[string]any{}
		if err := read([]byte(b.String()), &got); err != nil {
			t.Fatalf("%s cannot read %q:\n%s\n%v", name, text, b.String(), err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s reads %q differently (-want +got):\n%s\nfrom\n%s", name, text, diff, b.String())
		}
	}
}

func TestEncodeNesting(t *testing.T) {
	n, err := manifest.NodeOf(map[string]any{
		"empty": map[string]any{}, "none": []any{}, "nothing": nil, "n": 1.5, "b": true,
		"lists": []any{[]any{"a", []any{"b"}}, map[string]any{"x": []any{"y"}, "z": "t"}, map[string]any{}, []any{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := manifest.Encode(&b, n); err != nil {
		t.Fatal(err)
	}
	want := `b: true
empty: {}
lists:
  - - a
    - - b
  - x:
      - "y"
    z: t
  - {}
  - []
"n": 1.5
none: []
nothing: null
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
