package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"gantry/charts/compare"
	"gantry/charts/engine"
)

type chartDiffOptions struct {
	chartOptions
	render   engine.Options
	text     compare.Text
	output   string
	exitCode bool
}

func newChartDiff(a *app) *cobra.Command {
	var o chartDiffOptions
	c := &cobra.Command{
		Use:   "diff FROM TO",
		Short: "Show how one chart differs from another",
		Long: `Diff compares two charts: Chart.yaml, the default values, what the schema accepts,
the objects that they render to with the same values, and the files. Each is a
folder, a .tgz file, REPOSITORY/NAME or REPOSITORY/NAME@VERSION, a URL, or
oci://HOST/PATH:VERSION. No cluster is needed.

Of the values of Secrets it only says whether they differ. What differs each time
that a chart is rendered, such as a password that is made up, does not count.
Objects in which nothing differs but the labels that name versions are only
counted.

` + exitCodesHelp,
		Example: `  gantry chart diff local/shop ./shop              # published, and as it is here
  gantry chart diff local/shop@1.2.0 local/shop@1.3.0 -f prod.yaml
  gantry chart diff shop-1.2.0.tgz ./shop -o json
  gantry chart diff local/shop ./shop --exit-code  # exit code 1 when they differ`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runChartDiff(cmd.Context(), a, args[0], args[1], &o)
		},
	}
	o.bindValues(c)
	o.bindPlainHTTP(c)
	bindRender(c, &o.render)
	bindOutput(c, &o.output)
	f := c.Flags()
	f.StringVar(&o.version, "version", "", "version of the one chart that comes from a repository, or a range (default: the newest)")
	f.BoolVar(&o.text.Lines, "lines", false, "show the lines of objects that differ, instead of the fields")
	f.BoolVar(&o.text.Labels, "labels", false, "show labels that name versions, too")
	f.BoolVar(&o.exitCode, "exit-code", false, "exit with 1 when the charts differ, and with 0 when they do not")
	return c
}

// bindRender gives a command that renders charts to compare them the flags about
// what their templates see.
func bindRender(c *cobra.Command, o *engine.Options) {
	f := c.Flags()
	f.StringVar(&o.Name, "name", "release-name", "name of the release that the templates see")
	f.StringVar(&o.KubeVersion, "kube-version", "", "version of Kubernetes that the templates see (default "+engine.DefaultKubeVersion+")")
	f.StringSliceVarP(&o.APIVersions, "api-versions", "a", nil, "APIs that the templates see besides the usual ones")
	bindSkipSchema(c, &o.SkipSchema)
}

func runChartDiff(ctx context.Context, a *app, from, to string, o *chartDiffOptions) error {
	if err := checkOutput(o.output); err != nil {
		return err
	}
	versions, err := versionsOf(from, to, o.version)
	if err != nil {
		return err
	}
	o.render.Namespace = a.namespace
	before, err := a.chartSide(ctx, from, versions[0], &o.chartOptions, o.render)
	if err != nil {
		return err
	}
	after, err := a.chartSide(ctx, to, versions[1], &o.chartOptions, o.render)
	if err != nil {
		return err
	}
	d, err := compare.Charts(before, after)
	if err != nil {
		return err
	}
	if err := a.printChartDiff(d, o); err != nil {
		return err
	}
	if o.exitCode && !d.Empty() {
		return errReported
	}
	return nil
}

// versionsOf says which of two charts the flag --version is about: the one that
// comes from a repository and does not name a version itself.
func versionsOf(from, to, version string) (versions [2]string, err error) {
	if version == "" {
		return versions, nil
	}
	at := -1
	for i, ref := range []string{from, to} {
		if _, own := splitVersion(ref); own != "" || onThisMachine(ref) {
			continue
		}
		if at >= 0 {
			return versions, usageError(withHint(errors.New("--version could mean either chart"), fmt.Sprintf("write it behind the name: %s@%s", from, version)))
		}
		at = i
	}
	if at < 0 {
		return versions, usageError(errors.New("--version is for a chart of a repository that names no version itself"))
	}
	versions[at] = version
	return versions, nil
}

// chartSide loads and renders one of the charts of a comparison.
func (a *app) chartSide(ctx context.Context, ref, version string, o *chartOptions, render engine.Options) (compare.Side, error) {
	own := *o
	own.version = version
	l, err := a.loadChart(ctx, ref, &own)
	if err != nil {
		return compare.Side{}, err
	}
	if err := l.complete(); err != nil {
		return compare.Side{}, err
	}
	side, err := compare.Render(ctx, l.chart, l.values.Map, render)
	return side, l.explain(err)
}

func (a *app) printChartDiff(d *compare.Difference, o *chartDiffOptions) error {
	if o.output != "table" {
		return a.list(o.output, listing{values: d})
	}
	if d.Empty() {
		fmt.Fprintf(a.Err, "%s and %s are alike\n", d.From, d.To)
		return nil
	}
	o.text.Color = a.colorful(a.Out)
	o.text.Write(a.Out, d)
	var parts []string
	for _, part := range []struct {
		count int
		noun  string
	}{{len(d.Values), "value"}, {len(d.Schema), "schema rule"}, {len(d.Objects), "object"}, {len(d.Files), "file"}} {
		if part.count > 0 {
			parts = append(parts, countOf(part.count, part.noun))
		}
	}
	summary := fmt.Sprintf("between %s and %s: %s", d.From, d.To, strings.Join(parts, ", "))
	if hidden := len(d.Objects) - len(o.text.Shown(d.Objects)); hidden > 0 {
		summary += fmt.Sprintf("; of %s only labels that name versions differ (--labels shows them)", countOf(hidden, "object"))
	}
	fmt.Fprintln(a.Err, summary)
	return nil
}
