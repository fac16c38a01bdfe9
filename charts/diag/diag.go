package diag

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity ranks a diagnostic by what it means for the user's result.
type Severity int

const (
	// Note tells of a difference that rarely matters.
	Note Severity = iota
	// Warning tells that what the user asked for will behave differently.
	Warning
	// Error tells that nothing can be made of the input as it is.
	Error
)

// String returns the lower-case word that is printed in front of a diagnostic.
func (s Severity) String() string {
	switch s {
	case Note:
		return "note"
	case Warning:
		return "warning"
	default:
		return "error"
	}
}

// MarshalText writes the severity as its word, for JSON output.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Pos is a place in a file. Line and Column count from 1; Line 0 means the
// file as a whole.
type Pos struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// IsZero reports whether nothing is known of the place.
func (p Pos) IsZero() bool { return p == Pos{} }

// String prints the position as file:line:column, without the parts that are
// not known.
func (p Pos) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	default:
		return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
}

// Path names a key by the keys that lead to it, outermost first. It is printed
// with dots and never parsed back: keys may contain dots themselves.
type Path []string

// String joins the keys with dots.
func (p Path) String() string { return strings.Join(p, ".") }

// Diagnostic is one problem in one place.
type Diagnostic struct {
	Severity Severity `json:"severity"`
	Pos      Pos      `json:"pos"`
	// Path is the key that the diagnostic is about: services, web, ports, 0.
	Path Path `json:"path,omitempty"`
	// Code is a stable, documented word to search for, such as port-range.
	Code string `json:"code"`
	// Summary says what is wrong or what becomes of the key, in one sentence
	// that begins in lower case and has no full stop.
	Summary string `json:"summary"`
	// Hint says what to type instead. It may be empty.
	Hint string `json:"hint,omitempty"`
}

// String prints the diagnostic on one line:
//
//	compose.yaml:12:7: warning: services.web.pid: shares the node's processes [pid-host]
func (d Diagnostic) String() string {
	var b strings.Builder
	if pos := d.Pos.String(); pos != "" {
		b.WriteString(pos + ": ")
	}
	b.WriteString(d.Severity.String() + ": ")
	if len(d.Path) > 0 {
		b.WriteString(d.Path.String() + ": ")
	}
	b.WriteString(d.Summary)
	if d.Code != "" {
		b.WriteString(" [" + d.Code + "]")
	}
	return b.String()
}

// List is a set of diagnostics. The zero value is empty and ready to use.
type List []Diagnostic

// Add appends a diagnostic.
func (l *List) Add(d Diagnostic) { *l = append(*l, d) }

// Sort orders the list by file, line, column, path and code, and drops exact
// repetitions, so that the same input prints the same report.
func (l *List) Sort() {
	slices.SortStableFunc(*l, compare)
	*l = slices.CompactFunc(*l, func(a, b Diagnostic) bool {
		return compare(a, b) == 0 && a.Severity == b.Severity && a.Summary == b.Summary && a.Hint == b.Hint
	})
}

func compare(a, b Diagnostic) int {
	return cmp.Or(
		cmp.Compare(a.Pos.File, b.Pos.File),
		cmp.Compare(a.Pos.Line, b.Pos.Line),
		cmp.Compare(a.Pos.Column, b.Pos.Column),
		slices.Compare(a.Path, b.Path),
		cmp.Compare(a.Code, b.Code),
		cmp.Compare(a.Summary, b.Summary),
	)
}

// Count returns how many diagnostics have the given severity.
func (l List) Count(s Severity) int {
	n := 0
	for _, d := range l {
		if d.Severity == s {
			n++
		}
	}
	return n
}

// HasErrors reports whether the list holds an error.
func (l List) HasErrors() bool { return l.Count(Error) > 0 }

// Err returns nil when the list holds no error, and an [*Errors] otherwise.
func (l List) Err() error {
	if !l.HasErrors() {
		return nil
	}
	return &Errors{List: l}
}

// Errors is a list of diagnostics as an error. The command line prints its
// diagnostics one by one and exits with the code for bad input.
type Errors struct{ List List }

// Error prints the first error and how many more there are.
func (e *Errors) Error() string {
	n := e.List.Count(Error)
	for _, d := range e.List {
		if d.Severity != Error {
			continue
		}
		if n > 1 {
			return fmt.Sprintf("%s (and %d more)", d, n-1)
		}
		return d.String()
	}
	return "no errors"
}
