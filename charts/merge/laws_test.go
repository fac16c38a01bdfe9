package merge

import (
	"strings"
	"testing"
)

// byLines merges by lines, whatever the rest of the package would do with a file.
func byLines(base, yours, generated string) (string, int) {
	m := &merger{result: &Result{}}
	text := m.text(texts{name: "notes", base: base, yours: yours, generated: generated})
	return text, len(m.result.Conflicts)
}

// byKeys merges by keys.
func byKeys(name, base, yours, generated string) (text string, conflicts int, ok bool) {
	m := &merger{result: &Result{}}
	text, ok = m.keys(texts{name: name, base: base, yours: yours, generated: generated})
	return text, len(m.result.Conflicts), ok
}

// FuzzLines holds the merge of lines to its laws.
func FuzzLines(f *testing.F) {
	f.Add("a\nb\nc\n", "a\nx\nc\n", "a\nb\nc\nd\n")
	f.Add("", "a\n", "b\n")
	f.Add("a\nb\n", "b\na\n", "a")
	f.Add("a\n\n\nb\n{\n}\n{\n}\n", "a\n\nb\n{\n}\n", "a\n{\n}\n\n{\n}\n")
	f.Fuzz(func(t *testing.T, base, x, y string) {
		law := func(name, b, yours, generated, want string) {
			t.Helper()
			if got, conflicts := byLines(b, yours, generated); got != want || conflicts > 0 {
				t.Errorf("%s: got %q and %d conflicts, want %q", name, got, conflicts, want)
			}
		}
		law("only generated", base, base, x, x)
		law("only yours", base, x, base, x)
		law("both alike", base, x, x, x)
		withoutBase(t, x, y)
		xy, conflicts := byLines(base, x, y)
		yx, mirrored := byLines(base, y, x)
		if conflicts != mirrored {
			t.Errorf("%d conflicts, and %d with the sides exchanged", conflicts, mirrored)
		}
		if conflicts == 0 && xy != yx {
			t.Errorf("merged to %q, and to %q with the sides exchanged", xy, yx)
		}
		if conflicts == 0 {
			keepsLines(t, base, x, y, xy)
		}
	})
}

// withoutBase holds the merge of two texts that nobody knows the origin of to its laws: the
// choice of a side gives that side, and there is a conflict unless they are the same.
func withoutBase(t *testing.T, x, y string) {
	t.Helper()
	for choice, want := range map[Choice]string{Mine: x, Theirs: y} {
		m := &merger{Input: Input{Conflicts: choice}, result: &Result{}}
		if got := m.text(texts{name: "notes", noBase: true, yours: x, generated: y}); got != want {
			t.Errorf("without a base, %s: got %q, want %q", choice, got, want)
		}
		if same := len(m.result.Conflicts) == 0; same != (x == y) {
			t.Errorf("without a base: %d conflicts between %q and %q", len(m.result.Conflicts), x, y)
		}
	}
}

// keysWithoutBase does the same for the merge of keys, where the choice of a side keeps
// every value of that side, and nothing but the other side's comes to them.
func keysWithoutBase(t *testing.T, name, x, y string) {
	t.Helper()
	s, _ := parseTree(name)
	leaves := func(text string) map[string]string {
		found := map[string]string{}
		if n, ok := s.parse(text); ok {
			n.leaves(nil, func(path []string, leaf *node) { found[strings.Join(path, "\x00")] = leaf.meaning() })
		}
		return found
	}
	inX, inY := leaves(x), leaves(y)
	for choice, chosen := range map[Choice]map[string]string{Mine: inX, Theirs: inY} {
		m := &merger{Input: Input{Conflicts: choice}, result: &Result{}}
		text, ok := m.keys(texts{name: name, noBase: true, yours: x, generated: y})
		if !ok {
			continue
		}
		merged := leaves(text)
		for key, value := range chosen {
			if merged[key] != value {
				t.Errorf("without a base, %s: %q is %q in %q, want %q", choice, key, merged[key], text, value)
			}
		}
		for key, value := range merged {
			if inX[key] != value && inY[key] != value {
				t.Errorf("without a base, %s: %q is %q in %q, which neither side wrote", choice, key, value, text)
			}
		}
		if again, conflicts := (&merger{Input: Input{Conflicts: choice}, result: &Result{}}), len(m.result.Conflicts); conflicts == 0 {
			if _, ok := again.keys(texts{name: name, noBase: true, yours: y, generated: x}); ok && len(again.result.Conflicts) > 0 {
				t.Errorf("%d conflicts, and none with the sides exchanged", len(again.result.Conflicts))
			}
		}
	}
}

