package lint

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"

	"gantry/charts"
	"gantry/charts/archive"
	"gantry/charts/diag"
	"gantry/charts/engine"
)

// Options says how to check.
type Options struct {
	// Values are laid over the chart's own.
	Values map[string]any
	// Namespace that the templates see; "default" when it is empty.
	Namespace string
	// KubeVersion is the version whose removed APIs are reported;
	// [engine.DefaultKubeVersion] when it is empty.
	KubeVersion string
	// SkipSchema does not hold the values against the chart's schema.
	SkipSchema bool
	// Strict makes warnings errors.
	Strict bool
	// Disable are the codes of the rules that are not applied, besides those that
	// the chart switches off.
	Disable []string
}

// Run checks the chart in a folder or a .tgz file.
//
// The error is for what keeps the linter from running at all; what it has to
// say of the chart is in the list, sorted. Files are named as in the chart's
// folder, below name.
func Run(ctx context.Context, name string, o Options) (diag.List, error) {
	c, err := archive.Load(name)
	if at, ok := errors.AsType[*archive.Error](err); ok {
		return diag.List{at.Diagnostic()}, nil
	}
	if err != nil {
		return nil, err
	}
	return check(ctx, name, c, o)
}

// Files checks a chart that lies in no folder yet, and names its files as if they
// were below name.
func Files(ctx context.Context, name string, files []charts.File, o Options) (diag.List, error) {
	c, err := archive.FromFiles(files)
	if at, ok := errors.AsType[*archive.Error](err); ok {
		return diag.List{at.Diagnostic()}, nil
	}
	if err != nil {
		return nil, err
	}
	list, err := check(ctx, "", c, o)
	for i := range list {
		list[i].Pos.File = filepath.Join(name, list[i].Pos.File)
	}
	return list, err
}

// check checks a chart, from the folder or archive with a name, if it has one.
func check(ctx context.Context, name string, c *chart.Chart, o Options) (diag.List, error) {
	version := o.KubeVersion
	if version == "" {
		version = engine.DefaultKubeVersion
	}
	kube, err := chartutil.ParseKubeVersion(version)
	if err != nil {
		return nil, fmt.Errorf("Kubernetes version %q: %w", version, err)
	}
	dir, remove, err := folder(name, c)
	if err != nil {
		return nil, err
	}
	defer remove()
	namespace := o.Namespace
	if namespace == "" {
		namespace = "default"
	}
	found := lint.AllWithKubeVersionAndSchemaValidation(dir, o.Values, namespace, kube, o.SkipSchema)
	var list diag.List
	for _, m := range found.Messages {
		list = append(list, describe(c, dir, m)...)
	}
	off := disabled(c, o)
	if list, err = beyond(ctx, newSubject(c, kube), list, o); err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(d diag.Diagnostic) bool { return slices.Contains(off, d.Code) })
	for i := range list {
		list[i].Pos.File = archive.Locate(name, c.Name(), list[i].Pos.File)
		if o.Strict && list[i].Severity == diag.Warning {
			list[i].Severity = diag.Error
		}
	}
	list.Sort()
	return list, nil
}

// beyond adds what the rules of our own find. They are silent where helm's linter
// found errors: what follows from those is no news.
func beyond(ctx context.Context, s *subject, list diag.List, o Options) (diag.List, error) {
	if !strings.EqualFold(s.chart.Metadata.Type, "library") {
		r, err := engine.Render(ctx, s.chart, o.Values, engine.Options{Name: "test-release", Namespace: o.Namespace, KubeVersion: o.KubeVersion, SkipSchema: o.SkipSchema, IncludeCRDs: true})
		switch e, ok := errors.AsType[*engine.TemplateError](err); {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case ok:
			list = unrendered(s.chart, list, e.Diagnostic())
		case err == nil:
			s.objects = objects(s.chart, r)
		}
	}
	if list.HasErrors() {
		return list, nil
	}
	return append(list, s.apply()...), nil
}

// unrendered says why a template cannot be rendered, in the place of what helm's linter
// says of it, which is less. Where that says nothing, a value is required that an
// installation gives.
func unrendered(c *chart.Chart, list diag.List, d diag.Diagnostic) diag.List {
	if !list.HasErrors() {
		d.Severity, d.Code = diag.Note, "lint-needs-values"
		return append(list, d)
	}
	kept := slices.DeleteFunc(slices.Clone(list), func(by diag.Diagnostic) bool {
		return by.Severity == diag.Error && strings.TrimPrefix(by.Pos.File, c.Name()+"/") == strings.TrimPrefix(d.Pos.File, c.Name()+"/")
	})
	if len(kept) == len(list) {
		return list
	}
	return append(kept, d)
}

