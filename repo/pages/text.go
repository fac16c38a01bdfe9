package pages

import (
	"bytes"
	"strconv"
	"strings"

	"gantry/charts/diag"
	"gantry/charts/pattern"
)

// maxShown is how much of a file a page shows, in bytes.
const maxShown = 256 << 10

// line is a line of a file, in spans for colours.
type line []span

type span struct{ Class, Text string }

func newFile(name string, data []byte) file {
	f := file{Name: name}
	if f.Cut = len(data) > maxShown; f.Cut {
		data = data[:bytes.LastIndexByte(data[:maxShown], '\n')+1]
	}
	if bytes.IndexByte(data, 0) >= 0 {
		f.Lines = []line{{{"c", "binary, " + diag.Size(int64(len(data)))}}}
		return f
	}
	for text := range strings.Lines(string(bytes.TrimSpace(data))) {
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
