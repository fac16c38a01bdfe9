package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"

	"helm.sh/helm/v3/pkg/release"

	"gantry/charts"
	"gantry/charts/archive"
)

// DefaultKubeVersion is the version of Kubernetes that templates see when no
// cluster is asked: that of the libraries gantry is built with, as in helm's own
// builds.
const DefaultKubeVersion = "v1.37.0"

// Options says what the templates see as .Release and .Capabilities.
type Options struct {
	// Name of the release. It is required.
	Name string
	// Namespace of the release; "default" when it is empty.
	Namespace string
	// Revision of the release; 1 when it is zero.
	Revision int
	// IsUpgrade makes .Release.IsUpgrade true and .Release.IsInstall false.
	IsUpgrade bool
	// KubeVersion is the cluster's version; [DefaultKubeVersion] when it is empty.
	KubeVersion string
	// APIVersions are added to those that every cluster has.
	APIVersions []string
	// OnlyAPIVersions are the APIs that there are, whatever every cluster has; nil
	// when no cluster was asked.
	OnlyAPIVersions []string
	// IncludeCRDs puts the custom resource definitions of the chart's crds
	// folder in front of the manifests.
	IncludeCRDs bool
	// Strict makes a value that a template reads and nobody gives an error.
	Strict bool
	// SkipSchema does not hold the values against the chart's schema.
	SkipSchema bool
	// Lint renders a chart that cannot be installed as it is, for those who look at
	// it: what required and fail say, dependencies that are not there, and
	// another version of Kubernetes are no errors.
	Lint bool
}

func (o Options) validate() error {
	if err := chartutil.ValidateReleaseName(o.Name); err != nil {
		return fmt.Errorf("release name %q: %w", o.Name, err)
	}
	return nil
}

func (o Options) capabilities() (*chartutil.Capabilities, error) {
	version := o.KubeVersion
	if version == "" {
		version = DefaultKubeVersion
	}
	parsed, err := chartutil.ParseKubeVersion(version)
	if err != nil {
		return nil, fmt.Errorf("Kubernetes version %q: %w", version, err)
	}
	caps := chartutil.DefaultCapabilities.Copy()
	caps.KubeVersion = *parsed
	if o.OnlyAPIVersions != nil {
		caps.APIVersions = o.OnlyAPIVersions
		return caps, nil
	}
	caps.APIVersions = slices.Concat(caps.APIVersions, o.APIVersions)
	return caps, nil
}

// Manifest is one rendered document.
type Manifest struct {
	// Source is the template it comes from, below the chart's name.
	Source string
	// APIVersion of the object, as the document says it.
	APIVersion string
	// Kind of the object, as the document says it.
	Kind string
	// Name of the object.
	Name string
	// Content is the document without its separator.
	Content string
}

// Hook is a document that is applied at a point of a release's life, instead of
// with the others.
type Hook struct {
	Manifest
	// Events are the points, such as pre-install.
	Events []string
	// Weight orders the hooks of one event.
	Weight int
}

// IsTest reports whether the hook is run by a test of the release only.
func (h Hook) IsTest() bool { return slices.Contains(h.Events, string(release.HookTest)) }

// Ignored is a document that says it is a hook for something that does not
// happen. helm leaves it out.
type Ignored struct {
	Manifest
	// Event is what does not happen.
	Event string
}

// Rendered is what a chart says with some values.
type Rendered struct {
	// CRDs are the custom resource definitions, if they were asked for.
	CRDs []Manifest
	// Manifests are in the order in which helm installs their kinds.
	Manifests []Manifest
	// Hooks are in the same order.
	Hooks []Hook
	// Ignored are documents that are nothing to helm.
	Ignored []Ignored
	// Notes is the rendered NOTES.txt of the chart itself.
	Notes string
	// Files are what the templates wrote, by name, before it was split.
	Files map[string]string
}

// Render renders the templates of a chart.
//
// It takes the chart over: dependencies that the values turn off are dropped
// from it. When a template or the values are at fault, the error is a
// [*TemplateError] or a [*SchemaError].
//
// A template can run for ever. Render returns as soon as ctx is done, and leaves
// the template behind: there is no way to stop one.
func Render(ctx context.Context, c *chart.Chart, values map[string]any, o Options) (*Rendered, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	return untilDone(ctx, func() (*Rendered, error) { return render(ctx, c, values, o) })
}

