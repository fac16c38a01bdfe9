package compare

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"sigs.k8s.io/yaml"

	"gantry/charts"
	"gantry/charts/archive"
	"gantry/charts/engine"
)

// Side is a chart, and what it renders to.
type Side struct {
	Chart   *chart.Chart
	Objects []Document
}

// Render renders a chart for a comparison: twice, because what differs between
// two renderings of one chart says nothing about another. The chart itself is not
// changed.
func Render(ctx context.Context, c *chart.Chart, values map[string]any, o engine.Options) (Side, error) {
	o.IncludeCRDs = true
	once, err := renderCopy(ctx, c, values, o)
	if err != nil {
		return Side{}, err
	}
	again, err := renderCopy(ctx, c, values, o)
	if err != nil {
		return Side{}, err
	}
	return Side{Chart: c, Objects: Steady(once, again)}, nil
}

func renderCopy(ctx context.Context, c *chart.Chart, values map[string]any, o engine.Options) ([]Document, error) {
	files := make([]charts.File, len(c.Raw))
	for i, f := range c.Raw {
		files[i] = charts.File{Name: f.Name, Data: f.Data}
	}
	own, err := archive.FromFiles(files)
	if err != nil {
		return nil, err
	}
	// Rendering drops dependencies that are off and merges their values.
	rendered, err := engine.Render(ctx, own, values, o)
	if err != nil {
		return nil, err
	}
	var list []Document
	for _, crd := range rendered.CRDs {
		list = append(list, Parse(crd.Content)...)
	}
	for _, m := range rendered.Manifests {
		list = append(list, Parse(m.Content)...)
	}
	for _, h := range rendered.Hooks {
		if d, ok := ParseDocument(h.Content); ok && !h.IsTest() {
			d.Hook = true
			list = append(list, d)
		}
	}
	return list, nil
}

// Chart names one side of a comparison.
type Chart struct {
	Name       string `json:"name"`
	Version    string `json:"version"`
	AppVersion string `json:"appVersion,omitempty"`
}

// String prints the name and the version.
func (c Chart) String() string { return c.Name + " " + c.Version }

// Difference is how one chart differs from another.
type Difference struct {
	From Chart `json:"from"`
	To   Chart `json:"to"`
	// Metadata are the fields of Chart.yaml.
	Metadata []Field `json:"metadata"`
	// Values are the defaults of values.yaml, those of the charts that it depends
	// on included.
	Values []Field `json:"values"`
	// Schema is what values.schema.json allows.
	Schema []SchemaChange `json:"schema"`
	// Objects are what the charts render to.
	Objects []Change `json:"objects"`
	// Files are the files of the chart, by name.
	Files []FileChange `json:"files"`
}

// FileChange is one file that differs.
type FileChange struct {
	Name   string `json:"name"`
	Change Kind   `json:"change"`
}

// Empty reports whether the charts are the same, byte for byte.
func (d *Difference) Empty() bool { return len(d.Files) == 0 }

// Charts compares two charts.
func Charts(from, to Side) (*Difference, error) {
	d := &Difference{From: chartOf(from.Chart), To: chartOf(to.Chart)}
	before, after, err := both(from.Chart, to.Chart, metadata)
	if err != nil {
		return nil, err
	}
	d.Metadata = Fields(before, after)
	was, now := defaults(from.Chart), defaults(to.Chart)
	d.Values = values(was, now)
	if d.Schema, err = schemas(from.Chart, to.Chart, now); err != nil {
		return nil, err
	}
	d.Objects = Objects(from.Objects, to.Objects)
	d.Files = files(from.Chart.Raw, to.Chart.Raw)
	return d, nil
}

func chartOf(c *chart.Chart) Chart {
	return Chart{Name: c.Name(), Version: c.Metadata.Version, AppVersion: c.AppVersion()}
}

func both[T any](from, to *chart.Chart, read func(*chart.Chart) (T, error)) (before, after T, err error) {
	if before, err = read(from); err != nil {
		return before, after, fmt.Errorf("%s: %w", chartOf(from), err)
	}
	if after, err = read(to); err != nil {
		return before, after, fmt.Errorf("%s: %w", chartOf(to), err)
	}
	return before, after, nil
}

// metadata returns Chart.yaml as a tree, in which what has parts is never
// missing: each part of it is a difference of its own.
func metadata(c *chart.Chart) (map[string]any, error) {
	tree := map[string]any{}
	data, err := yaml.Marshal(c.Metadata)
	if err != nil {
		return nil, err
	}
	if err := yaml.Unmarshal(data, &tree); err != nil {
		return nil, err
	}
	if tree["annotations"] == nil {
		tree["annotations"] = map[string]any{}
	}
	if tree["dependencies"] == nil {
		tree["dependencies"] = []any{}
	}
	return tree, nil
}

func files(before, after []*chart.File) []FileChange {
	old := make(map[string]*chart.File, len(before))
	for _, f := range before {
		old[f.Name] = f
	}
	var list []FileChange
	for _, f := range after {
		was, existed := old[f.Name]
		delete(old, f.Name)
		switch {
		case !existed:
			list = append(list, FileChange{f.Name, Added})
		case !bytes.Equal(was.Data, f.Data):
			list = append(list, FileChange{f.Name, Altered})
		}
	}
	for name := range old {
		list = append(list, FileChange{name, Removed})
	}
	slices.SortFunc(list, func(a, b FileChange) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(string(a.Change), string(b.Change)))
	})
	return list
}
