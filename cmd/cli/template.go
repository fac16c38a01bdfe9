package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"helm.sh/helm/v3/pkg/chart"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"gantry/charts/archive"
	"gantry/charts/diag"
	"gantry/charts/engine"
	"gantry/charts/kube"
	"gantry/charts/lint"
	"gantry/charts/release"
)

type templateOptions struct {
	chartOptions
	render engine.Options
	write  engine.TemplateOptions

	nameTemplate string
	// outputDir is the folder to write to, below the release's name when
	// useName is set.
	outputDir string
	useName   bool
	validate  bool
	// post is the program that changes the manifests, with its arguments.
	post     string
	postArgs []string
}

func newTemplate(a *app) *cobra.Command {
	var o templateOptions
	c := &cobra.Command{
		Use:   "template [NAME] CHART",
		Short: "Render a chart and print the documents",
		Long: `Template renders a chart without a cluster and prints the documents in the order
in which they are installed, byte for byte as helm template does. The chart is a
folder, a .tgz file, REPOSITORY/NAME or a URL. What pods read of Secrets that lack
it, because no value was given, is warned of on standard error.

With --validate it asks the cluster: the templates see its version and its APIs,
and every object is sent with the order to change nothing.

` + exitCodesHelp,
		Example: `  gantry template shop ./shop -f prod.yaml --set web.replicas=3
  gantry template ./shop-1.2.3.tgz --show-only templates/web/deployment.yaml
  gantry template shop ./shop --output-dir rendered
  gantry template shop ./shop --post-renderer ./kustomize.sh
  gantry template shop ./shop --validate`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(args[:len(args)-1]); err != nil {
				return err
			}
			o.render.Namespace = a.namespace
			return runTemplate(cmd.Context(), a, args[len(args)-1], &o)
		},
	}
	o.bind(c)
	f := c.Flags()
	f.BoolVar(&o.render.IncludeCRDs, "include-crds", false, "print the custom resource definitions of the chart, too")
	f.BoolVar(&o.render.IsUpgrade, "is-upgrade", false, "render as for an upgrade instead of an installation")
	f.BoolVar(&o.render.Strict, "strict", false, "fail when a template reads a value that nobody gives")
	f.StringVar(&o.render.KubeVersion, "kube-version", "", "version of Kubernetes that the templates see (default "+engine.DefaultKubeVersion+")")
	f.StringSliceVarP(&o.render.APIVersions, "api-versions", "a", nil, "APIs that the templates see besides the usual ones")
	bindSkipSchema(c, &o.render.SkipSchema)
	f.BoolVar(&o.write.NoHooks, "no-hooks", false, "leave out hooks")
	f.BoolVar(&o.write.SkipTests, "skip-tests", false, "leave out tests")
	f.StringArrayVarP(&o.write.ShowOnly, "show-only", "s", nil, "print only what this template renders to; repeat for several")
	f.StringVar(&o.nameTemplate, "name-template", "", "template for the name of the release")
	f.StringVar(&o.outputDir, "output-dir", "", "write a file for each template into this folder instead")
	f.BoolVar(&o.useName, "release-name", false, "write below --output-dir into a folder named for the release")
	f.BoolVar(&o.validate, "validate", false, "ask the cluster whether it would take the objects")
	f.StringVar(&o.post, "post-renderer", "", "program that reads the manifests from its standard input and writes what takes their place")
	f.StringArrayVar(&o.postArgs, "post-renderer-args", nil, "argument for --post-renderer; repeat for several")
	_ = c.MarkFlagDirname("output-dir")
	return c
}

// check finds the name of the release, and refuses flags that do not go
// together.
func (o *templateOptions) check(args []string) error {
	o.render.Name = "release-name"
	switch {
	case o.post != "" && o.outputDir != "":
		return usageError(errors.New("--post-renderer gets all manifests as one: it cannot go with --output-dir"))
	case len(args) > 0 && o.nameTemplate != "":
		return usageError(errors.New("the release has a name already: leave out --name-template"))
	case len(args) > 0:
		o.render.Name = args[0]
	case o.nameTemplate != "":
		name, err := engine.ReleaseName(o.nameTemplate)
		if err != nil {
			return usageError(fmt.Errorf("--name-template: %w", err))
		}
		o.render.Name = name
	}
	return nil
}

func runTemplate(ctx context.Context, a *app, ref string, o *templateOptions) error {
	l, err := a.loadChart(ctx, ref, &o.chartOptions)
	if err != nil {
		return err
	}
	if strings.EqualFold(l.chart.Metadata.Type, "library") {
		return fmt.Errorf("%s is a library: only charts that depend on it render to something", l.chart.Name())
	}
	var cluster *kube.Cluster
	if o.validate {
		if cluster, err = a.capabilities(ctx, &o.render); err != nil {
			return a.releaseError(err)
		}
	}
	rendered, err := engine.Render(ctx, l.chart, l.values.Map, o.render)
	if err != nil {
		return l.explain(err)
	}
	for _, d := range rendered.Ignored {
		fmt.Fprintf(a.Err, "gantry: warning: %s: %s %s is a hook for %q, which does not exist, and is left out\n", d.Source, d.Kind, d.Name, d.Event)
	}
	a.tellLacking(l, rendered)
	if o.validate {
		if err := l.validate(ctx, cluster, rendered, o.render.Namespace); err != nil {
			return a.releaseError(err)
		}
	}
	if o.post != "" {
		o.write.PostRender = func(manifests []byte) ([]byte, error) { return a.postRender(ctx, o, manifests) }
	}
	if o.outputDir != "" {
		err = a.writeTemplates(rendered, o)
	} else {
		err = rendered.WriteTemplate(a.Out, o.write)
	}
	if errors.Is(err, engine.ErrNoTemplate) {
		return notFoundError(withHint(err, similarTemplate(l.chart, o.write.ShowOnly)))
	}
	return err
}

