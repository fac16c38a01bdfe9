package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"gantry/charts/release"
)

type uninstallOptions struct {
	release.UninstallOptions
	ignoreNotFound bool
}

func newUninstall(a *app) *cobra.Command {
	var o uninstallOptions
	c := &cobra.Command{
		Use:     "uninstall NAME...",
		Aliases: []string{"delete"},
		Short:   "Take releases away",
		Long: `Uninstall deletes the objects of releases and their records. Objects whose
annotation helm.sh/resource-policy says keep stay, and are named.

` + exitCodesHelp,
		Example: `  gantry uninstall shop --wait
  gantry uninstall shop --keep-history && gantry rollback shop`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runUninstall(cmd.Context(), a, args, &o)
		},
	}
	f := c.Flags()
	f.BoolVar(&o.KeepHistory, "keep-history", false, "keep the records, so that the release can be rolled back")
	f.BoolVar(&o.Wait, "wait", false, "wait until the objects are gone")
	f.DurationVar(&o.Timeout, "timeout", release.DefaultTimeout, "how long to wait, and for each hook")
	f.BoolVar(&o.NoHooks, "no-hooks", false, "run no hooks")
	f.BoolVar(&o.ignoreNotFound, "ignore-not-found", false, "succeed when there is no such release")
	f.StringVar(&o.Description, "description", "", "description of the last revision, with --keep-history")
	return c
}

func runUninstall(ctx context.Context, a *app, names []string, o *uninstallOptions) error {
	return a.inNamespace(ctx, func(ctx context.Context, manager *release.Manager) error {
		for _, name := range names {
			done, err := manager.Uninstall(ctx, name, o.UninstallOptions)
			if _, missing := errors.AsType[*release.NotFoundError](err); missing && o.ignoreNotFound {
				fmt.Fprintln(a.Err, err)
				continue
			}
			if err != nil {
				return err
			}
			for _, object := range done.Kept {
				fmt.Fprintf(a.Err, "kept %s: its annotation helm.sh/resource-policy says so\n", object)
			}
			fmt.Fprintf(a.Out, "uninstalled %s from namespace %s\n", name, done.Release.Namespace)
		}
		return nil
	})
}
