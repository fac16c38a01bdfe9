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
	crds crdFlags
}

func newInstall(a *app) *cobra.Command {
	var o installOptions
	c := &cobra.Command{
		Use:   "install NAME CHART",
		Short: "Install a chart",
		Long: `Install makes a release of a chart: a folder, a .tgz file, REPOSITORY/NAME or a URL.
It tells of every object as it is created. When waiting fails, it says which objects
are not ready and why.

` + dependsHelp + `

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
	a.bindProgress(c)
	bindTake(c, &o.ApplyOptions)
	bindAtomic(c, &o.ApplyOptions)
	bindDryRun(c, &o.DryRun)
	bindFirst(c, &o.CreateNamespace, &o.crds, "")
	bindSkipSchema(c, &o.SkipSchema)
	return c
}

func runInstall(ctx context.Context, a *app, name, ref string, o *installOptions) error {
	var err error
	if o.CRDs, err = o.crds.choice(); err != nil {
		return err
	}
	r, err := a.applyChart(ctx, wanted{ref, &o.chartOptions, &o.ApplyOptions, o.DryRun}, func(m *release.Manager, l *loadedChart) (*release.Release, error) {
		return m.Install(ctx, name, l.chart, l.values.Map, o.InstallOptions)
	})
	if err != nil || o.DryRun != "" {
		return err
	}
	a.finished(fmt.Sprintf("installed %s as %s", r.ChartAndVersion(), r.Name), r)
	return nil
}
