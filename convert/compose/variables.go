package compose

import (
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/template"
	"go.yaml.in/yaml/v4"

	"gantry/charts"
	"gantry/charts/diag"
	"gantry/charts/pattern"
)

// Variable is a ${VARIABLE} that a value of a Compose file mentions.
type Variable struct {
	Name string
	// Value is what the variable has, or its default.
	Value string
	// Missing tells that neither the environment nor an env file has the variable,
	// and that it has no default; or that it is empty and must not be (:?).
	Missing bool
	// Required tells that it has no default and must be set (:? or ?).
	Required bool
	// Path is the key whose value mentions it.
	Path diag.Path
}

// Unset returns the names of the variables that the files of a source mention and
// that neither a default, the environment nor an env file supplies, sorted. Problems of the
// files are [Load]'s to report.
func Unset(src Source) []string {
	var list diag.List
	in, err := src.find(&list)
	if err != nil {
		return nil
	}
	t, _ := in.follow(&list)
	names := map[string]bool{}
	for _, v := range t.variables {
		if v.Missing {
			names[v.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// fill returns the text of a scalar with its variables filled, and reports those
// that cannot be.
func (t *trail) fill(s scope, n *yaml.Node, path diag.Path) string {
	t.legible(s, n, path)
	if !strings.Contains(n.Value, "$") || n.Tag == "!!binary" {
		return n.Value
	}
	report := func(severity diag.Severity, code, summary, hint string) {
		t.disk.list.Add(diag.Diagnostic{Severity: severity, Pos: s.at(n), Path: slices.Clone(path), Code: code, Summary: summary, Hint: hint})
	}
	if strings.Count(n.Value, "${") > maxVariables {
		report(diag.Error, codeLimit, tooManyVariables(), "split it into several values")
		return n.Value
	}
	found := template.ExtractVariables(map[string]any{"": n.Value}, template.DefaultPattern)
	bare := map[string]bool{}
	for _, name := range bareVariables(n.Value) {
		bare[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if name == "" {
			continue // ${ and no more; the syntax is reported below
		}
		v := found[name]
		val, set := s.env[name]
		missing := !set && (v.Required || bare[name]) || v.Required && val == "" && strings.Contains(n.Value, "${"+name+":?")
		t.variables = append(t.variables, Variable{Name: name, Value: orDefault(val, v.DefaultValue), Missing: missing, Required: v.Required, Path: slices.Clone(path)})
		if missing && !v.Required {
			hint := "set it in the shell, .env or an --env-file"
			if !charts.IsSecretName(name) { // whose default would stand in the file
				hint += fmt.Sprintf(", or write ${%s:-default}", name)
			}
			report(diag.Warning, codeVariableUnset, fmt.Sprintf("variable %s is not set: it is empty", name), hint)
		}
	}
	text, err := template.SubstituteWithOptions(n.Value, s.env.lookup, template.WithoutLogging)
	if err == nil {
		return text
	}
	if missing, ok := errors.AsType[*template.MissingRequiredError](err); ok {
		why := ""
		if missing.Reason != "" {
			why = ": " + missing.Reason
		}
		report(diag.Error, codeVariableRequired, fmt.Sprintf("variable %s must be set%s", missing.Variable, why), fmt.Sprintf("set %s in the shell, .env or an --env-file", missing.Variable))
		return ""
	}
	report(diag.Error, codeVariableSyntax, fmt.Sprintf("%q has a $ that begins no variable", n.Value), "write ${NAME}, or $$ for a dollar sign")
	return ""
}

func tooManyVariables() string { return fmt.Sprintf("mentions more than %d variables", maxVariables) }

// legible refuses bytes where only text can go: no variable, argument or name of
// a container holds a NUL.
func (t *trail) legible(s scope, n *yaml.Node, path diag.Path) {
	text := []byte(n.Value)
	if n.ShortTag() == "!!binary" {
		decoded, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(n.Value), ""))
		if err != nil {
			return // compose-go says so
		}
		text = decoded
	}
	content := len(path) == 3 && path[0] == "configs" && path[2] == "content"
	if content || notText(text) < 0 {
		return
	}
	t.disk.list.Add(diag.Diagnostic{
		Severity: diag.Error, Pos: s.at(n), Path: slices.Clone(path), Code: codeValue, Summary: "is no text: it has bytes that are not UTF-8, or a NUL",
		Hint: "give it to the container as a file, with configs",
	})
}

func orDefault(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// variableName is what a variable is called in a text.
var variableName = pattern.Lazy(`^[_a-zA-Z][_a-zA-Z0-9]*`)

// bareVariables returns the variables that a text mentions without a default, not
// even an empty one as in ${NAME:-}, and where.
func bareVariables(text string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		for at := 0; at+1 < len(text); at++ {
			if text[at] != '$' {
				continue
			}
			rest, braced := strings.CutPrefix(text[at+1:], "{")
			name := variableName().FindString(rest)
			if name != "" && (!braced || strings.HasPrefix(rest[len(name):], "}")) && !yield(at, name) {
				return
			}
			if text[at+1] == '$' {
				at++ // $$ is a dollar sign
			}
		}
	}
}
