package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"gantry/charts/diag"
	"gantry/charts/pattern"
	"gantry/charts/picture"
	"gantry/convert/rules"
	"gantry/templates"
)

// HTML writes the report as one page that needs nothing else: no server, no
// network, and a script only for comfort.
func (r *Report) HTML(w io.Writer) error {
	files := templates.Report()
	tmpl, err := template.ParseFS(files, "report.html")
	if err != nil {
		return err
	}
	page, err := r.page(files)
	if err != nil {
		return err
	}
	return tmpl.Execute(w, page)
}

// page is what the template fills in.
type page struct {
	Title   string
	Failed  bool
	Policy  string
	Style   template.CSS
	Script  template.JS
	Picture template.HTML
	// Wide tells that the picture is better scrolled than shrunk.
	Wide     bool
	Summary  string
	Outcomes []pageOutcome
	// General are the diagnostics that belong to no line.
	General diag.List
	Files   []pageFile
	Kinds   []pageKind
}

// pageOutcome is an outcome in the filter and the bar above it.
type pageOutcome struct {
	Class, Name, Symbol string
	Count               int
	// X and Width are its part of a bar of a thousand.
	X, Width int
}

type pageFile struct {
	ID, Name string
	Lines    []pageLine
}

// pageLine is a line of a Compose file and what became of the keys in it.
type pageLine struct {
	Number int
	ID     string
	// Class is the outcome of the line, and outcomes of keys below it.
	Class  string
	Symbol string
	// Outcome is the word for the symbol.
	Outcome string
	Fields  string
	Spans   []pageSpan
	Keys    []pageKey
	Open    bool
}

type pageSpan struct{ Class, Text string }

type pageKey struct {
	Path, Class, Symbol, Outcome, Text, Fields string
	Diagnostics                                diag.List
}

type pageKind struct {
	Kind    string
	Objects []pageObject
}

type pageObject struct {
	ID, Kind, Name, Service string
	Lines                   [][]pageSpan
}

func (r *Report) page(files fs.FS) (*page, error) {
	var assets [2]string
	for i, name := range []string{"report.css", "report.js"} {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		assets[i] = string(data)
	}
	style, script := "\n"+picture.Style()+assets[0], "\n"+assets[1]
	var drawn bytes.Buffer
	if err := r.picture.Inline(&drawn, r.links()); err != nil {
		return nil, err
	}
	p := &page{
		Title: "Conversion report", Failed: r.Diagnostics.HasErrors(),
		Policy: fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", integrity(style), integrity(script)),
		Style:  template.CSS(style), Script: template.JS(script), Picture: template.HTML(drawn.String()), //nolint:gosec // ours, and escaped by the picture
		Wide: r.picture.Crowded(), Summary: r.picture.Summary(), Outcomes: r.outcomes(),
	}
	if r.Application != "" {
		p.Title = r.Application
	}
	for i, f := range r.files {
		p.Files = append(p.Files, r.file(i, f.Name, splitLines(string(f.Data))))
	}
	for _, d := range r.Diagnostics {
		if d.Pos.Line == 0 || r.fileIndex(d.Pos.File) < 0 {
			p.General.Add(shown(d))
		}
	}
	p.Kinds = r.kinds()
	return p, nil
}

