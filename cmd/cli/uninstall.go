package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"gantry/charts/release"
)

type uninstallOptions struct {
	release.UninstallOptions
	ignoreNotFound bool
	keepStorage    bool
	yes            bool
}

func newUninstall(a *app) *cobra.Command {
	var o uninstallOptions
	c := &cobra.Command{
		Use:     "uninstall NAME...",
		Aliases: []string{"delete"},
		Short:   "Take releases away",
		Long: `Uninstall deletes the objects of releases and their records. Objects whose
annotation helm.sh/resource-policy says keep stay, and are named. So do claims and
volumes, whose data would be lost, those that StatefulSets have made included;
--delete-storage deletes them. On a terminal the plan is shown and you are asked, about
claims and volumes by themselves.

` + exitCodesHelp,
		Example: `  gantry uninstall shop --wait
  gantry uninstall shop --delete-storage
  gantry uninstall shop --keep-history && gantry rollback shop`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runUninstall(cmd.Context(), a, args, &o)
		},
	}
	f := c.Flags()
	f.BoolVar(&o.KeepHistory, "keep-history", false, "keep the records, so that the release can be rolled back")
	f.BoolVar(&o.keepStorage, "keep-storage", false, "keep claims and volumes, and do not ask")
	f.BoolVar(&o.DeleteStorage, "delete-storage", false, "delete claims and volumes, and their data")
	c.MarkFlagsMutuallyExclusive("keep-storage", "delete-storage")
	bindYes(c, &o.yes)
	f.BoolVar(&o.DryRun, "dry-run", false, "print what would be deleted and change nothing")
	f.BoolVar(&o.Wait, "wait", false, "wait until the objects are gone")
	f.DurationVar(&o.Timeout, "timeout", release.DefaultTimeout, "how long to wait, and for each hook")
	f.BoolVar(&o.NoHooks, "no-hooks", false, "run no hooks")
	f.BoolVar(&o.ignoreNotFound, "ignore-not-found", false, "succeed when there is no such release")
	f.StringVar(&o.Description, "description", "", "description of the last revision, with --keep-history")
	return c
}

func runUninstall(ctx context.Context, a *app, names []string, o *uninstallOptions) error {
	o.Confirm = a.confirmUninstall(a.confirm(o.yes, goOn), !o.keepStorage && !o.DeleteStorage)
	for _, name := range names {
		done, err := a.uninstall(ctx, name, o.UninstallOptions)
		if _, missing := errors.AsType[*release.NotFoundError](err); missing && o.ignoreNotFound {
			fmt.Fprintln(a.Err, err)
			continue
		}
		if err != nil {
			return err
		}
		if o.DryRun {
			a.printUninstall(done)
			continue
		}
		fmt.Fprintf(a.Out, "uninstalled %s from namespace %s\n", name, done.Release.Namespace)
	}
	return nil
}

// uninstall takes a release away. What it tells has ended when it returns: on a
// terminal it would be drawn over what is printed meanwhile.
func (a *app) uninstall(ctx context.Context, name string, o release.UninstallOptions) (*release.Uninstalled, error) {
	p := a.progress()
	manager, err := a.releases("", p)
	if err != nil {
		p.finish()
		return nil, a.releaseError(err)
	}
	done, err := manager.Uninstall(ctx, name, o)
	p.finish()
	if done != nil && errors.Is(err, context.Canceled) {
		err = withHint(err, fmt.Sprintf("what was deleted until then is gone; go on with the same command, or bring it back with: gantry upgrade %s CHART -n %s", name, done.Release.Namespace))
	}
	return done, a.releaseError(err)
}

// printUninstall prints what would be taken away.
func (a *app) printUninstall(done *release.Uninstalled) {
	if done.Plan != nil {
		a.printPlan(a.Out, done.Plan, false)
	} else {
		fmt.Fprintf(a.Out, "delete the history of %s, of which nothing else is left\n", done.Release.Name)
	}
	fmt.Fprintln(a.Err, dryRunDone)
}

// confirmUninstall asks a person whether a release goes, and about storage whether claims
// and volumes go, too. Where nobody can answer they stay.
func (a *app) confirmUninstall(confirm func(context.Context, *release.Plan) error, storage bool) func(context.Context, *release.Plan) (bool, error) {
	if confirm == nil {
		return nil
	}
	return func(ctx context.Context, p *release.Plan) (bool, error) {
		if err := confirm(ctx, p); err != nil || !storage {
			return false, err
		}
		var names []string
		for _, s := range p.Steps {
			if s.Do == release.Keep && s.Wave == release.Storage {
				names = append(names, s.Object.String())
			}
		}
		if len(names) == 0 {
			return false, nil
		}
		return a.ask(ctx, fmt.Sprintf("Delete %s as well, and the data in them?", strings.Join(names, ", ")))
	}
}
