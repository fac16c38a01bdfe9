package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gantry/charts"
	"gantry/charts/release"
)

// releaseCommands returns the commands of the group, in the order of the help.
func releaseCommands(a *app) []*cobra.Command {
	return []*cobra.Command{
		newUp(a), newDown(a),
		newInstall(a), newUpgrade(a), newRollback(a), newUninstall(a),
		newList(a), newHistory(a), newStatus(a), newGet(a), newDiff(a), newTest(a),
	}
}

// dependsHelp says what is waited for whether it is wanted or not.
const dependsHelp = `Workloads that come after others (the annotation ` + charts.DependsOn + `: db=healthy) are
applied when those are ready. That is waited for without --wait as well, at most
for --timeout each time.`

// bindApply gives a command the flags about applying objects.
func bindApply(c *cobra.Command, o *release.ApplyOptions) {
	f := c.Flags()
	f.BoolVar(&o.Wait, "wait", false, "wait until the objects are ready")
	f.BoolVar(&o.WaitForJobs, "wait-for-jobs", false, "wait for the end of Jobs, too; implies --wait")
	f.DurationVar(&o.Timeout, "timeout", release.DefaultTimeout, "how long to wait, and for each hook")
	f.BoolVar(&o.Patient, "patient", false, "wait until --timeout even for what waiting does not help, such as an image that cannot be pulled")
	f.BoolVar(&o.NoHooks, "no-hooks", false, "run no hooks")
	f.StringVar(&o.Description, "description", "", "description of the revision, for the history")
	f.BoolVar(&o.Unlock, "unlock", false, "go on with a release that helm was killed over, and left pending")
	bindPlan(c, o)
}

// bindPlan gives a command the flags that decide what a plan does.
func bindPlan(c *cobra.Command, o *release.ApplyOptions) {
	f := c.Flags()
	f.StringVar((*string)(&o.Method), "apply", string(release.ApplyAuto), "who merges changes: server, client as helm 3 does it, or auto for what was done before")
	f.BoolVar(&o.Force, "force", false, "replace objects instead of patching them")
	f.BoolVar(&o.Adopt, "adopt", false, "take over objects that are there and are of no release, or of another one")
	f.StringVar((*string)(&o.Recreate), "recreate", string(release.RecreateNever), "what may be deleted and made anew when it cannot be changed: never, stateless or all")
	f.BoolVar(&o.DeleteStorage, "delete-storage", false, "delete claims and volumes that are no longer wanted; their data is lost")
	f.SetNormalizeFunc(helmsNames)
	completeFrom(c, "apply", string(release.ApplyAuto), string(release.ApplyServer), string(release.ApplyClient))
	completeFrom(c, "recreate", string(release.RecreateNever), string(release.RecreateStateless), string(release.RecreateAll))
}

// helmsNames lets flags be called as helm calls them.
func helmsNames(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	switch name {
	case "take-ownership":
		name = "adopt"
	case "rollback-on-failure":
		name = "atomic"
	}
	return pflag.NormalizedName(name)
}

// completeFrom lets the shell complete a flag from its words.
func completeFrom(c *cobra.Command, flag string, words ...string) {
	err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		return // the flag was registered a line above
	}
}

// bindTake gives a command the flag --force-conflicts. A rollback needs none.
func bindTake(c *cobra.Command, o *release.ApplyOptions) {
	c.Flags().BoolVar(&o.Take, "force-conflicts", false, "take over fields that somebody else has set")
}

// bindAtomic gives a command the flag --atomic.
func bindAtomic(c *cobra.Command, o *release.ApplyOptions) {
	c.Flags().BoolVar(&o.Atomic, "atomic", false, "undo everything when it fails; implies --wait (also: --rollback-on-failure)")
}

// bindDryRun gives a command the flag --dry-run, with which a word is optional.
func bindDryRun(c *cobra.Command, o *release.DryRun) {
	c.Flags().StringVar((*string)(o), "dry-run", "", "change nothing: client prints the documents, server the plan that the API server has agreed to")
	c.Flags().Lookup("dry-run").NoOptDefVal = string(release.DryRunClient)
}

// bindFirst gives a command the flags about namespaces and definitions; when begins
// the help of what counts for the first revision alone.
func bindFirst(c *cobra.Command, createNamespace *bool, crds *crdFlags, when string) {
	f := c.Flags()
	f.BoolVar(createNamespace, "create-namespace", false, when+"make the namespace when it is not there")
	f.StringVar(&crds.policy, "crds", string(release.CRDsCreate), "what becomes of the chart's custom resource definitions: create those that are missing, upgrade them, too, or skip them")
	f.BoolVar(&crds.skip, "skip-crds", false, "the same as --crds=skip")
	completeFrom(c, "crds", string(release.CRDsCreate), string(release.CRDsUpgrade), string(release.CRDsSkip))
}

// crdFlags are the flags about custom resource definitions.
type crdFlags struct {
	policy string
	skip   bool
}