// folder returns where the chart lies unpacked: helm's linter reads folders
// only.
func folder(name string, c *chart.Chart) (dir string, remove func(), err error) {
	nothing := func() {}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		// helm's messages hold the folder's name, which is taken out of them: a whole
		// path is nothing else.
		dir, err = filepath.Abs(name)
		return dir, nothing, err
	}
	temp, err := os.MkdirTemp("", "gantry-lint-")
	if err != nil {
		return "", nothing, err
	}
	remove = func() { _ = os.RemoveAll(temp) }
	dir = filepath.Join(temp, c.Name())
	for _, f := range c.Raw {
		to := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return "", remove, err
		}
		if err := os.WriteFile(to, f.Data, 0o600); err != nil {
			return "", remove, err
		}
	}
	return dir, remove, nil
}

// describe makes diagnostics of one message of the linter.
func describe(c *chart.Chart, dir string, m support.Message) diag.List {
	err := engine.Explain(m.Err)
	if e, ok := errors.AsType[*engine.TemplateError](err); ok {
		return diag.List{e.Diagnostic()}
	}
	if e, ok := errors.AsType[*engine.SchemaError](err); ok {
		var list diag.List
		for _, p := range e.Problems {
			pos := find(c, "values.yaml", p.Path)
			pos.File = "values.yaml"
			list.Add(diag.Diagnostic{Severity: diag.Error, Pos: pos, Path: p.Path, Code: "values-schema", Summary: "values.schema.json refuses this value: " + p.Problem})
		}
		return list
	}
	if _, ok := errors.AsType[chartutil.JSONSchemaValidationError](err); ok {
		// The rule for templates reports the same, with the key apart.
		return nil
	}
	if ofAPI.MatchString(m.Err.Error()) {
		// Rules of our own say it with the position, and know more API versions.
		return nil
	}
	d := diag.Diagnostic{Severity: severity(m.Severity), Pos: diag.Pos{File: m.Path}, Code: code(m), Summary: strings.ReplaceAll(oneLine(err.Error()), dir, "")}
	key := metadataKey(d.Summary)
	if m.Path == dir { // of the chart as a whole, which is what it says of dependencies
		d.Pos.File, key = "Chart.yaml", "dependencies"
	}
	if pos := find(c, d.Pos.File, diag.Path{key}); d.Pos.File == "Chart.yaml" && pos.Line > 0 {
		d.Pos, d.Path = pos, diag.Path{key}
	}
	if at := regexp.MustCompile(`yaml: line (\d+): `).FindStringSubmatch(d.Summary); at != nil && !strings.HasPrefix(m.Path, "templates/") {
		d.Pos.Line, _ = strconv.Atoi(at[1])
	}
	return diag.List{d}
}

// ofAPI finds what helm says of API versions.
var ofAPI = regexp.MustCompile(`^\S+ \S+ is deprecated in v1\.`)

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func severity(helm int) diag.Severity {
	switch helm {
	case support.ErrorSev:
		return diag.Error
	case support.WarningSev:
		return diag.Warning
	default:
		return diag.Note
	}
}

// code names the part of the chart that a rule is about: helm's rules have no
// names of their own.
func code(m support.Message) string {
	switch {
	case m.Path == "Chart.yaml":
		return "lint-metadata"
	case m.Path == "values.yaml":
		return "lint-values"
	case strings.HasPrefix(m.Path, "templates"):
		return "lint-template"
	default:
		return "lint-chart"
	}
}

// metadataKey returns the key of Chart.yaml that a message begins with, such as
// "icon is recommended" or "version '1' is not a valid SemVer".
func metadataKey(summary string) string {
	word, _, _ := strings.Cut(summary, " ")
	word = strings.TrimSuffix(word, ":")
	for _, key := range []string{"name", "version", "appVersion", "apiVersion", "icon", "type", "dependencies", "maintainers", "kubeVersion", "sources", "home"} {
		if strings.EqualFold(key, word) {
			return key
		}
	}
	return ""
}

// find returns where a key stands in a YAML file of the chart.
func find(c *chart.Chart, file string, keys diag.Path) diag.Pos {
	pos := diag.Pos{File: file}
	node := mapping(c, path.Clean(file))
	for _, key := range keys {
		if node = child(node, key); node == nil {
			break
		}
		pos.Line, pos.Column = node.Line, node.Column
	}
	return pos
}
