package archive

import (
	"errors"
	"fmt"

	"gantry/charts/diag"
)

// What a chart may hold at most, charts within it included. The first two are
// helm's own limits, so that what gantry packs, helm reads.
const (
	// MaxBytes is the size of all files together, unpacked.
	MaxBytes = 100 << 20
	// MaxFileBytes is the size of one file, unpacked.
	MaxFileBytes = 5 << 20
	// MaxFiles is the number of files.
	MaxFiles = 10_000
	// MaxPathDepth is the number of names in one path.
	MaxPathDepth = 32
	// MaxChartDepth is how many charts may stand inside each other.
	MaxChartDepth = 8
)

// ErrLimit is what every error about a chart that is too large wraps.
var ErrLimit = errors.New("chart is over a limit")

// ErrEscape is what every error about a path that leaves the chart wraps.
var ErrEscape = errors.New("path leaves the chart")

// Error says what is wrong with a chart, and in which of its files.
type Error struct {
	// Chart is the path that the chart was read from. It is empty for a stream.
	Chart string
	// File is the slash-separated name of the file inside the chart. It is
	// empty when the chart as a whole is at fault.
	File string
	// Line and Column are where in the file, from 1, or 0 when not known.
	Line, Column int
	// Err is the reason.
	Err error
}

// Error prints the chart, the file and the reason.
func (e *Error) Error() string {
	where := e.Chart
	if e.File != "" {
		if where != "" {
			where += ": "
		}
		where += e.File
	}
	if where == "" {
		where = "chart"
	}
	return where + ": " + e.Err.Error()
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// Diagnostic returns the error as a diagnostic about a file that can be opened.
func (e *Error) Diagnostic() diag.Diagnostic {
	d := diag.Diagnostic{Severity: diag.Error, Pos: diag.Pos{File: Locate(e.Chart, "", e.File), Line: e.Line, Column: e.Column}, Code: "chart-load", Summary: e.Err.Error()}
	if syntax, ok := errors.AsType[*diag.SyntaxError](e.Err); ok {
		d.Pos.Line, d.Pos.Column, d.Summary = syntax.Line, syntax.Column, syntax.Problem
	}
	return d
}

func fault(file string, err error) error { return &Error{File: file, Err: err} }

func faultf(file, format string, args ...any) error {
	return fault(file, fmt.Errorf(format, args...))
}

// budget is what is left of the limits while one chart is being read.
type budget struct {
	bytes     int64
	fileBytes int64
	files     int
	charts    int
}

func newBudget() *budget {
	return &budget{bytes: MaxBytes, fileBytes: MaxFileBytes, files: MaxFiles, charts: MaxChartDepth}
}

// entry takes one file of the announced size from the budget.
func (b *budget) entry(name string, size int64) error {
	b.files--
	switch {
	case b.files < 0:
		return faultf("", "%w: more than %d files", ErrLimit, MaxFiles)
	case size > b.fileBytes:
		return faultf(name, "%w: %d bytes, and a file may have %d", ErrLimit, size, b.fileBytes)
	case size > b.bytes:
		return faultf("", "%w: more than %d bytes unpacked", ErrLimit, MaxBytes)
	}
	return nil
}

// take takes the bytes that were really read.
func (b *budget) take(name string, n int) error {
	b.bytes -= int64(n)
	switch {
	case int64(n) > b.fileBytes:
		return faultf(name, "%w: a file may have %d bytes", ErrLimit, b.fileBytes)
	case b.bytes < 0:
		return faultf("", "%w: more than %d bytes unpacked", ErrLimit, MaxBytes)
	}
	return nil
}
