package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"gantry/charts/live"
	"gantry/charts/release"
	"gantry/convert"
	"gantry/convert/helm"
	"gantry/convert/manifest"
	"gantry/convert/rules"
)

type upOptions struct {
	sourceOptions
	reportOptions
	release.UpgradeOptions
	detach, dryRun, yes bool
	// askVersion tells that the cluster says for which version the objects are.
	askVersion bool
}

func newUp(a *app) *cobra.Command {
	var o upOptions
	c := &cobra.Command{
		Use:   "up [NAME]",
		Short: "Run a Compose application on the cluster, or bring it up to date",
		Long: `Up converts a Compose application, installs it as the release NAME (default: the
name of the application) or upgrades that release, and waits until it is ready. It
may be called again whenever the Compose file has changed; when nothing has, on the
cluster neither, no revision is made. On a terminal the plan of an upgrade is shown, and
you are asked.

The namespace is that of -n, or else the one that x-kubernetes names. What the
cluster's version of Kubernetes does not have is left out and reported, unless
--kubernetes-version names another.

The release is a Helm release like any other: gantry history, rollback and diff
know it, and so does helm. Its notes are those of gantry get notes.

What depends_on says of healthy and completed services is waited for with --detach
as well: a service is applied when those that it comes after are there.

` + exitCodesHelp,
		Example: `  gantry up
  gantry up -f compose.yaml -f compose.prod.yaml -n shop
  gantry up --expose=ingress --domain=shop.example.org shop`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.askVersion = !cmd.Flags().Changed("kubernetes-version")
			return runUp(cmd.Context(), a, args, &o)
		},
	}
	o.sourceOptions.bind(c)
	o.reportOptions.bind(c)
	f := c.Flags()
	f.BoolVarP(&o.detach, "detach", "d", false, "do not wait until everything is ready")
	f.DurationVar(&o.Timeout, "timeout", release.DefaultTimeout, "how long to wait")
	f.BoolVar(&o.Atomic, "atomic", false, "undo everything when it fails")
	f.BoolVar(&o.dryRun, "dry-run", false, "print the plan that the API server has agreed to, and change nothing")
	bindYes(c, &o.yes)
	bindPlan(c, &o.ApplyOptions)
	bindTake(c, &o.ApplyOptions)
	a.bindProgress(c)
	return c
}

func runUp(ctx context.Context, a *app, args []string, o *upOptions) error {
	if err := errors.Join(o.check(), checkApply(&o.ApplyOptions, ""), a.checkProgress()); err != nil {
		return err
	}
	if len(args) > 0 && slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(args[0])) {
		err := fmt.Errorf("%q would be the name of the release", args[0])
		return usageError(withHint(err, "name Compose files with: gantry up -f "+args[0]))
	}
	if o.rules.Secrets == rules.SecretsAuto {
		o.rules.Secrets = rules.SecretsPlain // they go to the cluster, and into no file
	}
	var unknown error // told after what is wrong with the files
	if o.askVersion {
		o.rules.KubernetesVersion, unknown = a.clusterVersion(ctx)
	}
	o.rules.Dependencies = true
	result, err := a.convert(ctx, &o.sourceOptions)
	if err := a.told(&o.reportOptions, result, err); err != nil {
		return err
	}
	a.tellOfChart(result.App.Name)
	if unknown != nil {
		return a.releaseError(unknown)
	}
	a.useNamespace(result)
	o.Namespace = leaveNamespace(result)
	name := releaseName(args, result)
	chart, err := a.chartOf(ctx, result)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.Err, "converted %s: %s\n", result.App.Name, countOf(len(result.Objects), "object"))
	p := a.progress()
	manager, err := a.releases("", p)
	if err != nil {
		p.finish()
		return a.releaseError(err)
	}
	o.Install, o.CreateNamespace, o.Wait, o.CRDs = true, true, !o.detach, release.CRDsCreate
	o.HistoryMax, o.Reuse, o.OnlyChanges = release.DefaultHistory, release.ReuseNothing, true
	if o.Confirm = a.confirm(o.yes, goOn); o.dryRun {
		o.DryRun = release.DryRunServer
	}
	r, err := manager.Upgrade(ctx, name, chart, helm.SecretValues(result.Objects, result.App.Charts...), o.UpgradeOptions)
	p.finish()
	if err != nil {
		return a.releaseError(unfinished(err, r))
	}
	if o.dryRun {
		a.printDryRun(r)
		return nil
	}
	if r.Unchanged {
		a.done("no change: "+r.Name, r)
	} else {
		a.done("up: "+r.Name, r)
	}
	if a.progressOutput != progressJSON {
		a.whereTo(ctx, r, args)
	}
	return nil
}

// clusterVersion returns the version of the cluster that is meant, as far as the
// rules know it.
func (a *app) clusterVersion(ctx context.Context) (string, error) {
	cluster, err := a.connect()
	if err != nil {
		return "", err
	}
	if err := cluster.Reach(ctx); err != nil {
		return "", err
	}
	client, err := cluster.ToDiscoveryClient()
	if err != nil {
		return "", fmt.Errorf("use the kubeconfig: %w", err)
	}
	version, err := client.ServerVersion()
	if err != nil {
		return "", fmt.Errorf("ask the cluster for its version: %w", err)
	}
	return rules.KnownVersion(version.GitVersion), nil
}

// useNamespace means the namespace that x-kubernetes names, where -n names none.
func (a *app) useNamespace(result *convert.Result) {
	a.namespace = cmp.Or(a.namespace, result.App.Scope.Namespace)
}

// leaveNamespace takes the namespace out of the objects, and returns what it says:
// up makes it before the release, whose record lies in it.
func leaveNamespace(result *convert.Result) release.Namespace {
	var says release.Namespace
	result.Objects = slices.DeleteFunc(result.Objects, func(o manifest.Object) bool {
		if o.Kind() != "Namespace" {
			return false
		}
		says = release.Namespace{Labels: o.GetLabels(), Annotations: o.GetAnnotations()}
		return true
	})
	return says
}

// whereTo says how to reach what runs now, and what to type next. What it cannot
// find out is left out: the release is up all the same.
func (a *app) whereTo(ctx context.Context, r *release.Release, args []string) {
	flags := a.inNamespace()
	if len(args) > 0 {
		flags = " --release " + r.Name + flags
	}
	cluster, err := a.connect()
	if err != nil {
		return
	}
	app, err := live.Open(cluster, r)
	if err != nil {
		return
	}
	services, err := app.Status(ctx, app.Services())
	if err != nil {
		return
	}
	forward := false
	for _, s := range services {
		for _, p := range s.Ports {
			if p.Address != "" {
				fmt.Fprintf(a.Err, "%s answers at %s\n", s.Name, urlOf(p.Address, live.Forward{Local: p.Published, Remote: p.Target}))
			}
			forward = forward || p.Address == ""
		}
	}
	next := []string{"gantry ps" + flags, "gantry logs -f" + flags}
	if forward {
		next = append(next, "gantry port-forward"+flags)
	}
	fmt.Fprintf(a.Err, "next: %s\n", strings.Join(next, ", "))
}

// releaseName is the name that was given, or else the application's.
func releaseName(args []string, result *convert.Result) string {
	if len(args) > 0 {
		return args[0]
	}
	return result.App.Name
}
