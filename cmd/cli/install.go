package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"gantry/charts/release"
)

type installOptions struct {
	chartOptions
	release.InstallOptions
}

func newInstall(a *app) *cobra.Command {
	var o installOptions
	c := &cobra.Command{
		Use:   "install NAME CHART",
		Short: "Install a chart",
		Long: `Install makes a release of a chart: a folder, a .tgz file, REPOSITORY/NAME or a URL.
It tells of every object as it is created. When waiting fails, it says which objects
are not ready and why.

` + driverHelp + `

` + exitCodesHelp,
		Example: `  gantry install shop ./shop -f prod.yaml --wait
  gantry install shop local/shop --version ~1.2 -n shop --create-namespace --atomic
  gantry install shop ./shop --dry-run=server`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runInstall(cmd.Context(), a, args[0], args[1], &o)
		},
	}
	o.bind(c)
	bindApply(c, &o.ApplyOptions)
	bindAtomic(c, &o.ApplyOptions)
	bindDryRun(c, &o.DryRun)
	f := c.Flags()
	f.BoolVar(&o.CreateNamespace, "create-namespace", false, "make the namespace when it is not there")
	f.BoolVar(&o.SkipCRDs, "skip-crds", false, "do not install the chart's custom resource definitions")
	f.BoolVar(&o.SkipSchema, "skip-schema-validation", false, "do not hold the values against the chart's schema")
	return c
}

func runInstall(ctx context.Context, a *app, name, ref string, o *installOptions) error {
	if err := checkApply(&o.ApplyOptions, o.DryRun); err != nil {
		return err
	}
	l, err := a.loadChart(ctx, ref, &o.chartOptions)
	if err != nil {
		return err
	}
	if err := l.complete(); err != nil {
		return err
	}
	p := &progress{w: a.Err}
	manager, err := a.releases("", p)
	if err != nil {
		return a.releaseError(err)
	}
	r, err := manager.Install(ctx, name, l.chart, l.values.Map, o.InstallOptions)
	p.finish()
	if err != nil {
		return a.releaseError(l.explain(err))
	}
	if o.DryRun != "" {
		a.printDryRun(r)
		return nil
	}
	a.finished(fmt.Sprintf("installed %s as", r.ChartAndVersion()), r)
	return nil
}
