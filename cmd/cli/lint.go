package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"gantry/charts/diag"
	"gantry/charts/lint"
	"gantry/convert/report"
)

type lintOptions struct {
	chartOptions
	lint    lint.Options
	output  string
	explain string
}

func newLint(a *app) *cobra.Command {
	var o lintOptions
	c := &cobra.Command{
		Use:   "lint [CHART...]",
		Short: "Check charts",
		Long: `Lint checks charts, in folders or .tgz files, with Helm's linter: the metadata,
the values against the schema, and what the templates render to; and then with
rules of its own: objects that come twice, selectors that match nothing, images
without a version, values that nobody reads. docs/lint.md lists them; --disable, or
the annotation ` + lint.DisableAnnotation + ` in Chart.yaml, switches one off. Without a
chart it checks the one of this folder.

` + exitCodesHelp,
		Example: `  gantry lint ./shop --strict
  gantry lint ./shop-1.2.3.tgz -f prod.yaml -o json
  gantry lint ./shop -o sarif > lint.sarif
  gantry lint --explain lint-selector`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.explain != "" {
				return explainRule(a, o.explain)
			}
			if len(args) == 0 {
				args = []string{"."}
			}
			return runLint(cmd.Context(), a, args, &o)
		},
	}
	o.bindValues(c)
	f := c.Flags()
	f.StringVarP(&o.output, "output", "o", "text", "text, json or sarif")
	f.StringSliceVar(&o.lint.Disable, "disable", nil, "rules to do without, by their codes")
	f.StringVar(&o.explain, "explain", "", "say what a rule is about, and check nothing")
	f.BoolVar(&o.lint.Strict, "strict", false, "fail when there is a warning")
	f.StringVar(&o.lint.KubeVersion, "kube-version", "", "version of Kubernetes whose removed APIs are reported")
	bindSkipSchema(c, &o.lint.SkipSchema)
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(checkOutputs(), cobra.ShellCompDirectiveNoFileComp))
	for _, flag := range []string{"explain", "disable"} {
		_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(ruleCodes(), cobra.ShellCompDirectiveNoFileComp))
	}
	return c
}

func ruleCodes() []string {
	var codes []string
	for _, r := range lint.Rules() {
		codes = append(codes, r.Code)
	}
	return codes
}

func explainRule(a *app, code string) error {
	text, ok := lint.Explain(code)
	if !ok {
		return withHint(notFoundError(fmt.Errorf("there is no rule %q", code)), "the rules are "+strings.Join(ruleCodes(), ", "))
	}
	_, err := io.WriteString(a.Out, text)
	return err
}

func runLint(ctx context.Context, a *app, names []string, o *lintOptions) error {
	if !slices.Contains(checkOutputs(), o.output) {
		return usageError(fmt.Errorf("unknown output %q: use text, json or sarif", o.output))
	}
	merged, list := a.mergeValues(&o.chartOptions)
	if err := list.Err(); err != nil {
		return err
	}
	o.lint.Values, o.lint.Namespace = merged, a.namespace
	for _, name := range names {
		found, err := lint.Run(ctx, name, o.lint)
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

// lintRule is what code hosts show of a rule.
func lintRule(code string) report.Rule {
	for _, r := range lint.Rules() {
		if r.Code == code {
			return report.Rule{
				Short: r.Summary, Full: r.Why,
				Help: fmt.Sprintf("%s Where the chart means it so, switch the rule off: in Chart.yaml by the annotation %s: %s, or with gantry lint --disable %s.", r.Why, lint.DisableAnnotation, code, code),
			}
		}
	}
	return report.RuleOf(code)
}

// lintReport prints what was found, and fails when there is an error among it.
func (a *app) lintReport(names []string, list diag.List, output string) error {
	switch {
	case output == "json":
		if err := writeJSON(a.Out, list); err != nil {
			return err
		}
	case output == "sarif":
		r := report.Report{Diagnostics: list}
		if err := r.SARIF(a.Out, strings.TrimPrefix(version, "v"), lintRule); err != nil {
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
