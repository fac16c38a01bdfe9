package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gantry/charts/diag"
	"gantry/repo/server"
)

type repoPruneOptions struct {
	ownStore

	keep        server.Retention
	within      string
	dryRun, yes bool
	output      string
}

func newRepoPrune(a *app) *cobra.Command {
	var o repoPruneOptions
	c := &cobra.Command{
		Use:   "prune",
		Short: "Delete versions that no rule keeps",
		Long: `Prune deletes the versions that none of the rules keeps, after it has said which. The
newest version of every chart and its newest release are always kept, and so is what
a version that stays names as its subject. Servers may run meanwhile, and stop to
list what is deleted within --rescan or --refresh of theirs.

The room is free when gantry repo gc has run. An archive that somebody put into the
folder by hand stays there, and is not served any more.

` + exitCodesHelp,
		Example: `  gantry repo prune --dir charts --keep-last 20 --dry-run
  gantry repo prune --dir charts --keep-stable --keep-within 30d --yes
  gantry repo prune --store s3://my-charts/ci --keep-last 5 --chart 'team-*' -o json --yes`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runRepoPrune(cmd.Context(), a, &o) },
	}
	o.bind(c)
	o.bindRepository(c)
	f := c.Flags()
	f.IntVar(&o.keep.Last, "keep-last", 0, "keep so many versions of each chart, the newest")
	f.StringVar(&o.within, "keep-within", "", "keep what was published so recently, such as 12h or 90d")
	f.BoolVar(&o.keep.Stable, "keep-stable", false, "keep all that is no pre-release")
	f.StringSliceVar(&o.keep.Charts, "chart", nil, "look at the charts alone whose names match a pattern")
	f.BoolVar(&o.dryRun, "dry-run", false, "tell what would be deleted, and change nothing")
	bindYes(c, &o.yes)
	bindOutput(c, &o.output)
	return c
}

func runRepoPrune(ctx context.Context, a *app, o *repoPruneOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	store, err := o.open(ctx, a)
	if err != nil {
		return err
	}
	defer store.Close()
	expired, err := server.FindExpired(ctx, store, o.keep, a.Now())
	if err != nil {
		return err
	}
	if err := o.show(a, expired); err != nil || len(expired) == 0 || o.dryRun {
		return err
	}
	if !o.yes && a.asks() {
		goOn, err := a.ask(ctx, "Delete "+countOf(len(expired), "version")+"?")
		if err != nil {
			return err
		}
		if !goOn {
			return errors.New("nothing was deleted")
		}
	}
	if err := a.operator(store.root).Expire(ctx, o.path(), expired); err != nil {
		return err
	}
	fmt.Fprintf(a.Err, "deleted %s; their room is free after: gantry repo gc\n", countOf(len(expired), "version"))
	return nil
}

func (o *repoPruneOptions) check() error {
	if err := checkOutput(o.output); err != nil {
		return err
	}
	if o.within != "" {
		var err error
		if o.keep.Within, err = parseDays(o.within); err != nil {
			return usageError(err)
		}
	}
	switch {
	case o.keep.Last < 0:
		return usageError(errors.New("--keep-last must not be negative"))
	case o.keep.Last == 0 && o.keep.Within == 0 && !o.keep.Stable:
		return usageError(errors.New("a rule must say what to keep: --keep-last, --keep-within or --keep-stable"))
	}
	return nil
}

// show says what is about to go.
func (o *repoPruneOptions) show(a *app, expired []server.Expired) error {
	l := listing{
		values: expired, header: []string{"NAME", "VERSION", "PUBLISHED", "SIZE", "DIGEST"},
		empty: "the rules keep every version",
	}
	var size int64
	for _, e := range expired {
		size += e.Size
		digest := strings.TrimPrefix(e.Digest, "sha256:")
		l.rows = append(l.rows, []string{e.Chart, e.Version, e.Created.UTC().Format(time.DateTime), diag.Size(e.Size), digest[:12]})
	}
	if len(expired) > 0 {
		fmt.Fprintf(a.Err, "%s (%s) that no rule keeps:\n", countOf(len(expired), "version"), diag.Size(size))
	}
	return a.list(o.output, l)
}
