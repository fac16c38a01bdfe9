package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"gantry/charts"
	"gantry/charts/diag"
	"gantry/convert"
	"gantry/convert/report"
)

// printDiagnostics writes diagnostics to a stream, each with its hint and, where
// they come from a conversion, with the line of the file. There may be none.
func (a *app) printDiagnostics(w io.Writer, result *convert.Result, list diag.List) {
	text := report.NewText(result)
	text.Color = a.colorful(w)
	text.Write(w, list)
}

// printChartDiagnostics writes diagnostics about a chart to a stream, those about
// its templates with the line.
func (a *app) printChartDiagnostics(w io.Writer, list diag.List, files []charts.File) {
	text := report.NewText(nil)
	text.Color = a.colorful(w)
	for _, f := range files {
		text.Show(f.Name, f.Data)
	}
	text.Write(w, list)
}

// templateFailure is an error with the files of the chart that it is about, named as
// in its diagnostics.
type templateFailure struct {
	err   error
	files []charts.File
}

func (e *templateFailure) Error() string { return e.err.Error() }
func (e *templateFailure) Unwrap() error { return e.err }

// colorful reports whether a stream is for a person who wants colours.
func (a *app) colorful(stream io.Writer) bool {
	return !a.noColor && a.Getenv("TERM") != "dumb" && isTerminal(stream)
}

// convertError is an error with the conversion that it ended, whose files have
// the lines to show.
type convertError struct {
	err    error
	result *convert.Result
}

func (e *convertError) Error() string { return e.err.Error() }
func (e *convertError) Unwrap() error { return e.err }

// countProblems says how many errors, warnings and notes there are.
func countProblems(list diag.List) string {
	var parts []string
	for _, s := range []diag.Severity{diag.Error, diag.Warning, diag.Note} {
		if n := list.Count(s); n > 0 {
			parts = append(parts, countOf(n, s.String()))
		}
	}
	return strings.Join(parts, ", ")
}

// countOf writes a number and its noun: 1 note, 2 notes.
func countOf(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// writeJSON writes a value as indented JSON; an empty list is [], not null.
func writeJSON[T any](w io.Writer, value []T) error {
	if value == nil {
		value = []T{}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(value)
}
