package compose

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"maps"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/template"

	"gantry/charts/diag"
)

// ParseEnv reads the KEY=value lines of an env file. What values mention is looked up,
// and then sought in the file and in the variables of earlier ones. Diagnostics call the file name: they have the position of every line that is none, and of every
// variable that nothing sets. They quote no values: env files hold secrets.
//
// What a line means, the parser of compose-go says. It gets them one by one, since
// it stops at the first problem and says nothing of variables.
func ParseEnv(name string, data []byte, earlier map[string]string, lookup dotenv.LookupFn) (map[string]string, diag.List) {
	f, vars := newEnvFile(name, data), map[string]string{}
	known := func(key string) (string, bool) {
		if v, ok := lookup(key); ok {
			return v, true
		}
		if v, ok := vars[key]; ok {
			return v, true
		}
		v, ok := earlier[key]
		return v, ok
	}
	for at, text := range statements(f.text) {
		maps.Copy(vars, f.statement(at, text, known))
	}
	return vars, f.list
}

// ParseRawEnv is [ParseEnv] for the format of docker run --env-file: no quotes, no
// variables in values. A name alone is looked up.
func ParseRawEnv(name string, data []byte, lookup dotenv.LookupFn) (map[string]string, diag.List) {
	f, vars := newEnvFile(name, data), map[string]string{}
	at := 0
	for line := range strings.Lines(f.text) {
		text := strings.TrimLeft(strings.TrimRight(line, "\r\n"), " \t")
		if text != "" && text[0] != '#' {
			key, value, found := strings.Cut(text, "=")
			if !found {
				value, found = lookup(key)
			}
			if found {
				vars[key] = value
			} else {
				f.bare(at, key)
			}
		}
		at += len(line)
	}
	return vars, f.list
}

// EnvPosition returns where the value of a variable stands in an env file: the last one, which
// counts. It is the file as a whole where the parser of compose-go reads what this does not.
func EnvPosition(name string, data []byte, variable string) diag.Pos {
	f, pos := newEnvFile(name, data), diag.Pos{File: name}
	for at, statement := range statements(f.text) {
		from := valueStart(statement)
		words := strings.Fields(strings.TrimRight(strings.TrimSpace(statement[:from]), "=:"))
		if len(words) > 0 && words[len(words)-1] == variable { // export may stand before the name
			pos = f.pos(at + from)
		}
	}
	return pos
}

// envFile is an env file on its way through a parser.
type envFile struct {
	name, text string
	list       diag.List
	// line is the one in which the byte seen lies, and start where it begins.
	line, start, seen int
}

// newEnvFile takes the text of a file, or tells that it is none and takes nothing:
// no variable can hold a NUL, or what is not UTF-8.
func newEnvFile(name string, data []byte) *envFile {
	quietLogs()
	f := &envFile{name: name, text: string(bytes.TrimPrefix(data, []byte("\ufeff"))), line: 1}
	if at := notText([]byte(f.text)); at >= 0 {
		f.fail(at, "is no UTF-8 text here", "save the file as UTF-8")
		f.text = ""
	}
	return f
}

