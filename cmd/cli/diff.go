package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"gantry/charts/release"
)

type diffOptions struct {
	chartOptions
	apply  release.ApplyOptions
	reuse  reuseFlags
	crds   crdFlags
	output string
	labels bool
	// exitCode makes a difference the exit code 2.
	exitCode bool
	// drift compares the cluster with what was recorded, and repair mends that.
	drift, repair, yes bool
}

func newDiff(a *app) *cobra.Command {
	var o diffOptions
	c := &cobra.Command{
		Use:   "diff NAME [CHART|REVISION] [REVISION]",
		Short: "Show what an upgrade or a rollback would change, or what was changed by hand",
		Long: `Diff prints the plan of an upgrade to a chart, or of a rollback to a revision: what
would be created, changed, recreated, adopted and deleted, object by object. The plan
is that of the upgrade itself. It comes from the objects as they are in the cluster, and
the API server has agreed to every step of it, so that what it would fill in
or refuse is known. Of the values of Secrets, and of variables whose names say that
they are secret, such as DB_PASSWORD, it only says whether they differ.
Objects in which nothing differs but the labels that name versions are only
counted. Nothing is changed.

With --drift it prints what somebody has changed or deleted behind the release's
back, and --repair puts it back. Fields that the release does not set do not count.
Two revisions are compared with each other as they were recorded.

With --exit-code the exit code is 2 when something differs.

A chart whose folder is called like a number is written ./7.

` + exitCodesHelp,
		Example: `  gantry diff shop ./shop -f prod.yaml   # what an upgrade would change
  gantry diff shop 2                     # what a rollback to 2 would change
  gantry diff shop 2 3 -o json           # two revisions
  gantry diff shop --drift --exit-code   # what somebody changed by hand
  gantry diff shop --repair              # and back`,
		Args: cobra.RangeArgs(1, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runDiff(cmd.Context(), a, args[0], args[1:], &o)
		},
	}
	o.bind(c)
	o.reuse.bind(c)
	bindPlan(c, &o.apply)
	bindTake(c, &o.apply)
	bindOutput(c, &o.output)
	bindYes(c, &o.yes)
	f := c.Flags()
	f.StringVar(&o.crds.policy, "crds", string(release.CRDsCreate), "what becomes of the chart's custom resource definitions: create, upgrade or skip")
	f.BoolVar(&o.labels, "labels", false, "show objects in which only labels that name versions differ, too")
	f.BoolVar(&o.exitCode, "exit-code", false, "end with 2 when something differs, and with 0 when nothing does")
	f.BoolVar(&o.drift, "drift", false, "compare the cluster with the revision that is deployed")
	f.BoolVar(&o.repair, "repair", false, "put back what --drift would show")
	return c
}

func runDiff(ctx context.Context, a *app, name string, sides []string, o *diffOptions) error {
	if err := checkOutput(o.output); err != nil {
		return err
	}
	o.apply.Timeout = release.DefaultTimeout
	if err := checkApply(&o.apply, ""); err != nil {
		return err
	}
	o.drift = o.drift || o.repair
	if o.drift != (len(sides) == 0) {
		return usageError(errors.New("name a chart or a revision, or else --drift"))
	}
	var differs bool
	var err error
	if len(sides) == 2 {
		differs, err = a.diffRevisions(ctx, name, sides, o)
	} else {
		differs, err = a.diffPlan(ctx, name, sides, o)
	}
	if err == nil && differs && o.exitCode {
		return &exitError{exitDiffers, errReported}
	}
	return err
}

// diffPlan prints the plan of what is asked for.
func (a *app) diffPlan(ctx context.Context, name string, sides []string, o *diffOptions) (differs bool, err error) {
	var plan *release.Plan
	if o.drift {
		plan, err = a.planRepair(ctx, name, o)
	} else {
		plan, err = a.planChange(ctx, name, sides[0], o)
	}
	if err != nil {
		return false, err
	}
	if o.output != "table" {
		return plan.Changes(), a.list(o.output, listing{values: plan})
	}
	if o.repair {
		return plan.Changes(), nil
	}
	a.printPlan(a.Out, plan, o.labels)
	if o.drift && plan.Changes() {
		fmt.Fprintf(a.Err, "gantry diff %s --repair%s puts it back; what shall stay belongs in the chart\n", name, a.inNamespace())
	}
	return plan.Changes(), nil
}

