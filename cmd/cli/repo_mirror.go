package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gantry/charts/diag"
	"gantry/repo/client"
	"gantry/repo/mirror"
	"gantry/repo/server"
)

type repoMirrorOptions struct {
	ownStore

	from      string
	plainHTTP bool
	copy      mirror.Options
	output    string
	verbose   bool
	selected  mirror.Selection
}

// bindSelection binds the flags that choose versions.
func bindSelection(f *pflag.FlagSet, s *mirror.Selection) {
	f.StringSliceVar(&s.Charts, "chart", nil, "take the charts alone whose names match a pattern, such as team-*")
	f.StringVar(&s.Versions, "versions", "", "take the versions alone that a constraint allows, such as '>=1.2 <3'")
	f.BoolVar(&s.Stable, "stable", false, "leave out pre-releases")
	f.IntVar(&s.Latest, "latest", 0, "take so many versions of each chart, the newest; 0 takes all")
}

func newRepoMirror(a *app) *cobra.Command {
	var o repoMirrorOptions
	c := &cobra.Command{
		Use:   "mirror REPOSITORY",
		Short: "Copy the charts of another repository to one of yours",
		Long: `Mirror copies what another repository has, and yours has not, with signatures. The
other one is the name of a configured repository, or a URL: oci://HOST/PATH/CHART is
a chart in a registry, with the login of gantry or helm for it, and oci://HOST/PATH
the charts right below a path. Registries that do not list what they have (Docker
Hub, GHCR) must be told the names, with --chart for each. Digests are checked,
archives pass the checks of every upload, and what is published in yours is not
replaced: a version of other content is told of, with exit code 1.

What is there is not fetched again, so a copy that broke off goes on where it was.
Nothing is deleted. Servers of the store may run meanwhile.

` + exitCodesHelp,
		Example: `  gantry repo mirror https://charts.example.org/stable --dir charts
  gantry repo mirror oci://registry.example.org/charts/web --dir charts --versions '>=2'
  gantry repo mirror oci://registry.example.org/charts --dir charts --chart web --chart api
  gantry repo mirror upstream --store s3://my-charts/mirror --chart 'team-*' --latest 5 --stable
  gantry repo mirror upstream --dir charts --versions '>=2' --dry-run`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.from = args[0]
			return runRepoMirror(cmd.Context(), a, &o)
		},
	}
	o.bind(c)
	o.bindRepository(c)
	c.ValidArgsFunction = a.completeRepositories(0, 1)
	f := c.Flags()
	bindSelection(f, &o.selected)
	f.IntVar(&o.copy.Parallel, "parallel", 8, "how many charts are copied at once")
	f.BoolVar(&o.plainHTTP, "plain-http", false, "talk to an OCI registry without TLS")
	f.BoolVar(&o.copy.DryRun, "dry-run", false, "tell what would be copied, and copy nothing")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "tell of what is there already, too")
	bindOutput(c, &o.output)
	return c
}

func runRepoMirror(ctx context.Context, a *app, o *repoMirrorOptions) error {
	if err := checkOutput(o.output); err != nil {
		return err
	}
	if o.copy.Parallel < 1 {
		return usageError(errors.New("--parallel must be 1 or more"))
	}
	if err := o.selected.Check(); err != nil {
		return usageError(err)
	}
	from, c, err := a.upstream(o.from, o.plainHTTP)
	if err != nil {
		return err
	}
	if err := o.begin(); err != nil {
		return err
	}
	to, done, err := o.publisher(ctx, a)
	if err != nil {
		return err
	}
	defer done()
	o.copy.Select = o.selected
	if o.output == "table" {
		o.copy.Tell = a.tellStep(o.verbose, o.copy.DryRun)
	}
	steps, err := mirror.Sync(ctx, c, from, to, o.copy)
	if err := errors.Join(repoError(err), to.Close(ctx)); err != nil {
		return err
	}
	if o.output != "table" {
		if err := a.list(o.output, listing{values: steps}); err != nil {
			return err
		}
	}
	if len(steps) == 0 {
		a.nothingChosen(o.selected)
	}
	return a.sumUp(steps, o.copy.DryRun)
}

// upstream finds a configured repository by its name, or one by its URL, be it that of
// a chart in a registry.
func (a *app) upstream(ref string, plainHTTP bool) (client.Repository, *client.Client, error) {
	c := a.repoClient(client.WithPlainHTTP(plainHTTP))
	r, err := c.Locate(ref)
	if _, ok := errors.AsType[*client.AliasError](err); ok {
		r, err = c.Repository(ref)
	}
	return r, c, repoError(err)
}

// begin makes the folder of a repository, for who copies charts there may have none
// yet.
func (o *ownStore) begin() error {
	if o.dir == "" {
		return nil
	}
	return os.MkdirAll(o.dir, 0o755)
}

// server opens a repository of the user's own.
func (o *ownStore) server(ctx context.Context, a *app) (s *server.Server, store *openStore, err error) {
	if store, err = o.open(ctx, a); err != nil {
		return nil, nil, err
	}
	s, err = server.New(ctx, store, server.Options{Now: a.Now, Shared: store.shared, Version: version})
	if err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	return s, store, nil
}

// publisher opens a repository of the user's own to publish to it. What is published is
// in the journal when the publisher is closed; done comes after that.
func (o *ownStore) publisher(ctx context.Context, a *app) (p *server.Publisher, done func(), err error) {
	s, store, err := o.server(ctx, a)
	if err != nil {
		return nil, nil, err
	}
	return a.operator(store.root).Publisher(s, o.path()), func() { _ = store.Close() }, nil
}

// tellStep tells of what is copied, as it is done.
func (a *app) tellStep(verbose, dryRun bool) func(mirror.Step) {
	return func(s mirror.Step) {
		if s.Done == mirror.Present && !verbose {
			return
		}
		what := s.Done
		if dryRun && s.Done == mirror.Copied {
			what = "would be copied"
		}
		count := fmt.Sprintf("[%d/%d] ", s.Number, s.Of)
		if s.Of == 0 {
			count = ""
		}
		line := fmt.Sprintf("%s%s: %s", count, joinWords(s.Name, s.Version), what)
		if s.Error != "" {
			line += ": " + s.Error
		}
		fmt.Fprintln(a.Out, diag.Printable(line)) // names are those of the upstream
	}
}

func joinWords(a, b string) string {
	if b == "" {
		return a
	}
	return a + " " + b
}

// nothingChosen tells that a selection has nothing to choose from, or is mistaken.
func (a *app) nothingChosen(s mirror.Selection) {
	if s.All() {
		fmt.Fprintln(a.Err, "there is no chart to copy")
		return
	}
	fmt.Fprintln(a.Err, "no version is there that --chart, --versions and --stable allow")
}

// sumUp counts the steps. That some failed is the end of it.
func (a *app) sumUp(steps []mirror.Step, dryRun bool) error {
	count := map[string]int{}
	for _, s := range steps {
		count[s.Done]++
	}
	verb := "copied"
	if dryRun {
		verb = "would copy"
	}
	fmt.Fprintf(a.Err, "%s %s; %d were there already\n", verb, countOf(count[mirror.Copied], "version"), count[mirror.Present])
	if n := count[mirror.Failed]; n > 0 {
		return fmt.Errorf("%s could not be copied", countOf(n, "version"))
	}
	return nil
}
