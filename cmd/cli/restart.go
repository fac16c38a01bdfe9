package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"gantry/charts/live"
)

type restartOptions struct {
	which whichRelease
	waiting
}

func newRestart(a *app) *cobra.Command {
	var o restartOptions
	c := &cobra.Command{
		Use:   "restart [SERVICE...]",
		Short: "Replace the pods of services",
		Long: `Restart replaces the pods of services by new ones, a few at a time, as an upgrade does,
and waits until they are ready. Without names it restarts all services that do not end
by themselves.

` + whichHelp + `

` + exitCodesHelp,
		Example: `  gantry restart
  gantry restart web worker --release shop`,
		RunE: func(cmd *cobra.Command, args []string) error { return runRestart(cmd.Context(), a, args, &o) },
	}
	o.which.bind(a, c, "f")
	o.waiting.bind(c)
	return c
}

func runRestart(ctx context.Context, a *app, names []string, o *restartOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	app, services, err := o.which.services(ctx, a, names)
	if err != nil {
		return err
	}
	var restarted []live.Service
	for _, s := range services {
		// The pods of services that share them are replaced once.
		if slices.ContainsFunc(restarted, func(one live.Service) bool { return one.Ref() == s.Ref() }) {
			fmt.Fprintf(a.Out, "restarting %s\n", s.Name)
			continue
		}
		err := app.Restart(ctx, s, a.Now())
		if unable, ok := errors.AsType[*live.UnableError](err); ok && len(names) == 0 {
			fmt.Fprintf(a.Err, "left alone: %v\n", unable)
			continue
		}
		if err != nil {
			return a.rolloutError(err, o.which.again(a))
		}
		fmt.Fprintf(a.Out, "restarting %s\n", s.Name)
		restarted = append(restarted, s)
	}
	return o.wait(ctx, a, app, restarted)
}
