package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"gantry/charts/engine"
)

type templateOptions struct {
	chartOptions
	render engine.Options
	write  engine.TemplateOptions
}

func newTemplate(a *app) *cobra.Command {
	var o templateOptions
	c := &cobra.Command{
		Use:   "template [NAME] CHART",
		Short: "Render a chart and print the documents",
		Long: `Template renders a chart without a cluster and prints the documents in the order
in which they are installed, byte for byte as helm template does. The chart is a
folder, a .tgz file, REPOSITORY/NAME or a URL.

` + exitCodesHelp,
		Example: `  gantry template shop ./shop -f prod.yaml --set web.replicas=3
  gantry template ./shop-1.2.3.tgz --show-only templates/web/deployment.yaml`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.render.Name = "release-name"
			if len(args) == 2 {
				o.render.Name = args[0]
			}
			o.render.Namespace = a.namespace
			return runTemplate(cmd.Context(), a, args[len(args)-1], &o)
		},
	}
	o.bind(c)
	f := c.Flags()
	f.BoolVar(&o.render.IncludeCRDs, "include-crds", false, "print the custom resource definitions of the chart, too")
	f.BoolVar(&o.render.IsUpgrade, "is-upgrade", false, "render as for an upgrade instead of an installation")
	f.StringVar(&o.render.KubeVersion, "kube-version", "", "version of Kubernetes that the templates see (default "+engine.DefaultKubeVersion+")")
	f.StringSliceVarP(&o.render.APIVersions, "api-versions", "a", nil, "APIs that the templates see besides the usual ones")
	bindSkipSchema(c, &o.render.SkipSchema)
	f.BoolVar(&o.write.NoHooks, "no-hooks", false, "leave out hooks")
	f.BoolVar(&o.write.SkipTests, "skip-tests", false, "leave out tests")
	f.StringArrayVarP(&o.write.ShowOnly, "show-only", "s", nil, "print only what this template renders to; repeat for several")
	return c
}

func runTemplate(ctx context.Context, a *app, ref string, o *templateOptions) error {
	l, err := a.loadChart(ctx, ref, &o.chartOptions)
	if err != nil {
		return err
	}
	rendered, err := engine.Render(ctx, l.chart, l.values.Map, o.render)
	if err != nil {
		return l.explain(err)
	}
	err = rendered.WriteTemplate(a.Out, o.write)
	if errors.Is(err, engine.ErrNoTemplate) {
		return notFoundError(err)
	}
	return err
}
