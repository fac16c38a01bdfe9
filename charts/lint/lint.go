package lint

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"

	"gantry/charts"
	"gantry/charts/archive"
	"gantry/charts/diag"
	"gantry/charts/engine"
)

// schemaCode is that of values that the schema refuses.
const schemaCode = "values-schema"

// Options says how to check.
type Options struct {
	// Values are laid over the chart's own; nil when there are none.
	Values *engine.Merged
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
	version := cmp.Or(o.KubeVersion, engine.DefaultKubeVersion)
	if o.Values == nil {
		o.Values = &engine.Merged{}
	}
	kube, err := chartutil.ParseKubeVersion(version)
	if err != nil {
		return nil, fmt.Errorf("Kubernetes version %q: %w", version, err)
	}
	s := newSubject(c, kube)
	off := disabled(c, o)
	list := slices.Concat(metadata(s), dependencies(s), files(s))
	found, err := s.render(ctx, o)
	if err != nil {
		return nil, err
	}
	list = append(list, found...)
	// What follows from an error is no news.
	if !list.HasErrors() && len(s.given) == 0 {
		list = append(list, s.apply()...)
	}
	list = slices.DeleteFunc(list, func(d diag.Diagnostic) bool { return slices.Contains(off, d.Code) })
	for i := range list {
		list[i].Pos.File = archive.Locate(name, c.Name(), list[i].Pos.File)
		if o.Strict && list[i].Severity == diag.Warning {
			list[i].Severity = diag.Error
		}
	}
	if !slices.Contains(off, schemaCode) {
		list = append(list, s.given...)
	}
	list.Sort()
	return list, nil
}

// render renders the chart for the rules, and says what is wrong with what comes
// out. A chart that needs values, charts or a Kubernetes which are not there is
// rendered without them, and the rules do not see what that makes.
func (s *subject) render(ctx context.Context, o Options) (diag.List, error) {
	as := engine.Options{Name: "test-release", Namespace: o.Namespace, KubeVersion: o.KubeVersion, SkipSchema: o.SkipSchema, IncludeCRDs: true}
	r, err := engine.Render(ctx, s.chart, o.Values.Map, as)
	if err == nil {
		s.objects = objects(s.chart, r)
		return documents(s, r, s.objects), nil
	}
	as.Lint = true
	r, lenient := engine.Render(ctx, s.chart, o.Values.Map, as)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if lenient != nil {
		return s.unrendered(lenient, o.Values), nil
	}
	list := documents(s, r, objects(s.chart, r))
	if e, ok := errors.AsType[*engine.TemplateError](err); ok {
		d := e.Diagnostic()
		d.Severity, d.Code = diag.Note, "lint-needs-values"
		list.Add(d)
	}
	return list, nil
}

// unrendered says why a chart cannot be rendered, whatever the values. What is wrong
// with a value that was given is told where that was done.
func (s *subject) unrendered(err error, values *engine.Merged) diag.List {
	if e, ok := errors.AsType[*engine.TemplateError](err); ok {
		return diag.List{e.Diagnostic()}
	}
	e, ok := errors.AsType[*engine.SchemaError](err)
	if !ok {
		return diag.List{{Severity: diag.Error, Pos: diag.Pos{File: metadataFile}, Code: "lint-chart", Summary: err.Error()}}
	}
	var list diag.List
	for _, d := range values.Diagnostics(e, s.chart.Name(), s.chart.Values) {
		if d.Pos.File != "" {
			s.given = append(s.given, d)
			continue
		}
		d.Pos = find(s.chart, valuesFile, d.Path)
		list.Add(d)
	}
	return list
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