// untilDone returns what work does, or as soon as ctx is done its error alone: which
// template was being executed then is no news.
func untilDone[T any](ctx context.Context, work func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := work()
		done <- result{value, err}
	}()
	var r result
	select {
	case <-ctx.Done():
	case r = <-done:
	}
	if err := ctx.Err(); err != nil {
		var none T
		return none, err
	}
	return r.value, r.err
}

func render(ctx context.Context, c *chart.Chart, values map[string]any, o Options) (*Rendered, error) {
	if missing := archive.MissingDependencies(c); len(missing) > 0 && !o.Lint {
		return nil, &MissingError{Names: missing}
	}
	caps, err := o.capabilities()
	if err != nil {
		return nil, err
	}
	if want := c.Metadata.KubeVersion; want != "" && !o.Lint && !chartutil.IsCompatibleRange(want, caps.KubeVersion.String()) {
		return nil, fmt.Errorf("chart %s needs Kubernetes %s, and this is %s", c.Name(), want, caps.KubeVersion.String())
	}
	if err := chartutil.ProcessDependenciesWithMerge(c, values); err != nil {
		return nil, fmt.Errorf("resolve the dependencies of %s: %w", c.Name(), err)
	}
	visible, err := chartutil.ToRenderValuesWithSchemaValidation(c, values, o.release(), caps, o.SkipSchema)
	if err != nil {
		return nil, Explain(err)
	}
	files, err := renderFiles(ctx, c, visible, o)
	if err != nil {
		return nil, Explain(err)
	}
	return sortFiles(c, files, o)
}

func (o Options) release() chartutil.ReleaseOptions {
	namespace := o.Namespace
	if namespace == "" {
		namespace = "default"
	}
	return chartutil.ReleaseOptions{
		Name:      o.Name,
		Namespace: namespace,
		Revision:  max(o.Revision, 1),
		IsInstall: !o.IsUpgrade,
		IsUpgrade: o.IsUpgrade,
	}
}

// TemplateOptions says which documents [Rendered.WriteTemplate] writes.
type TemplateOptions struct {
	// NoHooks leaves out all hooks.
	NoHooks bool
	// SkipTests leaves out the hooks that are tests.
	SkipTests bool
	// ShowOnly keeps the documents of these templates, named below the chart's
	// folder; patterns as in [path.Match]. Empty keeps all.
	ShowOnly []string
	// PostRender, if there is one, is handed the manifests, without the hooks, and
	// returns what takes their place.
	PostRender func(manifests []byte) ([]byte, error)
}

// without reports whether the options leave a hook out.
func (o TemplateOptions) without(h Hook) bool { return o.NoHooks || o.SkipTests && h.IsTest() }

// WriteTemplate writes the documents as helm template prints them: definitions,
// manifests, hooks.
func (r *Rendered) WriteTemplate(w io.Writer, o TemplateOptions) error {
	documents := slices.Concat(r.CRDs, r.Manifests)
	var b bytes.Buffer
	b.Grow(size(documents))
	for _, m := range documents {
		writeDocument(&b, m)
	}
	if o.PostRender != nil {
		manifests, err := o.PostRender(b.Bytes())
		if err != nil {
			return err
		}
		b.Reset()
		b.Write(manifests)
	}
	trimmed := bytes.NewBuffer(append(bytes.TrimSpace(b.Bytes()), '\n'))
	for _, h := range r.Hooks {
		if !o.without(h) {
			writeDocument(trimmed, h.Manifest)
		}
	}
	if len(o.ShowOnly) > 0 {
		return showOnly(w, trimmed.String(), o.ShowOnly)
	}
	_, err := w.Write(trimmed.Bytes())
	return err
}

