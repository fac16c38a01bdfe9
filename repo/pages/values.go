package pages

import (
	"encoding/json"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"helm.sh/helm/v3/pkg/chart"
)

// valueRow is a value that can be set, as a table shows it.
type valueRow struct {
	Path, Type, Default, Description string
}

// schema is as much of a JSON schema as a table shows.
type schema struct {
	Type        any                `json:"type"`
	Description string             `json:"description"`
	Enum        []any              `json:"enum"`
	Properties  map[string]*schema `json:"properties"`
}

// The files of a chart that values are defined in.
const (
	valuesFile = "values.yaml"
	schemaFile = "values.schema.json"
)

const (
	// maxValues is how many values a table lists, and maxValueDepth how deep it
	// looks for them.
	maxValues     = 2000
	maxValueDepth = 12
	// maxDefault is how long a default may be to stand in the table, in runes.
	maxDefault = 60
)

// values returns the values of a chart as a table, and the files they are
// defined in. Descriptions are those of the schema, or of the comments above the
// values: those of helm-docs, which begin with "# --", or any others.
func values(c *chart.Chart) ([]valueRow, []file) {
	var files []file
	t, shown := &table{}, newSources()
	for _, f := range c.Raw {
		if f.Name != valuesFile {
			continue
		}
		files = append(files, shown.file(f.Name, f.Data))
		var doc yaml.Node
		if err := yaml.Unmarshal(f.Data, &doc); err != nil || len(doc.Content) == 0 {
			continue // the text is shown all the same
		}
		var root schema
		_ = json.Unmarshal(c.Schema, &root) // a schema that cannot be read describes nothing
		t.add(nil, doc.Content[0], &root)
	}
	if len(c.Schema) > 0 {
		files = append(files, shown.file(schemaFile, c.Schema))
	}
	return t.rows, files
}

type table struct{ rows []valueRow }

// add lists what is below a mapping.
func (t *table) add(path []string, n *yaml.Node, s *schema) {
	if n.Kind != yaml.MappingNode || len(path) > maxValueDepth {
		return
	}
	for i := 0; i+1 < len(n.Content) && len(t.rows) < maxValues; i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := append(slices.Clip(path), key.Value)
		below := s.property(key.Value)
		if value.Kind == yaml.MappingNode && len(value.Content) > 0 {
			t.add(at, value, below)
			continue
		}
		t.rows = append(t.rows, valueRow{strings.Join(at, "."), below.types(value), defaultText(value), describe(key, below)})
	}
}

func (s *schema) property(name string) *schema {
	if s == nil {
		return nil
	}
	return s.Properties[name]
}

// types names the types that a value may have, by its schema or else by its
// default.
func (s *schema) types(n *yaml.Node) string {
	if s != nil {
		switch t := s.Type.(type) {
		case string:
			return t
		case []any:
			var names []string
			for _, name := range t {
				if name, ok := name.(string); ok && name != "null" {
					names = append(names, name)
				}
			}
			return strings.Join(names, " or ")
		}
	}
	switch n.Kind {
	case yaml.SequenceNode:
		return "array"
	case yaml.MappingNode:
		return "object"
	default:
		return map[string]string{"!!int": "integer", "!!float": "number", "!!bool": "boolean", "!!str": "string"}[n.Tag]
	}
}

// defaultText is a default on one line.
func defaultText(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return ""
	}
	var v any
	if n.Decode(&v) != nil {
		return ""
	}
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	if runes := []rune(string(text)); len(runes) > maxDefault {
		return string(runes[:maxDefault-1]) + "…"
	}
	return string(text)
}

func describe(key *yaml.Node, s *schema) string {
	if s != nil && s.Description != "" {
		return s.Description
	}
	var words []string
	for text := range strings.Lines(key.HeadComment) {
		text = strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(text), "#"))
		if begin, ok := strings.CutPrefix(text, "-- "); ok {
			words = words[:0]
			text = begin
		}
		if !strings.HasPrefix(text, "@") {
			words = append(words, text)
		}
	}
	return strings.TrimSpace(strings.Join(words, " "))
}