// planRepair plans to put back what was changed by hand, or does it.
func (a *app) planRepair(ctx context.Context, name string, o *diffOptions) (*release.Plan, error) {
	p := a.progress()
	manager, err := a.releases("", p)
	if err != nil {
		p.finish()
		return nil, a.releaseError(err)
	}
	o.apply.Confirm = a.confirm(o.yes, goOn)
	plan, err := manager.Repair(ctx, name, release.RepairOptions{ApplyOptions: o.apply, DryRun: !o.repair})
	p.finish()
	if err != nil {
		return nil, a.releaseError(err)
	}
	if o.repair && plan.Changes() {
		fmt.Fprintf(a.Err, "repaired %s: %s\n", name, plan.Summary())
	} else if o.repair {
		fmt.Fprintf(a.Err, "%s is as it should be\n", name)
	}
	return plan, nil
}

// planChange plans a rollback, when the side is a number, or else an upgrade.
func (a *app) planChange(ctx context.Context, name, side string, o *diffOptions) (*release.Plan, error) {
	if _, err := strconv.Atoi(side); err == nil {
		revision, err := parseRevision(side)
		if err != nil {
			return nil, err
		}
		manager, err := a.releases("", nil)
		if err != nil {
			return nil, a.releaseError(err)
		}
		r, err := manager.Rollback(ctx, name, revision, release.RollbackOptions{ApplyOptions: o.apply, DryRun: true})
		if err != nil {
			return nil, a.releaseError(err)
		}
		return r.Plan, nil
	}
	reuse, err := o.reuse.choice()
	if err != nil {
		return nil, err
	}
	crds, err := o.crds.choice()
	if err != nil {
		return nil, err
	}
	l, err := a.loadChart(ctx, side, &o.chartOptions)
	if err != nil {
		return nil, err
	}
	if err := l.complete(); err != nil {
		return nil, err
	}
	manager, err := a.releases("", nil)
	if err != nil {
		return nil, a.releaseError(err)
	}
	r, err := manager.Upgrade(ctx, name, l.chart, l.values.Map, release.UpgradeOptions{
		ApplyOptions: o.apply, Reuse: reuse, CRDs: crds, Install: true, CreateNamespace: true, DryRun: release.DryRunServer,
	})
	if err != nil {
		return nil, a.releaseError(l.explain(err))
	}
	return r.Plan, nil
}

// diffRevisions prints how two revisions differ.
func (a *app) diffRevisions(ctx context.Context, name string, sides []string, o *diffOptions) (differs bool, err error) {
	from, err := parseRevision(sides[0])
	if err != nil {
		return false, err
	}
	to, err := parseRevision(sides[1])
	if err != nil {
		return false, err
	}
	manager, err := a.releases("", nil)
	if err != nil {
		return false, a.releaseError(err)
	}
	compared, err := manager.DiffRevisions(ctx, name, from, to)
	if err != nil {
		return false, a.releaseError(err)
	}
	differs = len(compared.Changes) > 0
	if o.output != "table" {
		return differs, a.list(o.output, listing{values: compared.Changes})
	}
	if !differs {
		fmt.Fprintf(a.Err, "%s and %s are alike\n", compared.From, compared.To)
		return false, nil
	}
	labelled := 0
	for _, change := range compared.Changes {
		if change.LabelsOnly && !o.labels {
			labelled++
			continue
		}
		name := change.Object.String()
		if change.Hook {
			name += " (hook)"
		}
		fmt.Fprintf(a.Out, "%s %s\n%s\n", name, change.Change, strings.TrimRight(change.Diff, "\n"))
	}
	summary := fmt.Sprintf("%s between %s and %s", countOf(len(compared.Changes)-labelled, "change"), compared.From, compared.To)
	if labelled > 0 {
		summary += fmt.Sprintf("; of %s only labels that name versions differ (--labels shows them)", countOf(labelled, "object"))
	}
	fmt.Fprintln(a.Err, summary)
	return true, nil
}
