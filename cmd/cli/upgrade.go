package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"gantry/charts/release"
)

type upgradeOptions struct {
	chartOptions
	release.UpgradeOptions
	reuse reuseFlags
	crds  crdFlags
	yes   bool
}

// reuseFlags are helm's flags about the values of the revision before.
type reuseFlags struct{ reset, reuse, resetThenReuse bool }

func (r *reuseFlags) bind(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&r.reset, "reset-values", false, "forget the values of the revision before")
	f.BoolVar(&r.reuse, "reuse-values", false, "keep the values of the revision before, its chart's included")
	f.BoolVar(&r.resetThenReuse, "reset-then-reuse-values", false, "keep the values given before, over the new chart's own")
}

func (r *reuseFlags) choice() (release.Reuse, error) {
	var chosen []release.Reuse
	for _, flag := range []struct {
		set  bool
		kind release.Reuse
	}{{r.reset, release.ReuseNothing}, {r.reuse, release.ReuseAll}, {r.resetThenReuse, release.ReuseGiven}} {
		if flag.set {
			chosen = append(chosen, flag.kind)
		}
	}
	switch len(chosen) {
	case 0:
		return release.ReuseIfNone, nil
	case 1:
		return chosen[0], nil
	default:
		return "", usageError(errors.New("--reset-values, --reuse-values and --reset-then-reuse-values exclude each other"))
	}
}

func newUpgrade(a *app) *cobra.Command {
	var o upgradeOptions
	c := &cobra.Command{
		Use:   "upgrade NAME CHART",
		Short: "Upgrade a release to a chart, or to other values",
		Long: `Upgrade makes a new revision of a release. Objects that are no longer in the chart
are deleted, unless their annotation helm.sh/resource-policy says keep, or they hold
data: claims and volumes go with --delete-storage only. Without any values, those of
the revision before are used again.

What will be done is planned first, with the API server; what it would refuse is said
at once, and then nothing is changed. On a terminal the plan is shown, and you are asked.

` + dependsHelp + `

` + driverHelp + `

` + exitCodesHelp,
		Example: `  gantry upgrade shop ./shop --set web.replicas=3 --wait
  gantry upgrade shop local/shop --install --atomic --timeout 2m
  gantry diff shop ./shop        # what an upgrade would change`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runUpgrade(cmd.Context(), a, args[0], args[1], &o)
		},
	}
	o.bind(c)
	bindApply(c, &o.ApplyOptions)
	a.bindProgress(c)
	bindTake(c, &o.ApplyOptions)
	bindAtomic(c, &o.ApplyOptions)
	bindYes(c, &o.yes)
	bindDryRun(c, &o.DryRun)
	o.reuse.bind(c)
	f := c.Flags()
	f.BoolVarP(&o.Install, "install", "i", false, "install the chart when there is no release of the name")
	f.BoolVar(&o.CleanupOnFail, "cleanup-on-fail", false, "delete what a failed upgrade has newly created")
	bindFirst(c, &o.CreateNamespace, &o.crds, "with --install, ")
	bindSkipSchema(c, &o.SkipSchema)
	bindHistoryMax(c, &o.HistoryMax)
	return c
}

// bindHistoryMax gives a command the flag --history-max.
func bindHistoryMax(c *cobra.Command, n *int) {
	c.Flags().IntVar(n, "history-max", release.DefaultHistory, "how many revisions to keep; 0 for all")
}

// historyMax translates the flag, in which 0 keeps all as in helm.
func historyMax(flag int) int {
	if flag == 0 {
		return -1
	}
	return flag
}

func runUpgrade(ctx context.Context, a *app, name, ref string, o *upgradeOptions) error {
	var err error
	if o.Reuse, err = o.reuse.choice(); err != nil {
		return err
	}
	if o.CRDs, err = o.crds.choice(); err != nil {
		return err
	}
	o.HistoryMax, o.Confirm = historyMax(o.HistoryMax), a.confirm(o.yes, goOn)
	r, err := a.applyChart(ctx, wanted{ref, &o.chartOptions, &o.ApplyOptions, o.DryRun}, func(m *release.Manager, l *loadedChart) (*release.Release, error) {
		return m.Upgrade(ctx, name, l.chart, l.values.Map, o.UpgradeOptions)
	})
	if err != nil || o.DryRun != "" {
		return err
	}
	did := fmt.Sprintf("upgraded %s to %s", r.Name, r.ChartAndVersion())
	if r.Revision == 1 {
		did = fmt.Sprintf("installed %s as %s", r.ChartAndVersion(), r.Name)
	}
	a.finished(did, r)
	return nil
}
