package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gantry/charts/release"
)

// releaseCommands returns the commands of the group, in the order of the help.
func releaseCommands(a *app) []*cobra.Command {
	return []*cobra.Command{
		newUp(a), newDown(a),
		newInstall(a), newUpgrade(a), newRollback(a), newUninstall(a),
		newList(a), newHistory(a), newStatus(a), newGet(a), newDiff(a),
	}
}

// bindApply gives a command the flags about applying objects.
func bindApply(c *cobra.Command, o *release.ApplyOptions) {
	f := c.Flags()
	f.BoolVar(&o.Wait, "wait", false, "wait until the objects are ready")
	f.BoolVar(&o.WaitForJobs, "wait-for-jobs", false, "wait for the end of Jobs, too; implies --wait")
	f.DurationVar(&o.Timeout, "timeout", release.DefaultTimeout, "how long to wait, and for each hook")
	f.BoolVar(&o.Patient, "patient", false, "wait until --timeout even for what waiting does not help, such as an image that cannot be pulled")
	f.BoolVar(&o.NoHooks, "no-hooks", false, "run no hooks")
	f.BoolVar(&o.Force, "force", false, "replace objects instead of patching them")
	f.StringVar(&o.Description, "description", "", "description of the revision, for the history")
}

// bindAtomic gives a command the flag --atomic.
func bindAtomic(c *cobra.Command, o *release.ApplyOptions) {
	c.Flags().BoolVar(&o.Atomic, "atomic", false, "undo everything when it fails; implies --wait")
}

// bindDryRun gives a command the flag --dry-run, with which a word is optional.
func bindDryRun(c *cobra.Command, o *release.DryRun) {
	c.Flags().StringVar((*string)(o), "dry-run", "", "change nothing and print the documents: client, or server to ask the API server about each")
	c.Flags().Lookup("dry-run").NoOptDefVal = string(release.DryRunClient)
}

// bindFirst gives a command the flags that count for the first revision alone;
// when begins their help.
func bindFirst(c *cobra.Command, createNamespace, skipCRDs *bool, when string) {
	f := c.Flags()
	f.BoolVar(createNamespace, "create-namespace", false, when+"make the namespace when it is not there")
	f.BoolVar(skipCRDs, "skip-crds", false, when+"do not install the chart's custom resource definitions")
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
	if err := checkApply(w.apply, w.dry); err != nil {
		return nil, err
	}
	l, err := a.loadChart(ctx, w.ref, w.chart)
	if err != nil {
		return nil, err
	}
	if err := l.complete(); err != nil {
		return nil, err
	}
	p := &progress{w: a.Err}
	manager, err := a.releases("", p)
	if err != nil {
		return nil, a.releaseError(err)
	}
	r, err := apply(manager, l)
	p.finish()
	if err != nil {
		return nil, a.releaseError(l.explain(err))
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
	if o.Timeout <= 0 {
		return usageError(fmt.Errorf("--timeout %s is no time to wait", o.Timeout))
	}
	return nil
}

// finished says what was done, and prints the chart's notes.
func (a *app) finished(did string, r *release.Release) {
	fmt.Fprintf(a.Out, "%s %s: revision %d is %s in namespace %s\n", did, r.Name, r.Revision, r.Status, r.Namespace)
	if notes := strings.TrimSpace(r.Notes); notes != "" {
		fmt.Fprintf(a.Out, "\n%s\n", notes)
	}
}

// printDryRun prints the documents of a release that is not made.
func (a *app) printDryRun(r *release.Release) {
	fmt.Fprintln(a.Out, strings.TrimSpace(r.Manifest))
	for _, h := range r.Hooks {
		fmt.Fprintf(a.Out, "---\n# Hook: %s\n%s\n", strings.Join(h.Events, ","), h.Manifest)
	}
	fmt.Fprintln(a.Err, "this was a dry run: nothing was changed")
}

// stamp writes a time for tables.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}
