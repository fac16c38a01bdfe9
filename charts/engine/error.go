package engine

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gantry/charts/diag"
	"gantry/charts/pattern"
)

// TemplateError is a template that could not be read or executed, or whose
// result is not YAML.
type TemplateError struct {
	// Pos is the place in the template, named below the chart's name:
	// shop/templates/web.yaml. When the result is not YAML, only the file is
	// known.
	Pos diag.Pos
	// Trace lists the places that led there by include or template, the
	// nearest first.
	Trace []diag.Pos
	// Problem says what is wrong.
	Problem string
	// Path is the value that the template reads and nobody gives, if that is the
	// problem: Values, web, image.
	Path diag.Path
	// Hint says what may have been meant. It may be empty.
	Hint string
	// Snippet shows the rendered lines around the fault when the result is not
	// YAML, each with its number.
	Snippet []string

	// reads is the expression that was evaluated, missing whether its value is not
	// there, and said whether the problem is in the words of the chart's author, of
	// which further holds the lines after the first.
	reads         string
	missing, said bool
	further       []string
	err           error
}

// Error prints the position, the problem and the way there.
func (e *TemplateError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", e.Pos, e.Problem)
	b.WriteString(e.way())
	return b.String()
}

// way says how the template came to be executed.
func (e *TemplateError) way() string {
	const most = 6
	var b strings.Builder
	for i, at := range e.Trace {
		if i == most {
			fmt.Fprintf(&b, " (and at %d places more)", len(e.Trace)-most)
			break
		}
		fmt.Fprintf(&b, " (included at %s)", at)
	}
	return b.String()
}

// Unwrap returns helm's own error.
func (e *TemplateError) Unwrap() error { return e.err }

// Diagnostic returns the error as a diagnostic.
func (e *TemplateError) Diagnostic() diag.Diagnostic {
	d := diag.Diagnostic{Severity: diag.Error, Pos: e.Pos, Path: e.Path, Code: "template", Summary: e.Problem, Hint: e.Hint}
	if e.missing && !e.said {
		d.Summary = "has no value, and the template reads " + e.reads
	}
	if len(e.further) > 0 {
		first := strings.TrimSuffix(e.Problem, " "+oneLine(strings.Join(e.further, " ")))
		d.Summary = strings.TrimSuffix(first, ":")
		d.Hint = strings.Join(e.further, "\n      ")
	}
	d.Summary += e.way()
	if len(e.Snippet) > 0 {
		d.Code = "template-yaml"
		d.Hint = "the template renders to:\n      " + strings.Join(e.Snippet, "\n      ")
	}
	return d
}

// SchemaError is values that a chart's values.schema.json refuses.
type SchemaError struct {
	// Problems has one entry for each value, sorted by chart and path.
	Problems []SchemaProblem
	err      error
}

// SchemaProblem is one value that the schema refuses.
type SchemaProblem struct {
	// Chart is the chart whose schema it is.
	Chart string
	// Path is the key that is wrong, below the chart's own values.
	Path diag.Path
	// Problem says what is wrong.
	Problem string
}

// Error prints the problems, joined with semicolons.
func (e *SchemaError) Error() string {
	parts := make([]string, 0, len(e.Problems))
	for _, p := range e.Problems {
		part := p.Problem
		if len(p.Path) > 0 {
			part = p.Path.String() + ": " + part
		}
		parts = append(parts, part)
	}
	return "values do not fit the chart's schema: " + strings.Join(parts, "; ")
}

// Unwrap returns helm's own error.
func (e *SchemaError) Unwrap() error { return e.err }

// MissingError is a chart that does not hold the charts it depends on.
type MissingError struct {
	// Names of the charts that are not there.
	Names []string
}

// Error prints the names.
func (e *MissingError) Error() string {
	return fmt.Sprintf("Chart.yaml names dependencies that are not in charts/: %s", strings.Join(e.Names, ", "))
}

