package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"gantry/charts/live"
)

func newRollout(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "rollout",
		Short: "Look at the rollouts of a service, undo, pause and resume them",
		Long: `Rollout is about how the pods of one service are replaced. What it changes holds until
the next upgrade. To go back with a whole release, use gantry rollback.`,
		Example: "  gantry rollout status web\n  gantry rollout undo web",
	}
	c.AddCommand(newRolloutStatus(a), newRolloutHistory(a), newRolloutUndo(a), newRolloutPause(a, true), newRolloutPause(a, false))
	return c
}

// rolloutCommand begins a command about the rollout of one service.
func rolloutCommand(a *app, which *whichRelease, name, short string, run func(context.Context, *live.App, live.Service) error) *cobra.Command {
	c := &cobra.Command{
		Use:     name + " SERVICE",
		Short:   short,
		Long:    short + ".\n\n" + whichHelp + "\n\n" + exitCodesHelp,
		Example: fmt.Sprintf("  gantry rollout %s web\n  gantry rollout %s web --release shop", name, name),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			app, services, err := which.services(cmd.Context(), a, args)
			if err != nil {
				return err
			}
			return a.rolloutError(run(cmd.Context(), app, services[0]), which.again(a))
		},
	}
	which.bind(a, c, "f")
	return c
}

// rolloutError says what to type next, with the flags that name the release.
func (a *app) rolloutError(err error, flags string) error {
	if unable, ok := errors.AsType[*live.UnableError](err); ok {
		switch {
		case unable.Why == "is paused":
			err = withHint(err, "let it go on with: gantry rollout resume "+unable.Service.Name+flags)
		case unable.Service.Kind == live.Job:
			err = withHint(err, "a Job runs again when its image or command changes and the release is upgraded")
		}
	}
	if missing, ok := errors.AsType[*live.NoRevisionError](err); ok {
		return notFoundError(withHint(err, "see what there is with: gantry rollout history "+missing.Service.Name+flags))
	}
	return a.releaseError(err)
}

func newRolloutStatus(a *app) *cobra.Command {
	var (
		which whichRelease
		w     waiting
	)
	c := rolloutCommand(a, &which, "status", "Wait for the end of the rollout of a service, or say with --detach how far it is",
		func(ctx context.Context, app *live.App, s live.Service) error {
			if err := w.check(); err != nil {
				return err
			}
			text, done, err := app.RolloutStatus(ctx, s)
			if err != nil {
				return err
			}
			if !done && !w.detach {
				fmt.Fprintf(a.Err, "%s: %s\n", s.Name, text)
				if err := w.wait(ctx, a, app, []live.Service{s}); err != nil {
					return err
				}
				if text, done, err = app.RolloutStatus(ctx, s); err != nil {
					return err
				}
			}
			if !done {
				fmt.Fprintf(a.Out, "%s: %s\n", s.Name, text)
				return &exitError{exitTimeout, errReported}
			}
			_, err = fmt.Fprintf(a.Out, "%s is rolled out\n", s.Name)
			return err
		})
	w.bind(c)
	return c
}

func newRolloutHistory(a *app) *cobra.Command {
	var (
		which    whichRelease
		revision int64
		output   string
	)
	c := rolloutCommand(a, &which, "history", "List what the pods of a service were made from",
		func(ctx context.Context, app *live.App, s live.Service) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			if revision > 0 {
				text, err := app.RolloutRevision(ctx, s, revision)
				if err == nil {
					fmt.Fprintln(a.Out, strings.TrimRight(text, "\n"))
				}
				return err
			}
			list, err := app.RolloutHistory(ctx, s)
			if err != nil {
				return err
			}
			l := listing{header: []string{"REVISION", "IMAGES", "CURRENT", "CAUSE"}, values: list, empty: "it has no history"}
			for _, r := range list {
				current := ""
				if r.Current {
					current = "yes"
				}
				l.rows = append(l.rows, []string{strconv.FormatInt(r.Revision, 10), strings.Join(r.Images, ","), orDash(current), orDash(r.Cause)})
			}
			return a.list(output, l)
		})
	c.Flags().Int64Var(&revision, "revision", 0, "describe one revision")
	bindOutput(c, &output)
	return c
}

func newRolloutUndo(a *app) *cobra.Command {
	var (
		which    whichRelease
		revision int64
		w        waiting
	)
	c := rolloutCommand(a, &which, "undo", "Make the pods of a service as they were before",
		func(ctx context.Context, app *live.App, s live.Service) error {
			if err := w.check(); err != nil {
				return err
			}
			to, changed, err := app.RolloutUndo(ctx, s, revision)
			if err != nil {
				return err
			}
			if !changed {
				_, err = fmt.Fprintf(a.Out, "%s is as in revision %d already\n", s.Name, to)
				return err
			}
			fmt.Fprintf(a.Out, "%s is as in revision %d again\n", s.Name, to)
			fmt.Fprintln(a.Err, "the record of the release says otherwise: the next upgrade makes it as the chart says; gantry rollback goes back with all of it")
			return w.wait(ctx, a, app, []live.Service{s})
		})
	c.Flags().Int64Var(&revision, "to-revision", 0, "which revision of the service (default: the one before)")
	w.bind(c)
	return c
}

func newRolloutPause(a *app, pause bool) *cobra.Command {
	var which whichRelease
	name, short, did, not := "pause", "Let changes of a service wait", "paused", "is paused already"
	if !pause {
		name, short, did, not = "resume", "Let the rollout of a service go on", "resumed", "is not paused"
	}
	return rolloutCommand(a, &which, name, short, func(ctx context.Context, app *live.App, s live.Service) error {
		changed, err := app.RolloutPause(ctx, s, pause)
		if err != nil {
			return err
		}
		if !changed {
			_, err = fmt.Fprintf(a.Out, "%s %s\n", s.Name, not)
			return err
		}
		_, err = fmt.Fprintf(a.Out, "%s %s\n", did, s.Name)
		return err
	})
}
