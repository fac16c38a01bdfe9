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
func unchecked(missing []entry) diag.List {
	if len(missing) == 0 {
		return nil
	}
	beside := ""
	if more := len(missing) - 1; more > 0 {
		beside = fmt.Sprintf(", like %d more beside it", more)
	}
	return diag.List{missing[0].problem("is not in values.schema.json" + beside + ": a wrong type goes unseen")}
}

// schemaDrift holds values.yaml against values.schema.json, in both directions. What
// the schema refuses has been reported.
func schemaDrift(s *subject) diag.List {
	var top shape
	if s.values == nil || len(s.chart.Schema) == 0 || json.Unmarshal(s.chart.Schema, &top) != nil {
		return nil
	}
	// helm reads these two of a chart that another one depends on.
	read := append(slices.Clone(s.elsewhere), diag.Path{"enabled"}, diag.Path{"tags"})
	for _, r := range s.readings {
		if r.pos.File != valuesFile {
			read = append(read, r.path)
		}
	}
	var list diag.List
	var look func(node *yaml.Node, in shape, path diag.Path)
	look = func(node *yaml.Node, in shape, path diag.Path) {
		if in.open() || node.Kind != yaml.MappingNode {
			return
		}
		var missing []entry
		for e := range entries(node, path) {
			known, ok := in.Properties[e.key.Value]
			if !ok && e.key.Value != "<<" && !within(s.elsewhere, e.path) {
				missing = append(missing, e)
			}
			look(e.value, known, e.path)
		}
		list = append(list, unchecked(missing)...)
		for _, name := range slices.Sorted(maps.Keys(in.Properties)) {
			below := append(slices.Clone(path), name)
			if used, deeper := reads(read, below); child(node, name) == nil && !s.readsAll && !used && !deeper {
				list.Add(diag.Diagnostic{
					Pos: diag.Pos{File: "values.schema.json"}, Path: below, Summary: "is a value of the schema that values.yaml does not have, and no template reads",
				})
			}
		}
	}
	look(s.values, top, nil)
	return list
}