func (c *crdFlags) choice() (release.CRDPolicy, error) {
	policy := release.CRDPolicy(c.policy)
	switch {
	case c.skip:
		return release.CRDsSkip, nil
	case slices.Contains([]release.CRDPolicy{release.CRDsCreate, release.CRDsUpgrade, release.CRDsSkip}, policy):
		return policy, nil
	default:
		return "", usageError(fmt.Errorf("--crds=%s: use create, upgrade or skip", c.policy))
	}
}

// bindSkipSchema gives a command the flag --skip-schema-validation.
func bindSkipSchema(c *cobra.Command, skip *bool) {
	c.Flags().BoolVar(skip, "skip-schema-validation", false, "do not hold the values against the chart's schema")
}

// wanted is the revision that a command line asks for.
type wanted struct {
	// ref is the chart: a folder, an archive, a URL, or a name in a repository.
	ref   string
	chart *chartOptions
	apply *release.ApplyOptions
	dry   release.DryRun
}

// applyChart loads a chart and makes a revision of it, telling of each object on
// the way. A dry run is printed.
func (a *app) applyChart(ctx context.Context, w wanted, apply func(*release.Manager, *loadedChart) (*release.Release, error)) (*release.Release, error) {
	if err := errors.Join(checkApply(w.apply, w.dry), a.checkProgress()); err != nil {
		return nil, err
	}
	l, err := a.loadChart(ctx, w.ref, w.chart)
	if err != nil {
		return nil, err
	}
	if err := l.complete(); err != nil {
		return nil, err
	}
	p := a.progress()
	manager, err := a.releases("", p)
	if err != nil {
		p.finish()
		return nil, a.releaseError(err)
	}
	r, err := apply(manager, l)
	p.finish()
	if err != nil {
		return nil, a.releaseError(unfinished(l.explain(err), r))
	}
	if w.dry != "" {
		a.printDryRun(r)
	}
	return r, nil
}

// checkApply completes the flags, and refuses what contradicts.
func checkApply(o *release.ApplyOptions, dry release.DryRun) error {
	o.Wait = o.Wait || o.WaitForJobs
	if !slices.Contains([]release.DryRun{"", release.DryRunClient, release.DryRunServer}, dry) {
		return usageError(fmt.Errorf("unknown dry run %q: use client or server", dry))
	}
	if !slices.Contains([]release.Method{release.ApplyAuto, release.ApplyServer, release.ApplyClient}, o.Method) {
		return usageError(fmt.Errorf("--apply=%s: use auto, server or client", o.Method))
	}
	if !slices.Contains([]release.RecreatePolicy{release.RecreateNever, release.RecreateStateless, release.RecreateAll}, o.Recreate) {
		return usageError(fmt.Errorf("--recreate=%s: use never, stateless or all", o.Recreate))
	}
	if o.Timeout <= 0 {
		return usageError(fmt.Errorf("--timeout %s is no time to wait", o.Timeout))
	}
	return nil
}

// unfinished says how what was interrupted goes on, once there is a record of it, and it was
// not undone.
func unfinished(err error, r *release.Release) error {
	_, undone := errors.AsType[*release.UndoneError](err)
	if r == nil || undone || !errors.Is(err, context.Canceled) {
		return err
	}
	return withHint(err, fmt.Sprintf("what was done until then stays, as revision %d; go on with: gantry up, or gantry upgrade %s CHART -n %s", r.Revision, r.Name, r.Namespace))
}

// finished says what was done, and prints the chart's notes.
func (a *app) finished(did string, r *release.Release) {
	a.done(did, r)
	if notes := strings.TrimSpace(r.Notes); notes != "" && a.progressOutput != progressJSON {
		fmt.Fprintf(a.Out, "\n%s\n", notes)
	}
}

// done says what was done.
func (a *app) done(did string, r *release.Release) {
	if a.progressOutput == progressJSON {
		a.tellDone(r)
		return
	}
	fmt.Fprintf(a.Out, "%s: revision %d is %s in namespace %s\n", did, r.Revision, r.Status, r.Namespace)
}

// dryRunDone ends what a dry run says.
const dryRunDone = "this was a dry run: nothing was changed"

// printDryRun prints the plan of a release that is not made, or else its documents.
func (a *app) printDryRun(r *release.Release) {
	if a.progressOutput == progressJSON && r.Plan != nil {
		_ = a.list(progressJSON, listing{values: r.Plan}) // a.Out remembers what fails
		return
	}
	if r.Plan != nil {
		a.printPlan(a.Out, r.Plan, false)
		fmt.Fprintln(a.Err, dryRunDone)
		return
	}
	fmt.Fprintln(a.Out, strings.TrimSpace(r.Manifest))
	for _, h := range r.Hooks {
		fmt.Fprintf(a.Out, "---\n# Hook: %s\n%s\n", strings.Join(h.Events, ","), h.Manifest)
	}
	fmt.Fprintln(a.Err, dryRunDone)
}

// stamp writes a time for tables.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}
