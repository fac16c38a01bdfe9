package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"sigs.k8s.io/yaml"

	"gantry/charts/compare"
	"gantry/charts/engine"
	"gantry/repo/pages"
)

// inspector renders charts for the pages of a repository, which cannot reach the
// engine themselves.
type inspector struct{}

// Render returns the objects of a chart, its hooks behind the others.
func (inspector) Render(ctx context.Context, c *chart.Chart) ([]pages.Object, error) {
	manifests, err := renderDefaults(ctx, c)
	if err != nil {
		return nil, err
	}
	objects := make([]pages.Object, 0, len(manifests))
	for _, m := range manifests {
		o := pages.Object{Kind: m.Kind, Name: m.Name, Source: m.Source, Text: m.Content}
		if err := yaml.Unmarshal([]byte(m.Content), &o.Fields); err != nil {
			return nil, fmt.Errorf("%s: %w", m.Source, err)
		}
		if o.Kind != "" {
			objects = append(objects, o)
		}
	}
	return objects, nil
}

// Compare tells how one chart differs from another in their default values and in
// what they render to.
func (inspector) Compare(ctx context.Context, before, after *chart.Chart) (*pages.Comparison, error) {
	c := &pages.Comparison{Values: changes(compare.Fields(before.Values, after.Values))}
	was, err := documents(ctx, before)
	if err != nil {
		return c, fmt.Errorf("%s: %w", before.Metadata.Version, err)
	}
	now, err := documents(ctx, after)
	if err != nil {
		return c, fmt.Errorf("%s: %w", after.Metadata.Version, err)
	}
	for _, change := range compare.Objects(was, now) {
		fields := slices.DeleteFunc(change.Fields, namesVersion)
		if len(fields) > 0 || change.Change != compare.Altered {
			c.Objects = append(c.Objects, pages.Difference{
				Kind: change.Kind, Name: change.Name, Verb: string(change.Change), Changes: changes(fields),
			})
		}
	}
	return c, nil
}

// namesVersion reports whether a field is a label that names the version of the
// chart or of the application, which differs in every object of every version.
func namesVersion(f compare.Field) bool {
	if len(f.Path) < 2 || f.Path[len(f.Path)-2] != "labels" {
		return false
	}
	name := f.Path[len(f.Path)-1]
	return name == "helm.sh/chart" || name == "app.kubernetes.io/version"
}

func documents(ctx context.Context, c *chart.Chart) ([]compare.Document, error) {
	manifests, err := renderDefaults(ctx, c)
	if err != nil {
		return nil, err
	}
	var list []compare.Document
	for _, m := range manifests {
		if d, ok := compare.ParseDocument(m.Content); ok {
			list = append(list, d)
		}
	}
	return list, nil
}

func renderDefaults(ctx context.Context, c *chart.Chart) ([]engine.Manifest, error) {
	rendered, err := engine.Render(ctx, c, map[string]any{}, engine.Options{Name: strings.ReplaceAll(strings.ToLower(c.Name()), "_", "-")})
	if err != nil {
		return nil, err
	}
	manifests := slices.Clone(rendered.Manifests)
	for _, h := range rendered.Hooks {
		manifests = append(manifests, h.Manifest)
	}
	return manifests, nil
}

// changes puts differences into the words of a page.
func changes(fields []compare.Field) []pages.Change {
	list := make([]pages.Change, len(fields))
	for i, f := range fields {
		list[i] = pages.Change{Path: f.Path.String(), Verb: string(f.Change), Before: f.Before, After: f.After}
	}
	return list
}
