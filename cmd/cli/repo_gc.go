package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"gantry/charts/diag"
	"gantry/repo/server"
)

type repoGCOptions struct {
	ownStore

	dryRun, offline bool
	grace           string
	output          string
}

func newRepoGC(a *app) *cobra.Command {
	var o repoGCOptions
	c := &cobra.Command{
		Use:   "gc",
		Short: "Delete contents that nothing names any more",
		Long: `Gc looks for contents that no version and no manifest names: those of versions that
were deleted or replaced, and of uploads that came to nothing. What it finds it
marks; what an earlier run has marked long enough ago, and nothing names still, it
deletes. So it is run now and then, once a day for instance, and servers may run
meanwhile. An upload of marked content keeps it.

A signature, or whatever else names a manifest as its subject, goes with what it
signs, after the same time, unless it has a tag or is part of an index of manifests.

Where a record is damaged it cannot be told what is named, and nothing is deleted.

` + exitCodesHelp,
		Example: `  gantry repo gc --dir charts --dry-run
  gantry repo gc --store s3://my-charts/stable --grace 7d
  gantry repo gc --dir charts --offline`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runRepoGC(cmd.Context(), a, &o) },
	}
	o.bind(c)
	o.bindRepository(c)
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "tell what would be done, and change nothing")
	c.Flags().StringVar(&o.grace, "grace", "24h", "how long contents stay after a run has found them, such as 12h or 7d; 10m is the least")
	c.Flags().BoolVar(&o.offline, "offline", false, "promise that no server runs, and delete at once")
	bindOutput(c, &o.output)
	return c
}

func runRepoGC(ctx context.Context, a *app, o *repoGCOptions) error {
	if err := checkOutput(o.output); err != nil {
		return err
	}
	grace, err := parseDays(o.grace)
	if err != nil {
		return usageError(err)
	}
	if grace < server.MinGrace {
		return usageError(withHint(errors.New("--grace must be 10m or more"), "when no server runs: --offline"))
	}
	store, err := o.open(ctx, a)
	if err != nil {
		return err
	}
	defer store.Close()
	options := server.CollectOptions{Now: a.Now(), Grace: grace, Offline: o.offline, DryRun: o.dryRun}
	found, err := server.Collect(ctx, store, options)
	if _, ok := errors.AsType[*server.DamagedError](err); ok {
		return &exitError{exitInput, withHint(fmt.Errorf("nothing was deleted: %w", err), "see all that is amiss with: gantry repo fsck")}
	}
	if err != nil {
		return err
	}
	return o.report(a, found, grace)
}

// report tells what was deleted, and what goes when.
func (o *repoGCOptions) report(a *app, found []server.Unnamed, grace time.Duration) error {
	l := listing{
		values: found, header: []string{"DIGEST", "SIZE", "UNNAMED SINCE", "STATUS"},
		empty: "every content has a name",
	}
	var gone, goneBytes, waiting, waitingBytes int64
	var unknown []server.Unnamed
	for _, u := range found {
		status := "goes after " + u.Since.Add(grace).Format(time.DateTime)
		switch {
		case u.Failed != "":
			status, unknown = "not known", append(unknown, u)
		case !u.Deleted:
			waiting, waitingBytes = waiting+1, waitingBytes+u.Size
		case o.dryRun:
			status = "would be deleted"
		default:
			status = "deleted"
		}
		if u.Deleted {
			gone, goneBytes = gone+1, goneBytes+u.Size
		}
		l.rows = append(l.rows, []string{u.Digest, diag.Size(u.Size), u.Since.Format(time.DateTime), status})
	}
	if err := a.list(o.output, l); err != nil || len(found) == 0 {
		return err
	}
	verb := "deleted"
	if o.dryRun {
		verb = "would delete"
	}
	fmt.Fprintf(a.Err, "%s %s (%s); %s wait for another run (%s)\n",
		verb, countOf(int(gone), "content"), diag.Size(goneBytes), countOf(int(waiting), "content"), diag.Size(waitingBytes))
	if len(unknown) > 0 {
		err := fmt.Errorf("the store did not tell whether it deleted %s: %s", countOf(len(unknown), "content"), unknown[0].Failed)
		return withHint(err, "nothing is lost; run gantry repo gc again in an hour: until then uploads of the same content are refused")
	}
	return nil
}
