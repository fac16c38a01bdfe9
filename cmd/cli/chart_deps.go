package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"gantry/charts/archive"
	"gantry/charts/deps"
	"gantry/charts/diag"
	"gantry/repo/client"
)

// newChartDeps gathers the commands for the charts that a chart depends on.
func newChartDeps(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:     "deps",
		Aliases: []string{"dependency", "dependencies"},
		Short:   "Manage the charts that a chart depends on",
		Long: `A chart names the charts that it depends on in Chart.yaml. The commands below put
them into its folder charts/, and write down in Chart.lock which versions these are;
both as helm does it.`,
		Example: `  gantry chart deps list ./shop
  gantry chart deps update ./shop`,
	}
	c.AddCommand(newDepsList(a), newDepsUpdate(a), newDepsBuild(a))
	return c
}

func newDepsList(a *app) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "list [CHART]",
		Short: "List the charts that a chart depends on",
		Long: `List tells of every dependency what is asked for, what Chart.lock says, and whether
charts/ has it. The chart is a folder or an archive, or that of this folder.

` + exitCodesHelp,
		Example: `  gantry chart deps list ./shop
  gantry chart deps list shop-1.2.3.tgz -o json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return runDepsList(a, append(args, ".")[0], output) },
	}
	bindOutput(c, &output)
	return c
}

func runDepsList(a *app, path, output string) error {
	if err := checkOutput(output); err != nil {
		return err
	}
	c, err := archive.Load(path)
	if err != nil {
		return chartError(path, err)
	}
	list := deps.List(c)
	l := listing{header: []string{"NAME", "VERSION", "LOCKED", "REPOSITORY", "STATUS"}, values: list, empty: path + " depends on no chart"}
	incomplete := false
	for _, d := range list {
		name, status := d.Name, d.Status
		if d.Alias != "" {
			name += " as " + d.Alias
		}
		if d.Status == deps.WrongVersion {
			status += ": " + d.Have
		}
		incomplete = incomplete || d.Status != deps.OK
		l.rows = append(l.rows, []string{name, d.Version, orDash(d.Locked), orDash(d.Repository), status})
	}
	if err := a.list(output, l); err != nil {
		return err
	}
	for _, name := range deps.Undeclared(c) {
		fmt.Fprintf(a.Err, "%s is in charts/, and is no dependency: it is part of the chart nevertheless\n", diag.Printable(name))
	}
	if incomplete {
		fmt.Fprintf(a.Err, "fetch what is missing with: gantry chart deps update %s\n", path)
	}
	return nil
}

// depsHelp says where charts come from.
const depsHelp = `A dependency comes from an HTTP repository, an OCI registry (oci://HOST/PATH), a
folder (file://../db), or the name of a configured repository (@NAME). Only the
repositories that are needed are asked. Archives are checked against the digest of
the repository, and charts/ is replaced as a whole, or stays as it was.`

type depsOptions struct {
	plainHTTP bool
	output    string
}

func (o *depsOptions) bind(c *cobra.Command) {
	c.Flags().BoolVar(&o.plainHTTP, "plain-http", false, "talk to OCI registries without TLS")
	bindOutput(c, &o.output)
}

func newDepsUpdate(a *app) *cobra.Command {
	var o depsOptions
	c := &cobra.Command{
		Use:     "update [DIR]",
		Aliases: []string{"up"},
		Short:   "Choose versions, fetch the charts, and write Chart.lock",
		Long: `Update chooses the newest versions that Chart.yaml allows, puts the charts into
charts/, and writes Chart.lock.

` + depsHelp + `

` + exitCodesHelp,
		Example: `  gantry chart deps update ./shop`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runDeps(cmd.Context(), a, append(args, ".")[0], &o, deps.Update)
		},
	}
	o.bind(c)
	return c
}

func newDepsBuild(a *app) *cobra.Command {
	var o depsOptions
	c := &cobra.Command{
		Use:   "build [DIR]",
		Short: "Fetch the charts that Chart.lock names",
		Long: `Build puts exactly the versions of Chart.lock into charts/. It fails when Chart.lock
is not for the dependencies of Chart.yaml; without one it does what update does.

` + depsHelp + `

` + exitCodesHelp,
		Example: `  gantry chart deps build ./shop`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runDeps(cmd.Context(), a, append(args, ".")[0], &o, deps.Build)
		},
	}
	o.bind(c)
	return c
}

type depsVerb func(context.Context, string, deps.Source, deps.Options) (*deps.Result, error)

func runDeps(ctx context.Context, a *app, dir string, o *depsOptions, verb depsVerb) error {
	if err := checkOutput(o.output); err != nil {
		return err
	}
	result, err := a.dependencies(ctx, dir, verb, client.WithPlainHTTP(o.plainHTTP))
	if err != nil {
		return err
	}
	if o.output != "table" {
		return a.list(o.output, listing{values: result})
	}
	if len(result.Charts) == 0 {
		fmt.Fprintf(a.Err, "%s depends on no chart\n", dir)
	}
	return nil
}

// dependencies runs a verb on the chart of a folder, and tells of every chart as
// it comes.
func (a *app) dependencies(ctx context.Context, dir string, verb depsVerb, options ...client.Option) (*deps.Result, error) {
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return nil, usageError(fmt.Errorf("%s is a packed chart: its dependencies are those of the folder that it was made from", dir))
	}
	source := &repositories{a.repoClient(options...), client.FindPaths(runtime.GOOS, a.Getenv).Cache}
	result, err := verb(ctx, dir, source, deps.Options{Now: a.Now, Observe: a.fetched})
	if err != nil {
		return nil, depsError(dir, err)
	}
	for _, name := range result.Removed {
		fmt.Fprintf(a.Err, "removed charts/%s\n", diag.Printable(name))
	}
	if result.Locked {
		fmt.Fprintf(a.Err, "wrote the lock file of %s\n", dir)
	}
	return result, nil
}

func (a *app) fetched(f deps.Fetched) {
	from := f.Repository
	if from == "" {
		from = "charts/"
	}
	fmt.Fprintf(a.Err, "[%d/%d] %s %s from %s\n", f.Done, f.Total, diag.Printable(f.Name), diag.Printable(f.Version), diag.Printable(from))
}

// depsError gives an error about dependencies its exit code, and says what to
// type next.
func depsError(dir string, err error) error {
	if e, ok := errors.AsType[*client.AliasError](err); ok {
		name := strings.TrimPrefix(strings.TrimPrefix(e.Repository, "@"), "alias:")
		if e.Err == nil {
			return usageError(withHint(err, "write the URL of the repository into Chart.yaml, or @NAME of a configured one; see: gantry repo list"))
		}
		return notFoundError(withHint(err, "configure it with: gantry repo add "+name+" URL"))
	}
	if e, ok := errors.AsType[*deps.UnsatisfiedError](err); ok {
		return notFoundError(withHint(err, "change the version of "+e.Name+" in Chart.yaml"))
	}
	if _, ok := errors.AsType[*deps.OutOfSyncError](err); ok {
		return &exitError{exitInput, withHint(err, "write it anew with: gantry chart deps update "+dir)}
	}
	if e, ok := errors.AsType[*deps.IncompleteError](err); ok {
		return &exitError{exitInput, withHint(err, "fetch them first with: gantry chart deps update "+e.Dir)}
	}
	return repoError(chartError(dir, err))
}

// chartError gives an error of loading a chart its exit code.
func chartError(path string, err error) error {
	if at, ok := errors.AsType[*archive.Error](err); ok {
		return diag.List{at.Diagnostic()}.Err()
	}
	if at, ok := errors.AsType[*fs.PathError](err); ok && at.Path == path && errors.Is(err, fs.ErrNotExist) {
		return notFoundError(fmt.Errorf("there is no chart %s", path))
	}
	return err
}

// repositories is where dependencies come from: what this user has configured,
// and what a chart names by its URL. Archives lie in Helm's cache.
type repositories struct {
	client *client.Client
	cache  string
}

// Locate implements [deps.Source]. A URL stays as it is written: the digest of the
// lock file is over it.
func (r *repositories) Locate(repository string) (string, error) {
	found, err := r.client.Locate(repository)
	if strings.Contains(repository, "://") {
		return repository, err
	}
	return found.URL, err
}

// Versions implements [deps.Source].
func (r *repositories) Versions(ctx context.Context, url, name string) ([]string, error) {
	found, err := r.client.Locate(url)
	if err != nil {
		return nil, err
	}
	return r.client.VersionsIn(ctx, found, name)
}

// Fetch implements [deps.Source].
func (r *repositories) Fetch(ctx context.Context, url, name, version string) ([]byte, error) {
	found, err := r.client.Locate(url)
	if err != nil {
		return nil, err
	}
	chart, err := r.client.FindIn(ctx, found, name, version)
	if err != nil {
		return nil, err
	}
	path, err := r.client.Download(ctx, chart, r.cache)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}
