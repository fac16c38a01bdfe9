package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"gantry/repo/client"
)

// parallelUpdates is how many repositories are asked at once.
const parallelUpdates = 8

func newRepoUpdate(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "update [NAME...]",
		Aliases: []string{"up"},
		Short:   "Fetch the indexes of repositories again",
		Long: `Update fetches the indexes of all configured repositories, or of the named ones,
where they have changed. One that fails does not keep the others from being
fetched. A line says what became of each as soon as it is known; a terminal shows
what is under way below.

` + exitCodesHelp,
		Example: "  gantry repo update\n  gantry repo update local",
		RunE:    func(cmd *cobra.Command, args []string) error { return runRepoUpdate(cmd.Context(), a, args) },

		ValidArgsFunction: a.completeRepositories(0, -1),
	}
}

func runRepoUpdate(ctx context.Context, a *app, names []string) error {
	view := a.newUpdateView()
	c := a.repoClient(client.WithProgress(view.receive))
	chosen, err := chooseRepositories(c, names)
	if err != nil {
		return repoError(err)
	}
	if len(chosen) == 0 {
		return withHint(errors.New("no repository is configured"), "add one with: gantry repo add NAME URL")
	}
	var (
		group   errgroup.Group
		failure error
		failed  int
	)
	group.SetLimit(parallelUpdates)
	view.begin(len(chosen))
	for _, r := range chosen {
		group.Go(func() error {
			index, changed, err := c.Update(ctx, r)
			view.done(r.Name, func() {
				switch {
				case err != nil:
					failed++
					failure = cmpError(failure, repoError(err))
					fmt.Fprintf(a.Err, "%s: %v\n", r.Name, err)
				case changed:
					fmt.Fprintf(a.Out, "%s: updated (%s)\n", r.Name, countOf(len(index.Entries), "chart"))
				default:
					fmt.Fprintf(a.Out, "%s: unchanged\n", r.Name)
				}
			})
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if failed == 0 {
		return nil
	}
	return &exitError{exitCode(ctx, failure), fmt.Errorf("%d of %d repositories could not be updated", failed, len(chosen))}
}

// cmpError keeps the first error.
func cmpError(first, next error) error {
	if first != nil {
		return first
	}
	return next
}

// chooseRepositories returns the named repositories, or all.
func chooseRepositories(c *client.Client, names []string) ([]client.Repository, error) {
	all, err := c.Repositories()
	if err != nil || len(names) == 0 {
		return all, err
	}
	for _, name := range names {
		if _, err := c.Repository(name); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(all, func(r client.Repository) bool { return !slices.Contains(names, r.Name) }), nil
}
