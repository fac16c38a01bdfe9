package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"gantry/charts/release"
)

type rollbackOptions struct {
	release.RollbackOptions
	output string
	yes    bool
}

func newRollback(a *app) *cobra.Command {
	var o rollbackOptions
	c := &cobra.Command{
		Use:   "rollback NAME [REVISION]",
		Short: "Make a release as it was before",
		Long: `Rollback makes a new revision that is like an older one. Without a number it takes
the newest before the current one that was deployed; revisions that failed do not
count. Fields that somebody else has set meanwhile are taken over.

On a terminal the plan is shown, and you are asked. With --dry-run it is printed, as
gantry diff does, and nothing is changed.

` + exitCodesHelp,
		Example: `  gantry rollback shop
  gantry rollback shop 3 --wait
  gantry rollback shop --dry-run`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			revision := 0
			if len(args) == 2 {
				var err error
				if revision, err = parseRevision(args[1]); err != nil {
					return err
				}
			}
			return runRollback(cmd.Context(), a, args[0], revision, &o)
		},
	}
	bindApply(c, &o.ApplyOptions)
	bindYes(c, &o.yes)
	bindHistoryMax(c, &o.HistoryMax)
	bindOutput(c, &o.output)
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "print the plan and change nothing")
	return c
}

// parseRevision reads the number of a revision.
func parseRevision(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, usageError(fmt.Errorf("%q is not a revision: revisions are numbers from 1", text))
	}
	return n, nil
}

func runRollback(ctx context.Context, a *app, name string, revision int, o *rollbackOptions) error {
	if err := checkOutput(o.output); err != nil {
		return err
	}
	if err := checkApply(&o.ApplyOptions, ""); err != nil {
		return err
	}
	o.HistoryMax, o.Confirm = historyMax(o.HistoryMax), a.confirm(o.yes, goOn)
	if o.output == progressJSON && !o.DryRun {
		a.progressOutput = progressJSON
	}
	p := a.progress()
	manager, err := a.releases("", p)
	if err != nil {
		p.finish()
		return a.releaseError(err)
	}
	r, err := manager.Rollback(ctx, name, revision, o.RollbackOptions)
	p.finish()
	if err != nil && r != nil && errors.Is(err, context.Canceled) {
		err = withHint(err, fmt.Sprintf("what was done until then stays, as revision %d; go on with the same command, or with: gantry upgrade %s CHART -n %s", r.Revision, name, r.Namespace))
	}
	if err != nil {
		return a.releaseError(err)
	}
	switch {
	case o.output != "table" && o.DryRun:
		return a.list(o.output, listing{values: r.Plan})
	case o.DryRun:
		a.printDryRun(r)
		return nil
	case a.progressOutput == progressJSON:
		a.tellDone(r)
		return nil
	}
	_, err = fmt.Fprintf(a.Out, "rolled back %s: revision %d is %s in namespace %s (%s)\n", r.Name, r.Revision, r.Status, r.Namespace, r.Description)
	return err
}
