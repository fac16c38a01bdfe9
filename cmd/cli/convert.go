package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"gantry/charts"
	"gantry/charts/diag"
	"gantry/convert"
	"gantry/convert/manifest"
)

// convertCommands returns the commands of the group, in the order of the help.
func convertCommands(a *app) []*cobra.Command {
	return []*cobra.Command{newConvert(a), newCheck(a), newGraph(a)}
}

type convertOptions struct {
	sourceOptions
	to       string
	output   string
	overlays []string
	bake     string
	force    bool
	strict   bool
	notes    bool
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
  cat compose.yaml | gantry convert -f - -p shop`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runConvert(cmd.Context(), a, &o) },
	}
	o.bind(c)
	c.Flags().StringVar(&o.to, "to", toManifests, "what to make: manifests, chart or kustomize")
	c.Flags().StringVarP(&o.output, "output", "o", "", "folder for one file an object, or - for standard output (default -); the folder of the chart or of kustomize")
	c.Flags().StringArrayVar(&o.overlays, "overlay", nil, "overlay of kustomize, as NAME=FILE[,FILE...][,profile:PROFILE...]; repeat for several")
	bindBake(c, &o.bake)
	c.Flags().BoolVar(&o.force, "force", false, "replace what gantry did not make")
	c.Flags().BoolVar(&o.strict, "strict", false, "fail when there is a warning")
	c.Flags().BoolVar(&o.notes, "notes", false, "print the notes, too")
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
	if len(o.overlays) > 0 && o.to != toKustomize {
		return usageError(errors.New("--overlay is for --to kustomize"))
	}
	switch o.to {
	case toManifests:
	case toKustomize:
		if o.bake != "" {
			return usageError(errors.New("--bake is for one combination of files: write it with --to manifests"))
		}
		return runKustomize(ctx, a, o)
	case toChart:
		if o.output == "-" {
			return usageError(errors.New("a chart is a folder: name one with -o, or leave it out"))
		}
		return runChartCreate(ctx, a, &chartCreateOptions{
			sourceOptions: o.sourceOptions, output: o.output, version: defaultChartVersion, bake: o.bake,
			force: o.force, strict: o.strict, notes: o.notes,
		})
	default:
		return usageError(fmt.Errorf("unknown result %q: use manifests, chart or kustomize", o.to))
	}
	result, err := a.convert(ctx, &o.sourceOptions)
	if err != nil {
		return err
	}
	a.summarise(result, o.notes)
	if o.strict && result.Diagnostics.Count(diag.Warning) > 0 {
		return strictError(result.Diagnostics)
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

// strictError is what a warning becomes with --strict.
func strictError(list diag.List) error {
	return &exitError{exitInput, fmt.Errorf("%s, and --strict was given: nothing was written", countProblems(list))}
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
	result, err := convert.Convert(ctx, src, opts)
	if err != nil {
		err = &convertError{err, result}
	}
	return result, err
}

// summarise prints the warnings, and the notes or how many there are.
func (a *app) summarise(result *convert.Result, notes bool) {
	list := result.Diagnostics
	shown := list
	if !notes {
		shown = nil
		for _, d := range list {
			if d.Severity > diag.Note {
				shown.Add(d)
			}
		}
	}
	a.printDiagnostics(a.Err, result, shown)
	if n := list.Count(diag.Note); n > 0 && !notes {
		fmt.Fprintf(a.Err, "%s more; see them with: gantry check\n", countOf(n, "note"))
	}
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

func newCheck(a *app) *cobra.Command {
	var (
		o      sourceOptions
		output string
		strict bool
	)
	c := &cobra.Command{
		Use:   "check",
		Short: "Say what becomes of a Compose application, and write nothing",
		Long: `Check converts a Compose application and prints every diagnostic: problems of
the files, and keys that are not converted exactly, notes included.

` + exitCodesHelp,
		Example: `  gantry check
  gantry check -f compose.yaml -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runCheck(cmd.Context(), a, &o, output, strict)
		},
	}
	o.bind(c)
	c.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	c.Flags().BoolVar(&strict, "strict", false, "fail when there is a warning")
	return c
}

func runCheck(ctx context.Context, a *app, o *sourceOptions, output string, strict bool) error {
	if output != "text" && output != "json" {
		return usageError(fmt.Errorf("unknown output %q: use text or json", output))
	}
	result, err := a.convert(ctx, o)
	if result == nil {
		return err
	}
	if output == "json" {
		if err := writeJSON(a.Out, result.Diagnostics); err != nil {
			return err
		}
	} else {
		a.printDiagnostics(a.Out, result, result.Diagnostics)
	}
	switch {
	case err != nil:
		fmt.Fprintf(a.Err, "gantry: error: %s\n", countProblems(result.Diagnostics))
		return &exitError{exitInput, errReported}
	case strict && result.Diagnostics.Count(diag.Warning) > 0:
		return &exitError{exitInput, fmt.Errorf("%s, and --strict was given", countProblems(result.Diagnostics))}
	case len(result.Diagnostics) == 0 && output == "text":
		_, err = io.WriteString(a.Out, "every key is converted exactly\n")
		return err
	}
	return nil
}
