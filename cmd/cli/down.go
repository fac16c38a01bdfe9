package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"gantry/charts/release"
	"gantry/convert/workload"
)

type downOptions struct {
	sourceOptions
	release.UninstallOptions
	volumes bool
	yes     bool
}

func newDown(a *app) *cobra.Command {
	var o downOptions
	c := &cobra.Command{
		Use:   "down [NAME]",
		Short: "Take a Compose application off the cluster",
		Long: `Down uninstalls the release NAME (default: the name of the Compose application).
Volumes stay, and with them the secrets that open them; --volumes deletes both. On a
terminal the plan is shown, and you are asked.

` + exitCodesHelp,
		Example: `  gantry down
  gantry down shop -n shop --volumes`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runDown(cmd.Context(), a, args, &o) },
	}
	o.bind(c)
	f := c.Flags()
	f.BoolVar(&o.volumes, "volumes", false, "delete volumes and kept secrets, too: their data is lost")
	bindYes(c, &o.yes)
	f.BoolVar(&o.DryRun, "dry-run", false, "print what would be deleted and change nothing")
	f.DurationVar(&o.Timeout, "timeout", release.DefaultTimeout, "how long to wait until everything is gone")
	return c
}

func runDown(ctx context.Context, a *app, args []string, o *downOptions) error {
	name := ""
	if len(args) > 0 {
		name = args[0]
	} else {
		result, err := a.convert(ctx, &o.sourceOptions)
		if err != nil {
			return err
		}
		name = result.App.Name
		a.useNamespace(result)
	}
	question := goOn
	if o.volumes {
		question = "Go on, and delete the volumes and secrets that it keeps, too?"
	}
	o.Wait, o.DeleteStorage, o.Confirm = true, o.volumes, a.confirmUninstall(a.confirm(o.yes, question), false)
	done, err := a.uninstall(ctx, name, o.UninstallOptions)
	if err != nil {
		return err
	}
	if o.DryRun {
		a.printUninstall(done)
		return nil
	}
	if err := a.deleteKept(ctx, done, o.volumes); err != nil {
		return a.releaseError(err)
	}
	fmt.Fprintf(a.Out, "down: %s is gone from namespace %s\n", name, done.Release.Namespace)
	return nil
}

// deleteKept deletes what outlives a release, or says that it is still there.
func (a *app) deleteKept(ctx context.Context, done *release.Uninstalled, volumes bool) error {
	cluster, err := a.connect()
	if err != nil {
		return err
	}
	selector := workload.LabelInstance + "=" + done.Release.Name
	kept, err := cluster.Kept(ctx, done.Release.Namespace, selector)
	if err != nil {
		return err
	}
	if !volumes {
		for _, object := range kept {
			if !done.Plan.Keeps(object) { // that was told
				fmt.Fprintf(a.Err, "kept %s\n", object)
			}
		}
		if len(kept) > 0 {
			fmt.Fprintln(a.Err, "gantry down --volumes deletes them, and their data")
		}
		return nil
	}
	for _, object := range kept {
		if err := cluster.DeleteKept(ctx, object); err != nil {
			return err
		}
		fmt.Fprintf(a.Err, "deleted %s\n", object)
	}
	return nil
}
