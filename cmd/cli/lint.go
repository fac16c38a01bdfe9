package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"gantry/charts/diag"
	"gantry/charts/lint"
)

type lintOptions struct {
	chartOptions
	lint   lint.Options
	output string
}

func newLint(a *app) *cobra.Command {
	var o lintOptions
	c := &cobra.Command{
		Use:   "lint [CHART...]",
		Short: "Check charts",
		Long: `Lint checks charts, in folders or .tgz files, with Helm's linter: the metadata,
the values against the schema, and what the templates render to. Without a chart
it checks the one of this folder.

` + exitCodesHelp,
		Example: `  gantry lint ./shop --strict
  gantry lint ./shop-1.2.3.tgz -f prod.yaml -o json`,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"."}
			}
			return runLint(a, args, &o)
		},
	}
	o.bindValues(c)
	f := c.Flags()
	f.StringVarP(&o.output, "output", "o", "text", "text or json")
	f.BoolVar(&o.lint.Strict, "strict", false, "fail when there is a warning")
	f.StringVar(&o.lint.KubeVersion, "kube-version", "", "version of Kubernetes whose removed APIs are reported")
	bindSkipSchema(c, &o.lint.SkipSchema)
	return c
}

func runLint(a *app, names []string, o *lintOptions) error {
	if o.output != "text" && o.output != "json" {
		return usageError(fmt.Errorf("unknown output %q: use text or json", o.output))
	}
	merged, list := a.mergeValues(&o.chartOptions)
	if err := list.Err(); err != nil {
		return err
	}
	o.lint.Values, o.lint.Namespace = merged.Map, a.namespace
	for _, name := range names {
		found, err := lint.Run(name, o.lint)
		if errors.Is(err, fs.ErrNotExist) {
			return notFoundError(fmt.Errorf("there is no chart %s", name))
		}
		if err != nil {
			return fmt.Errorf("lint %s: %w", name, err)
		}
		list = append(list, found...)
	}
	return a.lintReport(names, list, o.output)
}

// lintReport prints what was found, and fails when there is an error among it.
func (a *app) lintReport(names []string, list diag.List, output string) error {
	switch {
	case output == "json":
		if err := writeJSON(a.Out, list); err != nil {
			return err
		}
	case len(list) == 0:
		fmt.Fprintf(a.Out, "%s checked, nothing to say\n", countOf(len(names), "chart"))
	default:
		a.printDiagnostics(a.Out, nil, list)
	}
	if list.HasErrors() {
		return &exitError{exitInput, errors.New(countProblems(list))}
	}
	return nil
}