// Explain gives an error of helm's engine its fields back. helm and the template
// library have the position of a fault only inside of the message, so this is
// the one place that reads messages. Other errors are returned as they are.
func Explain(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*TemplateError](err); ok {
		return err
	}
	if e := explainSchema(err); e != nil {
		return e
	}
	if e := explainMessage(err); e != nil {
		return e
	}
	if m := patterns().yaml.FindStringSubmatch(err.Error()); m != nil {
		return &TemplateError{Pos: diag.Pos{File: m[1]}, Problem: "the result is not YAML: " + yamlProblem(m[2]), err: err}
	}
	return err
}

type messagePatterns struct {
	// parse matches helm's "parse error at (shop/templates/web.yaml:3): …".
	parse *regexp.Regexp
	// execution matches helm's "execution error at (shop/templates/web.yaml:3:4): …".
	execution *regexp.Regexp
	// step matches one level of the library's "template: NAME:3:4: executing
	// "NAME" at <…>: …"; an error inside an include has several.
	step *regexp.Regexp
	yaml *regexp.Regexp
	// schema matches "- at '/web/replicas': got string, want integer".
	schema *regexp.Regexp
}

func patterns() messagePatterns {
	return messagePatterns{
		parse:     regexp.MustCompile(`(?s)^parse error (?:at|in) \(([^)]+?)(?::(\d+))?(?::(\d+))?\): (.*)$`),
		execution: regexp.MustCompile(`(?s)^execution error (?:at|in) \(([^)]+?)(?::(\d+))?(?::(\d+))?\): (.*)$`),
		step:      regexp.MustCompile(`template: ([^\s:]+):(\d+)(?::(\d+))?: (?:executing "[^"]*" at (<.*?>): )?`),
		yaml:      regexp.MustCompile(`(?s)YAML parse error on ([^:]+): (.*)$`),
		schema:    regexp.MustCompile(`^\s*- at '([^']*)': (.*)$`),
	}
}

func explainMessage(err error) *TemplateError {
	p, text := patterns(), err.Error()
	for _, re := range []*regexp.Regexp{p.parse, p.execution} {
		if m := re.FindStringSubmatch(text); m != nil {
			return &TemplateError{Pos: position(m[1], m[2], m[3]), Problem: oneLine(m[4]), err: err}
		}
	}
	steps := p.step.FindAllStringSubmatchIndex(text, -1)
	if len(steps) == 0 || steps[0][0] != 0 {
		return nil
	}
	group := func(step []int, n int) string {
		if step[2*n] < 0 {
			return ""
		}
		return text[step[2*n]:step[2*n+1]]
	}
	e := &TemplateError{err: err}
	for n, step := range slices.Backward(steps) {
		at := position(group(step, 1), group(step, 2), group(step, 3))
		if n == len(steps)-1 {
			e.Problem = oneLine(text[step[1]:])
			if expr := group(step, 4); expr != "" {
				e.Problem += " at " + expr
				e.reads = strings.Trim(expr, "<>")
			}
		}
		switch {
		case at.File == setName:
			// A text of tpl has no file: where it is executed counts.
		case e.Pos.IsZero():
			e.Pos = at
		case len(e.Trace) > 0 && e.Trace[len(e.Trace)-1] == at:
			// It includes itself, again and again.
		default:
			e.Trace = append(e.Trace, at)
		}
	}
	if said, ok := errors.AsType[*saidError](err); ok {
		e.Problem, e.said = oneLine(said.text), true
		e.further = linesAfterFirst(said.text)
	}
	return e
}

// linesAfterFirst returns the lines of a text, without the first and those that are
// empty.
func linesAfterFirst(text string) []string {
	lines := slices.Collect(strings.Lines(strings.TrimSpace(text)))
	var further []string
	for _, line := range lines[min(1, len(lines)):] {
		if line = strings.TrimRight(line, " \t\r\n"); line != "" {
			further = append(further, line)
		}
	}
	return further
}

// position makes a Pos of what a message says. The library counts columns from
// zero.
func position(file, line, column string) diag.Pos {
	pos := diag.Pos{File: file}
	pos.Line, _ = strconv.Atoi(line)
	if n, err := strconv.Atoi(column); err == nil {
		pos.Column = n + 1
	}
	return pos
}

