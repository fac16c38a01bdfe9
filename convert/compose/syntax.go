package compose

import (
	"strings"

	"gantry/charts/diag"
)

// syntax reports what the YAML parser says of a file.
func (d *disk) syntax(f *file, err error) {
	e := diag.Syntax(err)
	pos := diag.Pos{File: f.shown, Line: max(1, e.Line), Column: max(1, e.Column)}
	d.fail(codeSyntax, pos, "is not YAML: "+e.Problem, syntaxHint(f, pos, e.Problem))
}

// syntaxHint knows the mistakes that people make most.
func syntaxHint(f *file, pos diag.Pos, message string) string {
	lines := strings.Split(string(f.data), "\n")
	line := ""
	if pos.Line <= len(lines) {
		line = lines[pos.Line-1]
	}
	switch {
	case strings.HasPrefix(strings.TrimLeft(line, " "), "\t") || strings.Contains(message, "cannot start any token") && strings.Contains(line, "\t"):
		return "indent with spaces: YAML allows no tabs there"
	case strings.Contains(message, "mapping values are not allowed"):
		return "check the indentation, and put text with a colon in quotes"
	case strings.Contains(line, "${") && strings.Contains(message, "flow"):
		return "put ${VARIABLE} in quotes where it stands in { } or [ ]"
	case strings.Contains(message, "unknown anchor"):
		return "define the anchor above, or put text that begins with * in quotes"
	case strings.Contains(message, "unexpected end of stream"):
		return "close the quotes"
	default:
		return "check the indentation and the brackets"
	}
}
