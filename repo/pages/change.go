package pages

import (
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"sigs.k8s.io/yaml"

	"gantry/charts/diag"
)

const (
	// maxChangedLines is how many lines of changes a page shows.
	maxChangedLines = 4000
	// maxChangedText is how long a text may be, before and after together, for its
	// changes to be looked for line by line, in bytes.
	maxChangedText = 1 << 20
	// maxChangedLine is how much of a line is shown, in bytes.
	maxChangedLine = 4 << 10
)

// changes is what a page shows of changes, and how many there are more.
type changes struct {
	Rows []changeRow
	More int
}

// changeRow is how two charts differ in one place.
type changeRow struct {
	Path, Verb string
	Lines      []changedLine
	// Short tells that it is one value in place of another.
	Short bool
}

// changedLine is a line of a change.
type changedLine struct {
	// Verb is added, removed, kept, or gap for lines that are left out.
	Verb, Text string
}

// room is how many lines a page may still show of changes.
type room struct{ left int }

// changes makes rows of changes, as long as there is room.
func (r *room) changes(all []Change) changes {
	shown := changes{More: len(all)}
	for _, c := range all {
		if r.left <= 0 {
			break
		}
		lines := changedLines(yamlText(c.Before), yamlText(c.After))
		if more := len(lines) - r.left; more > 0 {
			lines = append(lines[:r.left:r.left], changedLine{"gap", fmt.Sprintf("… %s more", diag.Count(more, "line"))})
		}
		r.left -= len(lines)
		shown.Rows = append(shown.Rows, changeRow{diag.Printable(c.Path), c.Verb, lines, oneLine(lines)})
		shown.More--
	}
	return shown
}

// oneLine reports whether nothing but single lines came and went.
func oneLine(lines []changedLine) bool {
	counts := map[string]int{}
	for _, l := range lines {
		counts[l.Verb]++
	}
	return counts["kept"]+counts["gap"] == 0 && counts["added"] <= 1 && counts["removed"] <= 1
}

// yamlText writes a value as it stands in YAML.
func yamlText(v any) string {
	if v == nil {
		return ""
	}
	text, err := yaml.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimRight(string(text), "\n")
}

// changedLines tells how a text has changed; it is empty where there was none.
func changedLines(before, after string) []changedLine {
	if len(before)+len(after) > maxChangedText {
		return []changedLine{{"gap", fmt.Sprintf("too long to compare: %s, then %s", diag.Size(int64(len(before))), diag.Size(int64(len(after))))}}
	}
	if before == "" || after == "" || !strings.Contains(before+after, "\n") {
		return append(allLines("removed", before), allLines("added", after)...)
	}
	unified := diff.Diff("a", []byte(before+"\n"), "b", []byte(after+"\n"))
	var lines []changedLine
	for i, text := range strings.Split(strings.TrimSuffix(string(unified), "\n"), "\n") {
		switch {
		case i < unifiedHeader || text == "":
		case text[0] == '+':
			lines = append(lines, newChangedLine("added", text[1:]))
		case text[0] == '-':
			lines = append(lines, newChangedLine("removed", text[1:]))
		case text[0] == '@' && len(lines) > 0:
			lines = append(lines, changedLine{"gap", "…"})
		case text[0] == ' ':
			lines = append(lines, newChangedLine("kept", text[1:]))
		}
	}
	return lines
}

// unifiedHeader is how many lines name the two sides of a unified diff.
const unifiedHeader = 3

func allLines(verb, text string) []changedLine {
	var lines []changedLine
	for one := range strings.Lines(text) {
		lines = append(lines, newChangedLine(verb, strings.TrimSuffix(one, "\n")))
	}
	return lines
}

func newChangedLine(verb, text string) changedLine {
	if len(text) > maxChangedLine {
		text = strings.ToValidUTF8(text[:maxChangedLine], "") + "…"
	}
	return changedLine{verb, diag.Printable(text)}
}
