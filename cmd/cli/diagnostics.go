package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"gantry/charts/diag"
)

// printDiagnostics writes the diagnostics to standard error.
func (a *app) printDiagnostics(list diag.List) { printDiagnostics(a.Err, list) }

// printDiagnostics writes each diagnostic on a line, its hint below it.
func printDiagnostics(w io.Writer, list diag.List) {
	for _, d := range list {
		fmt.Fprintln(w, d)
		if d.Hint != "" {
			fmt.Fprintf(w, "    hint: %s\n", d.Hint)
		}
	}
}

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
