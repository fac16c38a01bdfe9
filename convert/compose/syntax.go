package compose

import (
	"strconv"
	"strings"

	"gantry/charts/diag"
	"gantry/charts/pattern"
)

// syntaxPlace finds the position in a message of the YAML parser, whose error
// types are not exported: the last one named is where it gave up.
var syntaxPlace = pattern.Lazy(`line (\d+)(?:, column (\d+))?:? ?`)

// syntax reports what the YAML parser says of a file.
func (d *disk) syntax(f *file, err error) {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	pos := diag.Pos{File: f.shown, Line: 1, Column: 1}
	if at := syntaxPlace().FindAllStringSubmatch(message, -1); at != nil {
		last := at[len(at)-1]
		pos.Line, _ = strconv.Atoi(last[1])
		if pos.Column, _ = strconv.Atoi(last[2]); pos.Column == 0 {
			pos.Column = 1
		}
	}
	message = strings.ReplaceAll(syntaxPlace().ReplaceAllString(message, ""), " at <unknown position>", "")
	message = strings.Trim(strings.NewReplacer(" at :", ":", " at  ", " ", "  ", " ").Replace(message), " :")
	d.fail(codeSyntax, pos, "is not YAML: "+message, syntaxHint(f, pos, message))
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
	case strings.Contains(message, "unknown anchor"):
		return "define the anchor above, or put text that begins with * in quotes"
	case strings.Contains(message, "unexpected end of stream"):
		return "close the quotes"
	default:
		return "check the indentation and the brackets"
	}
}