// integrity is how a content security policy names a text that may be used.
func integrity(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func (r *Report) fileIndex(name string) int {
	for i, f := range r.files {
		if f.Name == name {
			return i
		}
	}
	return -1
}

func lineID(file, line int) string { return "f" + strconv.Itoa(file) + "-" + strconv.Itoa(line) }

// links leads from objects to their YAML, and from boxes to the first warning
// about them.
func (r *Report) links() picture.Links {
	objects, problems := map[picture.Object]string{}, map[string]string{}
	for i, o := range r.Objects {
		objects[picture.Object{Kind: o.Kind, Name: o.Name}] = "#o" + strconv.Itoa(i)
	}
	for _, d := range r.Diagnostics {
		if d.Severity == diag.Note || len(d.Path) < 2 || problems[d.Path[1]] != "" {
			continue
		}
		if i := r.fileIndex(d.Pos.File); i >= 0 && d.Pos.Line > 0 {
			problems[d.Path[1]] = "#" + lineID(i, d.Pos.Line)
		}
	}
	return picture.Links{
		Object:   func(o picture.Object) string { return objects[o] },
		Problems: func(b *picture.Box) string { return problems[b.Name] },
	}
}

// style of an outcome: its class, and a symbol for those who cannot tell colours.
func styleOf(o rules.Outcome) (class, symbol string) {
	switch o {
	case rules.Converted:
		return "converted", "✓"
	case rules.Approximated:
		return "approximated", "≈"
	case rules.Ignored:
		return "ignored", "∅"
	case rules.Refused:
		return "refused", "✕"
	case Inactive:
		return "inactive", "◌"
	default:
		return "pending", "…"
	}
}

// outcomes prepares the filter.
func (r *Report) outcomes() []pageOutcome {
	var list []pageOutcome
	x := 0
	for _, o := range append(outcomes(), r.Summary.others()...) {
		p := pageOutcome{Name: string(o), Count: r.Summary.Outcomes[o], X: x}
		p.Class, p.Symbol = styleOf(o)
		if r.Summary.Keys > 0 {
			p.Width = (p.Count*1000 + r.Summary.Keys - 1) / r.Summary.Keys
		}
		x += p.Width
		list = append(list, p)
	}
	return list
}

// file puts the keys of a file beside its lines.
func (r *Report) file(index int, name string, raw []string) pageFile {
	f := pageFile{ID: "f" + strconv.Itoa(index), Name: diag.Printable(name)}
	masked := r.mask.lines(raw)
	keys := map[int][]Key{}
	found := map[int]diag.List{}
	for _, k := range r.Keys {
		if k.Pos.File == name {
			keys[k.Pos.Line] = append(keys[k.Pos.Line], k)
		}
	}
	if len(r.Keys) == 0 {
		for _, d := range r.Diagnostics {
			if d.Pos.File == name {
				found[d.Pos.Line] = append(found[d.Pos.Line], shown(d))
			}
		}
	}
	below := r.below(name)
	last := ""
	for i, text := range masked {
		number := i + 1
		line := pageLine{Number: number, ID: lineID(index, number), Spans: highlight(diag.Printable(text))}
		switch {
		case len(keys[number]) > 0:
			line.describe(keys[number])
			last = line.Class
			for _, class := range below[number] {
				line.Class += " over-" + class
			}
		case len(found[number]) > 0:
			line.blame(found[number])
			last = ""
		case strings.TrimSpace(text) != "" && !strings.HasPrefix(strings.TrimSpace(text), "#"):
			line.Class = strings.TrimSpace(last + " more")
		}
		f.Lines = append(f.Lines, line)
	}
	return f
}

// below returns, for each line of a file, the outcomes of the keys that lie below
// the line's own, so that a filter can keep the way to what it shows.
func (r *Report) below(file string) map[int][]string {
	at := map[string]int{}
	for _, k := range r.Keys {
		if k.Pos.File == file {
			at[pathID(k.Path)] = k.Pos.Line
		}
	}
	below := map[int][]string{}
	for _, k := range r.Keys {
		class, _ := styleOf(k.Outcome)
		for n := len(k.Path) - 1; n > 0; n-- {
			line, ok := at[pathID(k.Path[:n])]
			if ok && !slices.Contains(below[line], class) {
				below[line] = append(below[line], class)
			}
		}
	}
	return below
}

// describe says what became of the keys of a line. The line as a whole is as its
// worst key.
func (l *pageLine) describe(keys []Key) {
	worst := keys[0]
	here := map[string]Key{}
	for _, k := range keys {
		if badness(k.Outcome) > badness(worst.Outcome) {
			worst = k
		}
		here[pathID(k.Path)] = k
		if len(k.about) == 0 && k.repeats(here) {
			continue
		}
		class, symbol := styleOf(k.Outcome)
		out := pageKey{Path: diag.Printable(k.Path.String()), Class: class, Symbol: symbol, Outcome: string(k.Outcome), Text: k.Text, Fields: k.Fields}
		for _, d := range k.about {
			if d.Summary != k.Text || len(d.Path) != len(k.Path) {
				out.Diagnostics.Add(shown(d))
			}
			l.Open = l.Open || d.Severity > diag.Note
		}
		l.Keys = append(l.Keys, out)
	}
	l.Class, l.Symbol = styleOf(worst.Outcome)
	l.Outcome, l.Fields = string(worst.Outcome), worst.Fields
}

// repeats reports whether there is nothing to say of a key but what was said of
// the nearest one above it, of those that are given.
func (k Key) repeats(keys map[string]Key) bool {
	for n := len(k.Path) - 1; n > 0; n-- {
		if above, ok := keys[pathID(k.Path[:n])]; ok {
			return above.Text == k.Text && above.Outcome == k.Outcome
		}
	}
	return false
}

// pathID is a path as the key of a map.
func pathID(path diag.Path) string { return strings.Join(path, "\x00") }

// shown returns a diagnostic whose words cannot reorder the page around them.
func shown(d diag.Diagnostic) diag.Diagnostic {
	d.Summary = diag.Printable(d.Summary)
	d.Hint = diag.PrintableLines(d.Hint)
	d.Path = slices.Clone(d.Path)
	for i := range d.Path {
		d.Path[i] = diag.Printable(d.Path[i])
	}
	return d
}

// badness ranks outcomes by how much they are worth a look.
func badness(o rules.Outcome) int {
	return slices.Index([]rules.Outcome{Inactive, rules.Converted, rules.Approximated, rules.Ignored, rules.Refused}, o)
}

// blame shows what is wrong with a line of files that could not be loaded.
func (l *pageLine) blame(list diag.List) {
	l.Class, l.Symbol, l.Outcome = "approximated", "!", "warning"
	if list.HasErrors() {
		l.Class, l.Symbol, l.Outcome = "refused", "✕", "error"
	}
	l.Open = true
	l.Keys = []pageKey{{Diagnostics: list}}
}

// kinds groups the objects.
func (r *Report) kinds() []pageKind {
	var kinds []pageKind
	for _, kind := range sortedKinds(r.Summary.Kinds) {
		k := pageKind{Kind: kind}
		for i, o := range r.Objects {
			if o.Kind != kind {
				continue
			}
			object := pageObject{ID: "o" + strconv.Itoa(i), Kind: kind, Name: o.Name, Service: o.Service}
			for _, line := range splitLines(o.yaml) {
				object.Lines = append(object.Lines, highlight(diag.Printable(line)))
			}
			k.Objects = append(k.Objects, object)
		}
		kinds = append(kinds, k)
	}
	return kinds
}

// yamlLine is the indentation, the key and the value of a line of YAML.
var yamlLine = pattern.Lazy(`^([ \t]*(?:- +)*)("[^"]*"|'[^']*'|[^\s#"'{\[&*!|>-][^:#"']*?)(:)(\s.*)?$`)

// yamlComment is a comment behind a value.
var yamlComment = pattern.Lazy(`^(.*?)((?:^|\s)#.*)$`)

// highlight divides a line of YAML for colours. It may be wrong inside of blocks
// of text, where it does no harm.
func highlight(line string) []pageSpan {
	if m := yamlLine().FindStringSubmatch(line); m != nil {
		return append([]pageSpan{{"", m[1]}, {"k", m[2]}, {"", m[3]}}, comment(m[4])...)
	}
	return comment(line)
}

func comment(text string) []pageSpan {
	if m := yamlComment().FindStringSubmatch(text); m != nil && strings.Count(m[1], `"`)%2 == 0 && strings.Count(m[1], "'")%2 == 0 {
		return []pageSpan{{"", m[1]}, {"c", m[2]}}
	}
	return []pageSpan{{"", text}}
}