func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}

func explainSchema(err error) *SchemaError {
	text, ok := strings.CutPrefix(err.Error(), "values don't meet the specifications of the schema(s) in the following chart(s):\n")
	if !ok {
		return nil
	}
	e := &SchemaError{err: err}
	chartName := ""
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if m := patterns().schema.FindStringSubmatch(line); m != nil {
			if headsOthers(m[2], line, lines[i+1:]) {
				continue
			}
			e.Problems = append(e.Problems, schemaProblems(chartName, pointer(m[1]), m[2])...)
			continue
		}
		if name, ok := strings.CutSuffix(line, ":"); ok {
			chartName = name
		} else if strings.TrimSpace(line) != "" {
			e.Problems = append(e.Problems, SchemaProblem{Chart: chartName, Problem: strings.TrimSpace(line)})
		}
	}
	slices.SortStableFunc(e.Problems, func(a, b SchemaProblem) int {
		return cmp.Or(cmp.Compare(a.Chart, b.Chart), slices.Compare(a.Path, b.Path))
	})
	return e
}

// headsOthers reports whether a problem only says that there are those indented below
// it, each of which has its own place.
func headsOthers(problem, line string, below []string) bool {
	return (problem == "validation failed" || problem == "'allOf' failed") && len(below) > 0 && indent(below[0]) > indent(line)
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// unknownNames matches what helm says of names that the schema does not know.
var unknownNames = pattern.Lazy(`^additional properties (.+) not allowed$`)

// unknownValue is the problem of a value that the schema does not know.
const unknownValue = "the chart has no value of this name"

// schemaProblems returns what is wrong at a place of the values. Names that the schema does
// not know are a problem each, at their own place; helm has them in no order.
func schemaProblems(chartName string, at diag.Path, problem string) []SchemaProblem {
	names := unknownNames().FindStringSubmatch(problem)
	if names == nil {
		return []SchemaProblem{{Chart: chartName, Path: at, Problem: withoutInstance(at, problem)}}
	}
	var problems []SchemaProblem
	for _, quoted := range slices.Sorted(strings.SplitSeq(names[1], ", ")) {
		key := strings.Trim(quoted, "'")
		problems = append(problems, SchemaProblem{Chart: chartName, Path: append(slices.Clone(at), key), Problem: unknownValue})
	}
	return problems
}

// pointer splits a JSON pointer.
func pointer(text string) diag.Path {
	if text == "" {
		return nil
	}
	parts := strings.Split(strings.TrimPrefix(text, "/"), "/")
	for i, p := range parts {
		parts[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(p)
	}
	return parts
}

// notYAML is the error of a document that is not YAML. It shows the lines around
// the fault: the line that the parser names is one of the result, which the
// author of the template has never seen.
func notYAML(file, document string, err error) error {
	e := &TemplateError{Pos: diag.Pos{File: file}, Problem: "the result is not YAML: " + yamlProblem(err.Error()), err: err}
	if m := regexp.MustCompile(`line (\d+)`).FindStringSubmatch(err.Error()); m != nil {
		line, _ := strconv.Atoi(m[1])
		e.Snippet = snippet(document, line)
	}
	return e
}

func yamlProblem(text string) string {
	text = strings.TrimPrefix(text, "error converting YAML to JSON: ")
	text = strings.TrimPrefix(text, "error unmarshaling JSON: ")
	text = strings.TrimPrefix(text, "while decoding JSON: ")
	text = strings.TrimPrefix(text, "yaml: ")
	if m := regexp.MustCompile(`^json: cannot unmarshal (\w+) into Go value`).FindStringSubmatch(text); m != nil {
		return "a mapping is wanted, and this is of the type " + m[1]
	}
	return oneLine(text)
}

// explainTemplate says where in which template an error is. file is the template
// that was read or executed.
func explainTemplate(err error, file string) error {
	if e := explainMessage(err); e != nil {
		return e
	}
	return &TemplateError{Pos: diag.Pos{File: file}, Problem: oneLine(err.Error()), err: err}
}
