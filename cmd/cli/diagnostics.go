package cli

import (
	"fmt"
	"strings"

	"gantry/charts/diag"
)

// printDiagnostics writes the diagnostics to standard error, each with its hint
// below it.
func (a *app) printDiagnostics(list diag.List) {
	for _, d := range list {
		fmt.Fprintln(a.Err, d)
		if d.Hint != "" {
			fmt.Fprintf(a.Err, "    hint: %s\n", d.Hint)
		}
	}
}

// countProblems says how many errors and warnings there were.
func countProblems(list diag.List) string {
	var parts []string
	for _, s := range []diag.Severity{diag.Error, diag.Warning, diag.Note} {
		switch n := list.Count(s); n {
		case 0:
		case 1:
			parts = append(parts, "1 "+s.String())
		default:
			parts = append(parts, fmt.Sprintf("%d %ss", n, s))
		}
	}
	return strings.Join(parts, ", ")
}
