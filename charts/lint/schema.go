package lint

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"

	"gantry/charts/diag"
)

// shape is the part of a schema that says which values there are.
type shape struct {
	Ref        string           `json:"$ref"`
	Properties map[string]shape `json:"properties"`
	// Some schemas leave open what there is: these are not looked into.
	AllOf    []json.RawMessage          `json:"allOf"`
	AnyOf    []json.RawMessage          `json:"anyOf"`
	OneOf    []json.RawMessage          `json:"oneOf"`
	Patterns map[string]json.RawMessage `json:"patternProperties"`
	More     json.RawMessage            `json:"additionalProperties"`
}

// open reports whether there may be more values than the properties.
func (s shape) open() bool {
	more := string(s.More)
	return s.Ref != "" || len(s.AllOf)+len(s.AnyOf)+len(s.OneOf)+len(s.Patterns) > 0 || more != "" && more != "true" && more != "false" || len(s.Properties) == 0
}

// within reports whether values belong to a chart within: these have a schema of
// their own.
func within(dependencies []diag.Path, path diag.Path) bool {
	return slices.ContainsFunc(dependencies, func(d diag.Path) bool { return len(d) == 1 && d[0] == path[0] })
}

// unchecked tells of keys of one mapping that its schema does not have: of the
// first, and how many there are beside it.
func unchecked(missing []*yaml.Node, path diag.Path) diag.List {
	if len(missing) == 0 {
		return nil
	}
	first := missing[0]
	beside := ""
	if more := len(missing) - 1; more > 0 {
		beside = fmt.Sprintf(", like %d more beside it", more)
	}
	return diag.List{{
		Pos: diag.Pos{File: "values.yaml", Line: first.Line, Column: first.Column}, Path: append(slices.Clone(path), first.Value),
		Summary: "is not in values.schema.json" + beside + ": a wrong type goes unseen",
	}}
}

// schemaDrift holds values.yaml against values.schema.json, in both directions. What
// the schema refuses has been reported.
func schemaDrift(s *subject) diag.List {
	root := values(s.chart)
	var top shape
	if root == nil || len(s.chart.Schema) == 0 || json.Unmarshal(s.chart.Schema, &top) != nil {
		return nil
	}
	found, all := readings(s.chart)
	dependencies := ofDependencies(s.chart)
	read := slices.Clone(dependencies)
	for _, r := range found {
		if r.pos.File != "values.yaml" {
			read = append(read, r.path)
		}
	}
	var list diag.List
	var look func(node *yaml.Node, in shape, path diag.Path)
	look = func(node *yaml.Node, in shape, path diag.Path) {
		if in.open() || node.Kind != yaml.MappingNode {
			return
		}
		var missing []*yaml.Node
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			below := append(slices.Clone(path), key.Value)
			known, ok := in.Properties[key.Value]
			if !ok && key.Value != "<<" && !within(dependencies, below) {
				missing = append(missing, key)
			}
			look(value, known, below)
		}
		list = append(list, unchecked(missing, path)...)
		for _, name := range slices.Sorted(maps.Keys(in.Properties)) {
			below := append(slices.Clone(path), name)
			if used, deeper := reads(read, below); child(node, name) == nil && !all && !used && !deeper {
				list.Add(diag.Diagnostic{
					Pos: diag.Pos{File: "values.schema.json"}, Path: below, Summary: "is a value of the schema that values.yaml does not have, and no template reads",
				})
			}
		}
	}
	look(root, top, nil)
	return list
}
