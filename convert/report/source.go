package report

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"

	"gantry/charts/diag"
)

// splitLines returns the lines of a text without their ends.
func splitLines(text string) []string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSuffix(line, "\r")
	}
	return lines
}

// span returns where the key or value of a diagnostic stands in its line, in
// runes; the start is -1 when the column is not known.
func span(line string, d diag.Diagnostic) (start, length int) {
	start = d.Pos.Column - 1
	runes := []rune(line)
	if start < 0 || start >= len(runes) {
		return start, 1
	}
	rest := string(runes[start:])
	if q := rest[0]; q == '"' || q == '\'' {
		if end := closing(rest[1:], q); end >= 0 {
			return start, utf8.RuneCountInString(rest[:end+2])
		}
	}
	if n := len(d.Path); n > 0 && strings.HasPrefix(rest, d.Path[n-1]) {
		return start, utf8.RuneCountInString(d.Path[n-1])
	}
	end := len(rest)
	for i, r := range rest {
		if unicode.IsSpace(r) || strings.ContainsRune(",]}=", r) || r == ':' && (i+1 == len(rest) || rest[i+1] == ' ') {
			end = i
			break
		}
	}
	return start, max(1, utf8.RuneCountInString(rest[:end]))
}

// columns returns how many columns a terminal takes for a text.
func columns(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case diag.IsHarmful(r):
			n += len(diag.Printable(string(r)))
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		default:
			n++
			if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
				n++
			}
		}
	}
	return n
}

// blank returns white space as wide as a text.
func blank(s string) string {
	parts := strings.Split(s, "\t")
	for i, part := range parts {
		parts[i] = strings.Repeat(" ", columns(part))
	}
	return strings.Join(parts, "\t")
}