// tellLacking warns of what an installation would have asked for, and the documents lack.
func (a *app) tellLacking(l *loadedChart, r *engine.Rendered) {
	list := lint.Lacking(l.chart, r)
	for _, d := range list {
		d.Pos.File = archive.Locate(l.path, l.chart.Name(), d.Pos.File)
		fmt.Fprintf(a.Err, "gantry: warning: %s: %s\n", d.Pos, d.Summary)
	}
	if len(list) > 0 {
		fmt.Fprintf(a.Err, "gantry: hint: %s\n", list[0].Hint)
	}
}

// similarTemplate says what may be meant by the first name of a template that does not
// exist; where all do, one of them renders to nothing.
func similarTemplate(c *chart.Chart, wanted []string) string {
	names := make([]string, 0, len(c.Templates))
	for _, t := range c.Templates {
		if strings.HasSuffix(t.Name, ".yaml") {
			names = append(names, t.Name)
		}
	}
	for _, pattern := range wanted {
		if !slices.ContainsFunc(names, func(name string) bool { ok, _ := path.Match(pattern, name); return ok }) {
			return diag.DidYouMean(pattern, names)
		}
	}
	return "with these values it renders to nothing"
}

// capabilities finds out what the cluster is, for the templates to see.
func (a *app) capabilities(ctx context.Context, o *engine.Options) (*kube.Cluster, error) {
	cluster, err := a.connect()
	if err != nil {
		return nil, err
	}
	if err := cluster.Reach(ctx); err != nil {
		return nil, err
	}
	client, err := cluster.ToDiscoveryClient()
	if err != nil {
		return nil, err
	}
	version, err := client.ServerVersion()
	if err != nil {
		return nil, fmt.Errorf("ask for the version of the cluster: %w", err)
	}
	apis, err := release.Versions(client)
	if err != nil {
		return nil, fmt.Errorf("ask for the APIs of the cluster: %w", err)
	}
	o.KubeVersion, o.OnlyAPIVersions = version.GitVersion, apis
	if o.Namespace == "" {
		o.Namespace = cluster.Namespace()
	}
	return cluster, nil
}

// validate sends every object with the order to change nothing. All refusals are
// returned, each with its template.
func (l *loadedChart) validate(ctx context.Context, cluster *kube.Cluster, r *engine.Rendered, namespace string) error {
	client, err := cluster.Client(release.ClientOptions{Namespace: namespace})
	if err != nil {
		return err
	}
	var list diag.List
	for _, m := range slices.Concat(r.CRDs, r.Manifests) {
		refuse := func(err error) {
			list.Add(diag.Diagnostic{
				Severity: diag.Error, Pos: diag.Pos{File: archive.Locate(l.path, l.chart.Name(), m.Source)}, Code: "refused", Summary: err.Error(),
			})
		}
		obj := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(m.Content), &obj.Object); err != nil {
			refuse(err)
			continue
		}
		if len(obj.Object) == 0 {
			continue
		}
		objects := []*unstructured.Unstructured{obj}
		unknown, err := client.Resolve(objects)
		switch {
		case err != nil:
			return err
		case len(unknown) > 0:
			refuse(fmt.Errorf("the cluster knows no %s of %s", obj.GetKind(), obj.GetAPIVersion()))
			continue
		}
		live, err := client.Live(ctx, objects)
		if err != nil {
			return err
		}
		if _, err := client.Send(ctx, release.Write{Object: obj, Live: live[0], Method: release.ApplyServer, Take: true, DryRun: true, Strict: true}); err != nil {
			if _, lost := errors.AsType[*kube.UnreachableError](cluster.Lost(err)); lost || ctx.Err() != nil {
				return cluster.Lost(err)
			}
			refuse(err)
		}
	}
	return list.Err()
}

// postRender hands the manifests to a program.
func (a *app) postRender(ctx context.Context, o *templateOptions, manifests []byte) ([]byte, error) {
	program, err := exec.LookPath(o.post)
	if err != nil {
		return nil, notFoundError(fmt.Errorf("--post-renderer: %w", err))
	}
	var out bytes.Buffer
	c := exec.CommandContext(ctx, program, o.postArgs...)
	c.Env = a.Environ
	c.Stdin, c.Stdout, c.Stderr = bytes.NewReader(manifests), &out, a.Err
	if err := c.Run(); err != nil {
		return nil, fmt.Errorf("run the post-renderer %s: %w", o.post, err)
	}
	if len(bytes.TrimSpace(out.Bytes())) == 0 {
		return nil, fmt.Errorf("the post-renderer %s wrote nothing to its standard output", o.post)
	}
	return out.Bytes(), nil
}

// writeTemplates writes the documents to files.
func (a *app) writeTemplates(r *engine.Rendered, o *templateOptions) error {
	files, err := r.TemplateFiles(o.write)
	if err != nil {
		return err
	}
	dir := o.outputDir
	if o.useName {
		dir = filepath.Join(dir, o.render.Name)
	}
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := archive.WriteFile(name, f.Data); err != nil {
			return err
		}
		fmt.Fprintf(a.Out, "wrote %s\n", name)
	}
	return nil
}
