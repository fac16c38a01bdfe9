package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"gantry/charts/archive"
	"gantry/charts/release"
	"gantry/convert"
	"gantry/convert/helm"
	"gantry/convert/rules"
)

type upOptions struct {
	sourceOptions
	reportOptions
	release.UpgradeOptions
	detach bool
}

func newUp(a *app) *cobra.Command {
	var o upOptions
	c := &cobra.Command{
		Use:   "up [NAME]",
		Short: "Run a Compose application on the cluster, or bring it up to date",
		Long: `Up converts a Compose application, installs it as the release NAME (default: the
name of the application) or upgrades that release, and waits until it is ready. It
may be called again whenever the Compose file has changed.

The release is a Helm release like any other: gantry history, rollback and diff
know it, and so does helm.

` + exitCodesHelp,
		Example: `  gantry up
  gantry up -f compose.yaml -f compose.prod.yaml -n shop
  gantry up --expose=ingress --domain=shop.example.org shop`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runUp(cmd.Context(), a, args, &o) },
	}
	o.sourceOptions.bind(c)
	o.reportOptions.bind(c)
	f := c.Flags()
	f.BoolVarP(&o.detach, "detach", "d", false, "do not wait until everything is ready")
	f.DurationVar(&o.Timeout, "timeout", release.DefaultTimeout, "how long to wait")
	f.BoolVar(&o.Atomic, "atomic", false, "undo everything when it fails")
	return c
}

func runUp(ctx context.Context, a *app, args []string, o *upOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	if o.rules.Secrets == rules.SecretsAuto {
		o.rules.Secrets = rules.SecretsPlain // they go to the cluster, and into no file
	}
	result, err := a.convert(ctx, &o.sourceOptions)
	if err := a.told(&o.reportOptions, result, err); err != nil {
		return err
	}
	name := releaseName(args, result)
	files, err := chartFiles(result)
	if err != nil {
		return err
	}
	chart, err := archive.FromFiles(files)
	if err != nil {
		return fmt.Errorf("read the chart that was made: %w", err)
	}
	fmt.Fprintf(a.Err, "converted %s: %s\n", result.App.Name, countOf(len(result.Objects), "object"))
	p := &progress{w: a.Err}
	manager, err := a.releases("", p)
	if err != nil {
		return a.releaseError(err)
	}
	o.Install, o.CreateNamespace, o.Wait, o.CRDs = true, true, !o.detach, release.CRDsCreate
	o.HistoryMax, o.Reuse = release.DefaultHistory, release.ReuseNothing
	r, err := manager.Upgrade(ctx, name, chart, helm.SecretValues(result.Objects), o.UpgradeOptions)
	p.finish()
	if err != nil {
		return a.releaseError(err)
	}
	a.finished("up:", r)
	return nil
}

// releaseName is the name that was given, or else the application's.
func releaseName(args []string, result *convert.Result) string {
	if len(args) > 0 {
		return args[0]
	}
	return result.App.Name
}
