package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"gantry/repo/client"
)

func newRepoRemove(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "remove NAME...",
		Aliases: []string{"rm"},
		Short:   "Forget repositories and their cached indexes",
		Example: "  gantry repo remove local",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return runRepoRemove(cmd.Context(), a, args) },

		ValidArgsFunction: a.completeRepositories(0, -1),
	}
}

func runRepoRemove(ctx context.Context, a *app, names []string) error {
	c := a.repoClient()
	err := c.Configure(ctx, func(all []client.Repository) ([]client.Repository, error) {
		for _, name := range names {
			if _, err := c.Repository(name); err != nil {
				return nil, err
			}
		}
		return slices.DeleteFunc(all, func(r client.Repository) bool { return slices.Contains(names, r.Name) }), nil
	})
	if err != nil {
		return repoError(err)
	}
	var failures error
	for _, name := range names {
		if err := c.Forget(name); err != nil {
			failures = errors.Join(failures, err)
			continue
		}
		fmt.Fprintf(a.Out, "removed %s\n", name)
	}
	return failures
}