// TemplateFiles returns the documents in files named for their templates, as helm
// template --output-dir writes them, in the order of their first documents.
func (r *Rendered) TemplateFiles(o TemplateOptions) ([]charts.File, error) {
	documents := slices.Concat(r.CRDs, r.Manifests)
	for _, h := range r.Hooks {
		if !o.without(h) {
			documents = append(documents, h.Manifest)
		}
	}
	shown := make(map[string]bool, len(o.ShowOnly))
	var names []string
	content := map[string]*bytes.Buffer{}
	for _, d := range documents {
		if !o.shows(d.Source, shown) {
			continue
		}
		if content[d.Source] == nil {
			content[d.Source] = &bytes.Buffer{}
			names = append(names, d.Source)
		}
		writeDocument(content[d.Source], d)
	}
	for _, pattern := range o.ShowOnly {
		if !shown[pattern] {
			return nil, fmt.Errorf("%s: %w", pattern, ErrNoTemplate)
		}
	}
	files := make([]charts.File, 0, len(names))
	for _, name := range names {
		files = append(files, charts.File{Name: name, Data: content[name].Bytes()})
	}
	return files, nil
}

// shows reports whether ShowOnly has a template, and notes by which pattern.
func (o TemplateOptions) shows(source string, shown map[string]bool) bool {
	_, name, _ := strings.Cut(source, "/")
	for _, pattern := range o.ShowOnly {
		if ok, _ := path.Match(pattern, name); ok {
			shown[pattern] = true
			return true
		}
	}
	return len(o.ShowOnly) == 0
}

func writeDocument(b *bytes.Buffer, m Manifest) {
	for _, part := range []string{separator, m.Source, "\n", m.Content, "\n"} {
		b.WriteString(part)
	}
}

// separator is what each document begins with, before the name of its template.
const separator = "---\n# Source: "

// size returns how many bytes documents are.
func size(documents []Manifest) int {
	n := 0
	for _, m := range documents {
		n += len(separator) + len(m.Source) + len(m.Content) + len("\n\n")
	}
	return n
}

// ErrNoTemplate is what [Rendered.WriteTemplate] returns for a name in ShowOnly
// that no document comes from.
var ErrNoTemplate = errors.New("no template with a document has this name")

func showOnly(w io.Writer, text string, patterns []string) error {
	documents := split(text)
	var out bytes.Buffer
	for _, pattern := range patterns {
		found := false
		for _, d := range documents {
			if ok, _ := path.Match(pattern, sourceOf(d)); ok {
				found = true
				fmt.Fprintf(&out, "---\n%s\n", d)
			}
		}
		if !found {
			return fmt.Errorf("%s: %w", pattern, ErrNoTemplate)
		}
	}
	_, err := w.Write(out.Bytes())
	return err
}

// sourceOf reads the template's name, without the chart's, off the comment at
// the head of a document.
func sourceOf(document string) string {
	for line := range strings.Lines(document) {
		if source, ok := strings.CutPrefix(line, "# Source: "); ok {
			_, name, _ := strings.Cut(strings.TrimSpace(source), "/")
			return name
		}
	}
	return ""
}

// Lookup answers templates that look objects up: with one, or for an empty name with
// the list of all; with an empty map when there is none. Several goroutines may call
// it, and what it returns is theirs.
type Lookup func(apiVersion, kind, namespace, name string) (map[string]any, error)

// Files executes the templates of a chart, which see what chartutil.ToRenderValues
// made, and returns what each has written, by name. It is helm's Engine.Render, for
// those who sort the documents themselves; lookup may be nil. It ends as Render does.
func Files(ctx context.Context, c *chart.Chart, visible chartutil.Values, lookup Lookup) (map[string]string, error) {
	p, err := compile(sources(c, visible), false)
	if err != nil {
		return nil, Explain(err)
	}
	p.lookup = lookup
	return untilDone(ctx, func() (map[string]string, error) {
		files, err := p.run(ctx)
		if err != nil {
			return nil, Explain(err)
		}
		return files, nil
	})
}

func renderFiles(ctx context.Context, c *chart.Chart, visible chartutil.Values, o Options) (map[string]string, error) {
	p, err := compile(sources(c, visible), o.Strict)
	if err != nil {
		return nil, err
	}
	p.lint = o.Lint
	return p.run(ctx)
}
