package compare

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"gantry/charts/diag"
)

// Text writes differences for a person to read.
type Text struct {
	// Color marks what is added, removed and changed with colours, too.
	Color bool
	// Lines shows the lines of an object that differ, instead of its fields.
	Lines bool
	// Labels shows the labels that name versions, too, which differ in every
	// object of every version.
	Labels bool
}

// maxShown is how many characters of a value are shown.
const maxShown = 80

// Write writes everything that differs between two charts.
func (t Text) Write(w io.Writer, d *Difference) {
	t.section(w, "Chart.yaml", len(d.Metadata), func() { t.fields(w, "  ", d.Metadata) })
	t.section(w, "Values", len(d.Values), func() { t.fields(w, "  ", d.Values) })
	t.section(w, "Schema", len(d.Schema), func() {
		for _, c := range d.Schema {
			t.line(w, "  ", kindOf(c), c.String())
		}
	})
	shown := t.Shown(d.Objects)
	t.section(w, "Objects", len(shown), func() { t.Objects(w, shown) })
	t.section(w, "Files", len(d.Files), func() {
		for _, f := range d.Files {
			t.line(w, "  ", f.Change, f.Name)
		}
	})
}

func (t Text) section(w io.Writer, title string, count int, body func()) {
	if count == 0 {
		return
	}
	if t.Color {
		title = "\x1b[1m" + title + "\x1b[0m"
	}
	fmt.Fprintln(w, title)
	body()
}

// Shown leaves out the objects that differ in nothing but labels that name
// versions, unless these are to be shown.
func (t Text) Shown(changes []Change) []Change {
	if t.Labels {
		return changes
	}
	return slices.DeleteFunc(slices.Clone(changes), func(c Change) bool { return c.LabelsOnly })
}

// Objects writes the objects that differ.
func (t Text) Objects(w io.Writer, changes []Change) {
	for _, c := range changes {
		name := c.Object.String()
		if c.Namespace != "" {
			name += " in " + c.Namespace
		}
		if c.Hook {
			name += " (hook)"
		}
		t.line(w, "  ", c.Change, name)
		switch {
		case t.Lines:
			t.unified(w, c.Diff)
		case c.Change == Altered:
			t.fields(w, "      ", slices.DeleteFunc(slices.Clone(c.Fields), func(f Field) bool { return !t.Labels && namesVersion(f.Path) }))
		}
	}
}

// namesVersion reports whether a field is a label that names a version.
func namesVersion(path diag.Path) bool {
	return len(path) == 3 && path[0] == "metadata" && path[1] == "labels" && slices.Contains(versionLabels(), path[2])
}

func (t Text) unified(w io.Writer, lines string) {
	for line := range strings.Lines(lines) {
		line = strings.TrimSuffix(line, "\n")
		kind := Kind("")
		switch {
		case strings.HasPrefix(line, "+"):
			kind = Added
		case strings.HasPrefix(line, "-"):
			kind = Removed
		}
		fmt.Fprintf(w, "      %s\n", t.paint(kind, diag.Printable(line)))
	}
}

func (t Text) fields(w io.Writer, indent string, list []Field) {
	for _, f := range list {
		t.line(w, indent, f.Change, f.String())
	}
}

func (t Text) line(w io.Writer, indent string, kind Kind, text string) {
	fmt.Fprintf(w, "%s%s\n", indent, t.paint(kind, mark(kind)+" "+diag.Printable(text)))
}

// String prints the field on one line: replicas: 1 -> 2.
func (f Field) String() string {
	switch f.Change {
	case Added:
		return fmt.Sprintf("%s: %s", f.Path, Shown(f.After))
	case Removed:
		return fmt.Sprintf("%s: %s", f.Path, Shown(f.Before))
	default:
		return fmt.Sprintf("%s: %s -> %s", f.Path, Shown(f.Before), Shown(f.After))
	}
}

// String prints the change on one line: mode: enum ["a","b"] -> ["a"] (narrower).
func (c SchemaChange) String() string {
	path := c.Path.String()
	if path == "" {
		path = "the values"
	}
	var change string
	switch {
	case c.Rule == keyRule && c.Before == nil:
		change = "is a key now, " + Shown(c.After)
	case c.Rule == keyRule:
		change = "is no key any more, was " + Shown(c.Before)
	case c.Before == nil && c.After == nil:
		change = c.Rule
	case c.Before == nil:
		change = c.Rule + " " + Shown(c.After)
	case c.After == nil:
		change = c.Rule + " " + Shown(c.Before) + " no more"
	default:
		change = c.Rule + " " + Shown(c.Before) + " -> " + Shown(c.After)
	}
	return fmt.Sprintf("%s: %s (%s)", path, change, c.Effect)
}

func kindOf(c SchemaChange) Kind {
	switch {
	case c.Before == nil && c.After != nil:
		return Added
	case c.Before != nil && c.After == nil:
		return Removed
	default:
		return Altered
	}
}

// Shown writes a value on one line, not all of it when it is long.
func Shown(v any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err.Error()
	}
	text := []rune(strings.TrimSpace(b.String()))
	if len(text) > maxShown {
		text = append(text[:maxShown-1], '…')
	}
	return string(text)
}

func mark(kind Kind) string {
	switch kind {
	case Added:
		return "+"
	case Removed:
		return "-"
	default:
		return "~"
	}
}

func (t Text) paint(kind Kind, text string) string {
	color := map[Kind]string{Added: "32", Removed: "31", Altered: "33"}[kind]
	if !t.Color || color == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}
