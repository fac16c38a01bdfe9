package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"gantry/charts/release"
)

type diffOptions struct {
	chartOptions
	reuse  reuseFlags
	output string
	labels bool
}

func newDiff(a *app) *cobra.Command {
	var o diffOptions
	c := &cobra.Command{
		Use:   "diff NAME CHART|REVISION [REVISION]",
		Short: "Show what an upgrade or a rollback would change",
		Long: `Diff compares what is deployed with what an upgrade to a chart would make, or with an
older revision, or two revisions with each other, object by object. Of the values of
Secrets it only says whether they differ. Objects in which nothing differs but the
labels that name versions are only counted. Nothing is changed.

A chart whose folder is called like a number is written ./7.

` + exitCodesHelp,
		Example: `  gantry diff shop ./shop -f prod.yaml   # deployed, and after an upgrade
  gantry diff shop 2                     # deployed, and after a rollback to 2
  gantry diff shop 2 3 -o json           # two revisions`,
		Args: cobra.RangeArgs(2, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runDiff(cmd.Context(), a, args[0], args[1:], &o)
		},
	}
	o.bind(c)
	o.reuse.bind(c)
	bindOutput(c, &o.output)
	c.Flags().BoolVar(&o.labels, "labels", false, "show objects in which only labels that name versions differ, too")
	return c
}

func runDiff(ctx context.Context, a *app, name string, sides []string, o *diffOptions) error {
	if err := checkOutput(o.output); err != nil {
		return err
	}
	compared, err := a.compare(ctx, name, sides, o)
	if err != nil {
		return a.releaseError(err)
	}
	if o.output != "table" {
		return a.list(o.output, listing{values: compared.Changes})
	}
	if len(compared.Changes) == 0 {
		fmt.Fprintf(a.Err, "%s and %s are alike\n", compared.From, compared.To)
		return nil
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
	return nil
}

// compare decides what is compared: a number is a revision, anything else a
// chart.
func (a *app) compare(ctx context.Context, name string, sides []string, o *diffOptions) (*release.Compared, error) {
	if _, err := strconv.Atoi(sides[0]); err == nil || len(sides) == 2 {
		from, to := 0, 0
		if to, err = parseRevision(sides[len(sides)-1]); err != nil {
			return nil, err
		}
		if len(sides) == 2 {
			if from, err = parseRevision(sides[0]); err != nil {
				return nil, err
			}
		}
		manager, err := a.releases("", nil)
		if err != nil {
			return nil, err
		}
		return manager.DiffRevisions(ctx, name, from, to)
	}
	reuse, err := o.reuse.choice()
	if err != nil {
		return nil, err
	}
	l, err := a.loadChart(ctx, sides[0], &o.chartOptions)
	if err != nil {
		return nil, err
	}
	if err := l.complete(); err != nil {
		return nil, err
	}
	manager, err := a.releases("", nil)
	if err != nil {
		return nil, err
	}
	compared, err := manager.DiffChart(ctx, name, l.chart, l.values.Map, release.UpgradeOptions{Reuse: reuse})
	return compared, l.explain(err)
}