// notText returns where the first byte lies that is a NUL or not UTF-8, or -1.
func notText(data []byte) int {
	if utf8.Valid(data) {
		return bytes.IndexByte(data, 0)
	}
	for at := 0; at < len(data); {
		r, size := utf8.DecodeRune(data[at:])
		if r == 0 || r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return -1
}

// pos returns the position of a byte. Calls go forward through the file, and take
// no longer than it is, together.
func (f *envFile) pos(at int) diag.Pos {
	for ; f.seen < at; f.seen++ {
		if f.text[f.seen] == '\n' {
			f.line, f.start = f.line+1, f.seen+1
		}
	}
	return diag.Pos{File: f.name, Line: f.line, Column: at - f.start + 1}
}

func (f *envFile) fail(at int, summary, hint string) {
	f.list.Add(diag.Diagnostic{Severity: diag.Error, Pos: f.pos(at), Code: codeEnvFile, Summary: summary, Hint: hint})
}

// bare tells of a name alone that nothing sets.
func (f *envFile) bare(at int, name string) {
	f.list.Add(diag.Diagnostic{
		Severity: diag.Warning, Pos: f.pos(at), Code: codeVariableUnset, Summary: fmt.Sprintf("variable %s has no value, here or in the environment: it is left out", name),
		Hint: fmt.Sprintf("write %s=value, or set %[1]s in the shell", name),
	})
}

// statement reads one KEY=value, or a name alone.
func (f *envFile) statement(at int, text string, lookup dotenv.LookupFn) map[string]string {
	if strings.Count(text, "${") > maxVariables {
		f.fail(at, tooManyVariables(), "split it into several values")
		return nil
	}
	asked := map[string]bool{}
	// The newlines keep a byte order mark from being taken for that of a file, and a
	// name alone at the end of the file from being taken for a value.
	vars, err := dotenv.ParseWithLookup(strings.NewReader("\n"+text+"\n"), func(name string) (string, bool) {
		v, ok := lookup(name)
		asked[name] = !ok
		return v, ok
	})
	if err != nil {
		f.problem(at, text, err)
		return nil
	}
	if len(vars) == 0 {
		words := strings.Fields(text) // export may stand before the name
		f.bare(at, words[len(words)-1])
	}
	from, value := filled(text)
	for i, name := range bareVariables(value) {
		if asked[name] {
			f.list.Add(diag.Diagnostic{
				Severity: diag.Warning, Pos: f.pos(at + from + i), Code: codeVariableUnset, Summary: fmt.Sprintf("variable %s is not set: it is empty", name),
				Hint: fmt.Sprintf("set it, write ${%s:-default}, or put a value that has a $ of its own in single quotes", name),
			})
		}
	}
	return vars
}

// problem says what is wrong with a statement. Messages of the parser quote the
// file, and have no types.
func (f *envFile) problem(at int, text string, err error) {
	missing, required := errors.AsType[*template.MissingRequiredError](err)
	switch {
	case required:
		f.fail(at, fmt.Sprintf("variable %s must be set", missing.Variable), fmt.Sprintf("set %s, in the shell or in a line above", missing.Variable))
	case strings.Contains(err.Error(), "unterminated quoted value"):
		f.fail(at, "quotes are not closed", "close the quotes, or write \\ before one that belongs to the value")
	case strings.ContainsAny(text, "=:") && !strings.Contains(err.Error(), "variable name") && !strings.Contains(err.Error(), "cannot contain a space"):
		f.fail(at, "has a $ that begins no variable", "write ${NAME}, or put the value in single quotes")
	default:
		f.fail(at, "is not KEY=value", "write one KEY=value on a line")
	}
}

// statements returns each KEY=value of an env file, or name alone, and where it
// begins, without the comments between them. A value in quotes may have several
// lines, and another statement may follow it on its line.
func statements(text string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		for at := 0; ; {
			at += len(text[at:]) - len(strings.TrimLeftFunc(text[at:], unicode.IsSpace))
			if at == len(text) {
				return
			}
			end := at + lineEnd(text[at:])
			if text[at] != '#' {
				end = at + statementEnd(text[at:])
				if !yield(at, text[at:end]) {
					return
				}
			}
			at = end
		}
	}
}

// lineEnd returns where the first line of a text ends, behind its newline.
func lineEnd(text string) int {
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		return i + 1
	}
	return len(text)
}

// statementEnd returns where the first statement of a text ends.
func statementEnd(text string) int {
	from := valueStart(text)
	if quoteAt(text, from) == 0 {
		return from + lineEnd(text[from:])
	}
	escaped := false
	for i := from + 1; i < len(text); i++ {
		switch {
		case escaped:
			escaped = false
		case text[i] == '\\':
			escaped = true
		case text[i] == text[from]:
			return i + 1
		}
	}
	return len(text)
}

// valueStart returns where the value of a statement begins, or its newline where it
// has none.
func valueStart(statement string) int {
	at := strings.IndexAny(statement, "=:\n")
	if at < 0 {
		return len(statement)
	}
	if statement[at] == '\n' {
		return at
	}
	value := strings.TrimLeftFunc(statement[at+1:], func(r rune) bool { return r != '\n' && unicode.IsSpace(r) })
	return len(statement) - len(value)
}

// quoteAt returns the quote that stands at a place, or 0.
func quoteAt(text string, at int) byte {
	if at < len(text) && (text[at] == '"' || text[at] == '\'') {
		return text[at]
	}
	return 0
}

// filled returns the part of a statement in which variables are filled, and where it
// begins. A dollar sign that is escaped stands there as Compose writes it.
func filled(statement string) (int, string) {
	from := valueStart(statement)
	value := statement[from:]
	switch quoteAt(statement, from) {
	case '\'':
		return from, ""
	case '"':
		return from, strings.ReplaceAll(value, `\$`, "$$")
	default:
		value, _, _ = strings.Cut(value, " #")
		return from, value
	}
}
