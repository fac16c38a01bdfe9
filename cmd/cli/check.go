package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"gantry/charts/diag"
	"gantry/convert"
	"gantry/convert/report"
)

type checkOptions struct {
	sourceOptions
	reportOptions
	output string
}

// checkOutputs are the formats of gantry check.
func checkOutputs() []string { return []string{"text", "json", "sarif"} }

func newCheck(a *app) *cobra.Command {
	var o checkOptions
	c := &cobra.Command{
		Use:   "check",
		Short: "Say what becomes of a Compose application, and write nothing",
		Long: `Check converts a Compose application and prints every diagnostic: problems of
the files, and keys that are not converted exactly, notes included.

With -o json it prints what became of every key and every object, too; with
-o sarif what code hosts show beside the lines of a change. --report writes a page
with all of it and a picture. docs/report.md describes the formats.

` + exitCodesHelp,
		Example: `  gantry check
  gantry check -f compose.yaml --report report.html
  gantry check -o json | jq '.keys[] | select(.outcome == "ignored")'
  gantry check -o sarif > gantry.sarif`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runCheck(cmd.Context(), a, &o) },
	}
	o.sourceOptions.bind(c)
	o.reportOptions.bind(c)
	_ = c.Flags().MarkHidden("notes") // they are printed anyway
	c.Flags().StringVarP(&o.output, "output", "o", "text", "text, json or sarif")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(checkOutputs(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

func runCheck(ctx context.Context, a *app, o *checkOptions) error {
	if !slices.Contains(checkOutputs(), o.output) {
		return usageError(fmt.Errorf("unknown output %q: use text, json or sarif", o.output))
	}
	if err := o.check(); err != nil {
		return err
	}
	result, err := a.convert(ctx, &o.sourceOptions)
	if result == nil || err != nil && !result.Diagnostics.HasErrors() {
		return err
	}
	if failure := a.writeReport(o.report, result); failure != nil {
		if err == nil {
			return failure
		}
		a.report(failure)
	}
	if err := a.printCheck(o.output, result); err != nil {
		return err
	}
	switch {
	case err != nil:
		fmt.Fprintf(a.Err, "gantry: error: %s\n", countProblems(result.Diagnostics))
		return &exitError{exitInput, errReported}
	case o.strict && result.Diagnostics.Count(diag.Warning) > 0:
		return &exitError{exitInput, fmt.Errorf("%s, and --strict was given", countProblems(result.Diagnostics))}
	}
	return nil
}

// printCheck prints what was found, in one of the formats.
func (a *app) printCheck(output string, result *convert.Result) error {
	if output != "text" {
		r, err := report.Build(result)
		if err != nil {
			return err
		}
		if output == "sarif" {
			return r.SARIF(a.Out, strings.TrimPrefix(version, "v"), report.RuleOf)
		}
		return r.JSON(a.Out)
	}
	a.printDiagnostics(a.Out, result, result.Diagnostics)
	if len(result.Diagnostics) == 0 {
		_, err := io.WriteString(a.Out, "every key is converted exactly\n")
		return err
	}
	if s := report.Summarise(result); s.Keys > 0 {
		fmt.Fprintln(a.Out, s)
	}
	return nil
}