// keepsLines checks that a line which one side has put in, and which is nowhere in
// the other versions, is in the result as often.
func keepsLines(t *testing.T, base, x, y, merged string) {
	t.Helper()
	count := func(text string) map[string]int {
		n := map[string]int{}
		for line := range strings.Lines(text) {
			n[strings.TrimSuffix(line, "\n")]++
		}
		return n
	}
	inBase, inX, inY, inMerged := count(base), count(x), count(y), count(merged)
	for line, n := range inX {
		if inBase[line]+inY[line] == 0 && inMerged[line] != n {
			t.Errorf("line %q is %d times in the result, and was put in %d times", line, inMerged[line], n)
		}
	}
	for line, n := range inY {
		if inBase[line]+inX[line] == 0 && inMerged[line] != n {
			t.Errorf("generated line %q is %d times in the result, and was put in %d times", line, inMerged[line], n)
		}
	}
}

// FuzzKeys holds the merge of values.yaml to its laws.
func FuzzKeys(f *testing.F) {
	f.Add("# head\n\na: 1\n# c\nb:\n  c: x # y\n  d: []\n", "a: 2\nb:\n  c: x # z\n  d: []\n  e: |\n    # text\n\n", "a: 1\nb:\n  c: w\n  d: [1]\n  # foot\nf: {}\n")
	f.Add("a: {}\n", "a:\n    b: 1\n    c:\n    - 1\n    # - 2\n", "a:\n  b: 1\n  d: \"x\n    # y\"\n")
	f.Add("'a': 1\n\"b\\n\": 2\n", "---\n'a': 1\n", "a: &x 1\nb: *x\n")
	f.Fuzz(func(t *testing.T, base, x, y string) { keyLaws(t, "values.yaml", base, x, y) })
}

// FuzzJSON holds the merge of values.schema.json to its laws.
func FuzzJSON(f *testing.F) {
	f.Add(`{"a": 1, "b": {"c": []}}`, "{\n  \"a\": 1 ,\n  \"b\": {}\n}\n", `{"a":2,"b":{"c":["]"],"d\u0041":null}}`)
	f.Fuzz(func(t *testing.T, base, x, y string) { keyLaws(t, "values.schema.json", base, x, y) })
}

func keyLaws(t *testing.T, name, base, x, y string) {
	t.Helper()
	s, _ := parseTree(name)
	meaning := func(text string) string {
		n, ok := s.parse(text)
		if !ok {
			return ""
		}
		return n.meaning()
	}
	for _, text := range []string{base, x, y} {
		if n, ok := s.parse(text); ok && s.print(n) != text {
			t.Errorf("%q was printed as %q", text, s.print(n))
		}
	}
	if got, conflicts, ok := byKeys(name, base, x, base); ok && (got != x || conflicts > 0) {
		t.Errorf("only yours: got %q and %d conflicts, want %q", got, conflicts, x)
	}
	if got, conflicts, ok := byKeys(name, base, x, x); ok && (got != x || conflicts > 0) {
		t.Errorf("both alike: got %q and %d conflicts, want %q", got, conflicts, x)
	}
	if got, conflicts, ok := byKeys(name, base, base, x); ok && (meaning(got) != meaning(x) || conflicts > 0) {
		t.Errorf("only generated: got %q and %d conflicts, want what %q means", got, conflicts, x)
	}
	byKeys(name, base, x, y) // must end, and not panic
	keysWithoutBase(t, name, x, y)
}
