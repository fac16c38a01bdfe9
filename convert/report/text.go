package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"gantry/charts/diag"
	"gantry/convert"
)

// Text prints diagnostics for a person, each with the line of the source that it
// is about:
//
//	compose.yaml:12:5: warning: services.web.pid: shares the node's processes [pid-host]
//	   12 |     pid: host
//	      |     ^^^
//
// The first line of each is the same whatever else is shown, for programs to
// find.
type Text struct {
	// Color marks severities and places with colours.
	Color bool

	mask  *mask
	files map[string][]string
	raw   map[string][]string
}

// NewText returns a printer that shows the lines of a conversion's files. The
// conversion may have failed; without one, no lines are shown.
func NewText(result *convert.Result) *Text {
	t := &Text{mask: newMask(result), files: map[string][]string{}, raw: map[string][]string{}}
	if result != nil {
		for _, f := range result.Files {
			t.raw[f.Name] = splitLines(string(f.Data))
		}
	}
	return t
}

// Show adds a file that is no part of the conversion, so that its lines are
// shown, too.
func (t *Text) Show(name string, data []byte) { t.raw[name] = splitLines(string(data)) }

// Write prints a list, its diagnostics grouped by file and by service, volume or
// whatever else they belong to. What holds for several services at one place, which
// an anchor or extends gives to all of them, is printed once, and so is a note about
// several services as a whole.
func (t *Text) Write(w io.Writer, list diag.List) {
	var before diag.Diagnostic
	list, alike := folded(grouped(list))
	for i, d := range list {
		if i > 0 && len(t.raw) > 0 && groupOf(before) != groupOf(d) {
			fmt.Fprintln(w)
		}
		t.write(w, d, before.Pos)
		if others := alike[i]; len(others) > 0 {
			fmt.Fprintf(w, "    as in %s\n", diag.Printable(t.mask.text(strings.Join(others, ", "))))
		}
		before = d
	}
}

// place is where a diagnostic stands, and what it says there of whichever service.
type place struct {
	pos                      diag.Pos
	severity                 diag.Severity
	code, key, summary, hint string
}

// folded leaves out of a list what an earlier entry says at the same place of another
// service, and returns beside it the services of which each entry is true as well.
func folded(list diag.List) (diag.List, map[int][]string) {
	out, alike, first := diag.List{}, map[int][]string{}, map[place]int{}
	for _, d := range list {
		if len(d.Path) < 2 || d.Path[0] != "services" || d.Pos.Line == 0 {
			out = append(out, d)
			continue
		}
		anyone := strings.NewReplacer(d.Path[1], "\x00")
		at := place{d.Pos, d.Severity, d.Code, strings.Join(d.Path[2:], "\x00"), anyone.Replace(d.Summary), anyone.Replace(d.Hint)}
		if len(d.Path) == 2 && d.Severity == diag.Note {
			at.pos = diag.Pos{File: d.Pos.File} // no line says more of it than the name of the service
		}
		if i, told := first[at]; told {
			alike[i] = append(alike[i], d.Path[:2].String())
			continue
		}
		first[at] = len(out)
		out = append(out, d)
	}
	return out, alike
}

// grouped orders a list by group, in the order in which the groups begin.
func grouped(list diag.List) diag.List {
	first := map[string]int{}
	for i, d := range list {
		if _, known := first[groupOf(d)]; !known {
			first[groupOf(d)] = i
		}
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b diag.Diagnostic) int { return cmp.Compare(first[groupOf(a)], first[groupOf(b)]) })
	return list
}

// groupOf names the file and the service, or the like, of a diagnostic.
func groupOf(d diag.Diagnostic) string {
	owner := d.Path
	if len(owner) > 2 {
		owner = owner[:2]
	}
	return strings.Join(append([]string{d.Pos.File}, owner...), "\x00")
}

// write prints one diagnostic. Where it stands in the same place as the one
// before, the line is not shown again.
func (t *Text) write(w io.Writer, d diag.Diagnostic, before diag.Pos) {
	d = t.mask.diagnostic(d)
	fmt.Fprintln(w, t.headline(d))
	if d.Pos != before {
		t.snippet(w, d)
	}
	if d.Hint != "" {
		fmt.Fprintf(w, "    %s %s\n", t.paint(green, "hint:"), diag.PrintableLines(d.Hint))
	}
}

// headline is the line that programs find. Its text is that of
// [diag.Diagnostic.String].
func (t *Text) headline(d diag.Diagnostic) string {
	line := diag.Printable(d.String())
	if !t.Color {
		return line
	}
	place, rest := diag.Printable(d.Pos.String()), line
	if place != "" {
		rest = strings.TrimPrefix(line, place+": ")
		place = t.paint(bold, place) + ": "
	}
	word := d.Severity.String()
	rest = strings.TrimPrefix(rest, word+": ")
	if code := " [" + d.Code + "]"; d.Code != "" {
		rest = strings.TrimSuffix(rest, code) + t.paint(faint, code)
	}
	return place + t.paint(colorOf(d.Severity), word+":") + " " + rest
}

// maxLine is how much of a line is shown.
const maxLine = 120

// snippet prints the line of a diagnostic with its key underlined.
func (t *Text) snippet(w io.Writer, d diag.Diagnostic) {
	lines := t.lines(d.Pos.File)
	if d.Pos.Line < 1 || d.Pos.Line > len(lines) || len(t.raw[d.Pos.File][d.Pos.Line-1]) > maxSource {
		return
	}
	line, raw := []rune(lines[d.Pos.Line-1]), []rune(t.raw[d.Pos.File][d.Pos.Line-1])
	start, length := span(string(raw), d)
	known := start >= 0 && start <= len(line) && slices.Equal(line[:start], raw[:min(start, len(raw))])
	if end := start + length; known && end > maxLine {
		cut := min(start, end-maxLine+1)
		line, start = slices.Concat([]rune("…"), line[cut:]), start-cut+1
	}
	end := min(start+length, len(line))
	if len(line) > maxLine {
		line = append(line[:maxLine:maxLine], '…')
	}
	fmt.Fprintf(w, "%s %s\n", t.paint(faint, fmt.Sprintf("%5d |", d.Pos.Line)), strings.TrimRight(diag.Printable(string(line)), " "))
	if known {
		under := strings.Repeat("^", max(1, columns(string(line[start:max(start, min(end, len(line)))]))))
		fmt.Fprintf(w, "%s %s%s\n", t.paint(faint, "      |"), blank(string(line[:start])), t.paint(colorOf(d.Severity), under))
	}
}

// lines returns the lines of a file as they may be shown.
func (t *Text) lines(file string) []string {
	raw, known := t.raw[file]
	if !known {
		return nil
	}
	if t.files[file] == nil {
		t.files[file] = t.mask.lines(raw)
	}
	return t.files[file]
}

// ANSI escapes of the colours.
const (
	bold  = "1"
	faint = "2"
	green = "32"
)

func colorOf(s diag.Severity) string {
	switch s {
	case diag.Error:
		return "1;31"
	case diag.Warning:
		return "1;33"
	default:
		return "1;36"
	}
}

func (t *Text) paint(color, text string) string {
	if !t.Color || text == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}
