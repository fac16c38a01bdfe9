package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"gantry/charts/diag"
	"gantry/convert"
	"gantry/convert/report"
)

// reportOptions are the flags of commands that tell of a conversion.
type reportOptions struct {
	report string
	strict bool
	notes  bool
}

func (o *reportOptions) bind(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.report, "report", "", "write a page that shows the application and what became of every key: FILE.html")
	f.BoolVar(&o.strict, "strict", false, "fail when there is a warning")
	f.BoolVar(&o.notes, "notes", false, "print the notes, too")
	_ = c.MarkFlagFilename("report", "html")
}

// told tells of a conversion: it writes the report, prints what is not converted
// exactly, and returns the error of the conversion or that of --strict.
func (a *app) told(o *reportOptions, result *convert.Result, err error) error {
	if failure := a.writeReport(o.report, result); failure != nil {
		if err == nil {
			return failure
		}
		a.report(failure)
	}
	if err != nil {
		return err
	}
	a.summarise(result, o.notes)
	if o.strict && result.Diagnostics.Count(diag.Warning) > 0 {
		return strictError(result.Diagnostics)
	}
	return nil
}

// strictError is what a warning becomes with --strict.
func strictError(list diag.List) error {
	return &exitError{exitInput, fmt.Errorf("%s, and --strict was given: nothing was converted", countProblems(list))}
}

// summarise prints the warnings, and the notes or how many there are, and counts
// what became of the keys. Where there is nothing to say it is silent.
func (a *app) summarise(result *convert.Result, notes bool) {
	list := result.Diagnostics
	if len(list) == 0 {
		return
	}
	shown := list
	if !notes {
		shown = slices.DeleteFunc(slices.Clone(list), func(d diag.Diagnostic) bool { return d.Severity == diag.Note })
	}
	a.printDiagnostics(a.Err, result, shown)
	if n := list.Count(diag.Note); n > 0 && !notes {
		fmt.Fprintf(a.Err, "%s more; see them with: gantry check\n", countOf(n, "note"))
	}
	if s := report.Summarise(result); s.Keys > 0 {
		fmt.Fprintln(a.Err, s)
	}
}

// reportMark is in every page that gantry writes, near its beginning.
const reportMark = `<meta name="generator" content="gantry">`

// writeReport writes the page of a conversion, when it was asked for. It is
// written for input with errors as well: that is when one wants to see the lines.
func (a *app) writeReport(name string, result *convert.Result) error {
	if name == "" || result == nil {
		return nil
	}
	r, err := report.Build(result)
	if err != nil {
		return err
	}
	if err := replaceReport(name, r.HTML); err != nil {
		return err
	}
	fmt.Fprintf(a.Err, "wrote the report to %s\n", name)
	return nil
}

// check refuses, before any work is done, a name that no page can have.
func (o *reportOptions) check() error {
	if o.report == "-" {
		return usageError(errors.New("the report is a page: name a file with --report"))
	}
	return nil
}

// replaceReport writes a file as a whole or not at all. A file that is no report
// is left alone: --report compose.yaml is a slip.
func replaceReport(name string, write func(io.Writer) error) error {
	if err := isReport(name); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-")
	if err != nil {
		return reportError(name, err)
	}
	defer os.Remove(temp.Name())
	if err := errors.Join(write(temp), temp.Chmod(0o644), temp.Close()); err != nil {
		return reportError(name, err)
	}
	return reportError(name, os.Rename(temp.Name(), name))
}

// reportError says which report could not be written. The name of the temporary
// file, which changes, is left out.
func reportError(name string, err error) error {
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		err = at.Err
	}
	if at, ok := errors.AsType[*os.LinkError](err); ok {
		err = at.Err
	}
	if err != nil {
		return fmt.Errorf("write the report %s: %w", name, err)
	}
	return nil
}

// isReport fails when a file exists and is no report.
func isReport(name string) error {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return reportError(name, err)
	}
	defer f.Close()
	start, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return reportError(name, err)
	}
	if len(start) > 0 && !bytes.Contains(start, []byte(reportMark)) {
		return withHint(fmt.Errorf("%s exists and is no report: nothing was written", name), "choose another file with --report, or remove this one")
	}
	return nil
}
