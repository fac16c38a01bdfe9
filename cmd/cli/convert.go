package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"gantry/charts"
	"gantry/convert"
	"gantry/convert/manifest"
)

// convertCommands returns the commands of the group, in the order of the help.
func convertCommands(a *app) []*cobra.Command {
	return []*cobra.Command{newConvert(a), newCheck(a), newExplain(a), newGraph(a)}
}

type convertOptions struct {
	sourceOptions
	reportOptions
	to       string
	output   string
	overlays []string
	bake     string
	force    bool
	mergeOptions
}

func newConvert(a *app) *cobra.Command {
	var o convertOptions
	c := &cobra.Command{
		Use:   "convert",
		Short: "Convert a Compose application to Kubernetes objects",
		Long: `Convert reads Compose files as docker compose does (overrides, .env, profiles,
include, extends) and prints Kubernetes objects, in the order in which they can
be applied. What is not converted exactly is reported on standard error with the
file, line and column of the key.

` + kustomizeHelp + `

` + exitCodesHelp,
		Example: `  gantry convert                            # compose.yaml of this folder, to the screen
  gantry convert -f compose.yaml -f compose.prod.yaml -o k8s
  gantry convert --to chart                 # the same as gantry chart create
  gantry convert --to kustomize -f compose.yaml -f compose.prod.yaml -o k8s
  gantry convert --to kustomize --overlay staging=compose.prod.yaml,compose.staging.yaml,profile:tools
  gantry convert --expose=ingress --domain=shop.example.org | kubectl apply -f -
  gantry convert --registry registry.example.com/team --tag 1.4 --bake docker-bake.json -o k8s
  gantry convert --pin-digests --image-info -o k8s
  cat compose.yaml | gantry convert -f - -p shop`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runConvert(cmd.Context(), a, &o) },
	}
	o.sourceOptions.bind(c)
	o.reportOptions.bind(c)
	o.mergeOptions.bind(c)
	c.Flags().StringVar(&o.to, "to", toManifests, "what to make: manifests, chart or kustomize")
	c.Flags().StringVarP(&o.output, "output", "o", "", "folder for one file an object, or - for standard output (default -); the folder of the chart or of kustomize")
	c.Flags().StringArrayVar(&o.overlays, "overlay", nil, "overlay of kustomize, as NAME=FILE[,FILE...][,profile:PROFILE...]; repeat for several")
	bindBake(c, &o.bake)
	c.Flags().BoolVar(&o.rules.WaitForCompleted, "wait-for-completed", false, "start pods when the Jobs that they depend on with condition: service_completed_successfully are complete, by an init container that asks the Kubernetes API")
	c.Flags().StringVar(&o.rules.KubectlImage, "kubectl-image", "", "image with kubectl for --wait-for-completed (default registry.k8s.io/kubectl:v1.34.1)")
	c.Flags().BoolVar(&o.force, "force", false, "replace what gantry did not make")
	_ = c.MarkFlagDirname("output")
	_ = c.RegisterFlagCompletionFunc("to", cobra.FixedCompletions([]string{toManifests, toChart, toKustomize}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// What convert can make.
const (
	toManifests = "manifests"
	toChart     = "chart"
	toKustomize = "kustomize"
)

func runConvert(ctx context.Context, a *app, o *convertOptions) error {
	if err := o.check(); err != nil {
		return usageError(err)
	}
	switch o.to {
	case toManifests:
	case toKustomize:
		return runKustomize(ctx, a, o)
	case toChart:
		return runChartCreate(ctx, a, &chartCreateOptions{
			sourceOptions: o.sourceOptions, reportOptions: o.reportOptions, output: o.output, bake: o.bake, force: o.force, mergeOptions: o.mergeOptions,
		})
	default:
		return usageError(fmt.Errorf("unknown result %q: use manifests, chart or kustomize", o.to))
	}
	result, err := a.convert(ctx, &o.sourceOptions)
	if err := a.told(&o.reportOptions, result, err); err != nil {
		return err
	}
	if err := a.writeBake(o.bake, result, o.force); err != nil {
		return err
	}
	if o.output == "" || o.output == "-" {
		return manifest.Write(a.Out, result.Objects)
	}
	files, err := objectFiles(result.Objects)
	if err != nil {
		return err
	}
	if err := writeDir(o.output, files, o.force); err != nil {
		return err
	}
	fmt.Fprintf(a.Err, "wrote %d objects to %s; apply them with: kubectl apply -f %s\n", len(files), o.output, o.output)
	return nil
}

// check refuses flags that do not go together.
func (o *convertOptions) check() error {
	switch {
	case !o.usual() && o.to != toChart:
		return errors.New("--conflicts, --dry-run and --format are for a chart that is made again: --to chart")
	case len(o.overlays) > 0 && o.to != toKustomize:
		return errors.New("--overlay is for --to kustomize")
	case o.bake != "" && o.to == toKustomize:
		return errors.New("--bake is for one combination of files: write it with --to manifests")
	case o.report != "" && o.to == toKustomize:
		return errors.New("--report is for one combination of files: write it with gantry check")
	case o.rules.WaitForCompleted && o.to == toChart:
		return errors.New("--wait-for-completed is for objects: of a chart, gantry install and gantry upgrade start the workloads in the order of depends_on")
	case o.output == "-" && o.to == toChart:
		return errors.New("a chart is a folder: name one with -o, or leave it out")
	default:
		return o.reportOptions.check()
	}
}

// convert runs the conversion with the flags' options.
func (a *app) convert(ctx context.Context, o *sourceOptions) (*convert.Result, error) {
	opts, err := o.options()
	if err != nil {
		return nil, err
	}
	src, err := o.source(a)
	if err != nil {
		return nil, err
	}
	a.lookUpImages(o, &opts)
	result, err := convert.Convert(ctx, src, opts)
	if err != nil {
		err = explainImages(&convertError{err, result})
	}
	return result, err
}

// objectFiles gives every object a file of its own, named so that the order of
// names is the order in which they are applied.
func objectFiles(objects []manifest.Object) ([]charts.File, error) {
	var files []charts.File
	for i, o := range objects {
		var b bytes.Buffer
		if err := manifest.Write(&b, []manifest.Object{o}); err != nil {
			return nil, err
		}
		data, _ := bytes.CutPrefix(b.Bytes(), []byte("---\n"))
		files = append(files, charts.File{Name: fmt.Sprintf("%03d-%s-%s.yaml", i+1, o.GetName(), strings.ToLower(o.Kind())), Data: data})
	}
	return files, nil
}
