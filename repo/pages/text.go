package pages

import (
	"bytes"
	"strconv"
	"strings"

	"gantry/charts/diag"
	"gantry/charts/pattern"
)

const (
	// maxShown is how much of a file a page shows, in bytes.
	maxShown = 256 << 10
	// maxSources is how much a page shows of all its files, in bytes, of which a line
	// takes lineCost besides its text.
	maxSources = 2 << 20
	lineCost   = 32
)

// sources makes what a page shows of files, until it has shown enough.
type sources struct{ left int }

func newSources() *sources { return &sources{maxSources} }

// line is a line of a file, in spans for colours.
type line []span

type span struct{ Class, Text string }

// file divides a file into lines, and cuts it where there is no more room.
func (s *sources) file(name string, data []byte) file {
	f := file{Name: name}
	if bytes.IndexByte(data[:min(len(data), maxShown)], 0) >= 0 {
		f.Lines = []line{{{"c", "binary, " + diag.Size(int64(len(data)))}}}
		return f
	}
	if f.Cut = len(data) > maxShown; f.Cut {
		data = data[:bytes.LastIndexByte(data[:maxShown], '\n')+1]
	}
	for text := range strings.Lines(string(bytes.TrimSpace(data))) {
		if s.left -= len(text) + lineCost; s.left < 0 {
			f.Cut = true
			break
		}
		f.Lines = append(f.Lines, colour(diag.Printable(strings.TrimRight(text, "\r\n"))))
	}
	return f
}

func objectID(i int) string { return "object-" + strconv.Itoa(i) }

var (
	yamlKey = pattern.Lazy(`^(\s*(?:- )*)([\w./$-]+)(:)(\s.*|$)`)
	comment = pattern.Lazy(`^(|.*\s)(#.*)$`)
	action  = pattern.Lazy(`\{\{.*?\}\}`)
)

// colour divides a line of YAML or of a template. It may be wrong inside of
// blocks of text, where it does no harm.
func colour(text string) line {
	if m := yamlKey().FindStringSubmatch(text); m != nil {
		return append(line{{"", m[1]}, {"k", m[2]}, {"", m[3]}}, rest(m[4])...)
	}
	return rest(text)
}

func rest(text string) line {
	if m := comment().FindStringSubmatch(text); m != nil && strings.Count(m[1], `"`)%2 == 0 && strings.Count(m[1], "'")%2 == 0 && !strings.Contains(m[1], "{{") {
		return line{{"", m[1]}, {"c", m[2]}}
	}
	var l line
	at := 0
	for _, m := range action().FindAllStringIndex(text, -1) {
		l = append(l, span{"", text[at:m[0]]}, span{"t", text[m[0]:m[1]]})
		at = m[1]
	}
	return append(l, span{"", text[at:]})
}
