package lint

import (
	"iter"
	"slices"

	"go.yaml.in/yaml/v3"
	"helm.sh/helm/v3/pkg/chart"

	"gantry/charts/diag"
)

// valuesFile holds the values of a chart.
const valuesFile = "values.yaml"

// entry is a key of values.yaml with its value.
type entry struct {
	path       diag.Path
	key, value *yaml.Node
	within     *yaml.Node // the mapping
}

// problem is something wrong with an entry, at its key.
func (e entry) problem(summary string) diag.Diagnostic {
	return diag.Diagnostic{Pos: diag.Pos{File: valuesFile, Line: e.key.Line, Column: e.key.Column}, Path: e.path, Summary: summary}
}

// entries yields the entries of a mapping at a path; none of anything else.
func entries(mapping *yaml.Node, path diag.Path) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		for i := 0; mapping != nil && mapping.Kind == yaml.MappingNode && i+1 < len(mapping.Content); i += 2 {
			key, value := mapping.Content[i], mapping.Content[i+1]
			if !yield(entry{append(slices.Clone(path), key.Value), key, value, mapping}) {
				return
			}
		}
	}
}

// walk visits the entries of a mapping at a path, and those below an entry where
// visit says so.
func walk(mapping *yaml.Node, path diag.Path, visit func(entry) (below bool)) {
	for e := range entries(mapping, path) {
		if visit(e) {
			walk(e.value, e.path, visit)
		}
	}
}

// child returns the value of a key of a mapping; nil when there is none.
func child(node *yaml.Node, key string) *yaml.Node {
	for e := range entries(node, nil) {
		if e.key.Value == key {
			return e.value
		}
	}
	return nil
}

// keys returns the keys of a mapping.
func keys(node *yaml.Node) []string {
	var names []string
	for e := range entries(node, nil) {
		names = append(names, e.key.Value)
	}
	return names
}

// mapping returns the mapping in a YAML file of a chart; nil when there is none.
func mapping(c *chart.Chart, file string) *yaml.Node {
	for _, f := range c.Raw {
		var doc yaml.Node
		if f.Name == file && yaml.Unmarshal(f.Data, &doc) == nil && doc.Kind == yaml.DocumentNode && doc.Content[0].Kind == yaml.MappingNode {
			return doc.Content[0]
		}
	}
	return nil
}
