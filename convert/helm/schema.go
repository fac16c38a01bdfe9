package helm

import (
	"bytes"
	"encoding/json"
)

// schema is the part of JSON Schema (draft 7, which every version of Helm 3
// reads) that values need.
type schema struct {
	Schema      string     `json:"$schema,omitempty"`
	Ref         string     `json:"$ref,omitempty"`
	Title       string     `json:"title,omitempty"`
	Description string     `json:"description,omitempty"`
	Type        any        `json:"type,omitempty"` // string or []string
	Enum        []string   `json:"enum,omitempty"`
	Pattern     string     `json:"pattern,omitempty"`
	MinLength   int        `json:"minLength,omitempty"`
	MaxLength   int        `json:"maxLength,omitempty"`
	Minimum     *int       `json:"minimum,omitempty"`
	Maximum     *int       `json:"maximum,omitempty"`
	Items       *schema    `json:"items,omitempty"`
	Required    []string   `json:"required,omitempty"`
	Properties  properties `json:"properties,omitempty"`
	// Additional is false, or the schema of the keys that Properties lacks.
	Additional  any        `json:"additionalProperties,omitempty"`
	Definitions properties `json:"definitions,omitempty"`
}

// properties are named schemas in their order.
type properties []property

type property struct {
	name   string
	schema *schema
}

// MarshalJSON writes the schemas as one object, in order.
func (p properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, prop := range p {
		if i > 0 {
			b.WriteByte(',')
		}
		for j, part := range []any{prop.name, prop.schema} {
			if j > 0 {
				b.WriteByte(':')
			}
			data, err := json.Marshal(part)
			if err != nil {
				return nil, err
			}
			b.Write(data)
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// schemaOf returns the schema of an entry and everything below it.
func (e *entry) schemaOf() *schema {
	if e.value != nil {
		s := *e.schema
		s.Description = e.comment
		return &s
	}
	s := &schema{Type: "object", Description: e.comment, Additional: e.open}
	for _, sub := range e.entries {
		s.Properties = append(s.Properties, property{sub.key, sub.schemaOf()})
		if e.whole || sub.value == nil || len(sub.schema.Properties) > 0 {
			// Templates look into it: whoever takes it away by null is told so.
			s.Required = append(s.Required, sub.key)
		}
	}
	return s
}

// valuesSchema returns values.schema.json.
func valuesSchema(title string, root *entry) ([]byte, error) {
	s := root.schemaOf()
	s.Schema = "http://json-schema.org/draft-07/schema#"
	s.Title = title
	// helm reads these of a chart that another depends on, and no template does.
	s.Properties = append(s.Properties,
		property{"enabled", &schema{Type: "boolean", Description: "What the condition of a chart that depends on this one asks for"}},
		property{"tags", &schema{Type: "object", Description: "Tags by which charts are chosen that this one depends on", Additional: ofType("boolean")}})
	used := map[string]bool{}
	root.leaves(func(e *entry) { e.schema.uses(used) })
	for _, d := range definitions() {
		if used[d.name] {
			s.Definitions = append(s.Definitions, d)
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(s)
	return b.Bytes(), err
}

// uses notes the definitions that a schema refers to.
func (s *schema) uses(used map[string]bool) {
	const prefix = "#/definitions/"
	if len(s.Ref) > len(prefix) {
		name := s.Ref[len(prefix):]
		if used[name] {
			return
		}
		used[name] = true
		for _, d := range definitions() {
			if d.name == name {
				d.schema.uses(used)
			}
		}
	}
	for _, p := range s.Properties {
		p.schema.uses(used)
	}
	if s.Items != nil {
		s.Items.uses(used)
	}
	if more, ok := s.Additional.(*schema); ok {
		more.uses(used)
	}
}

func ofType(name string) *schema     { return &schema{Type: name} }
func listOf(items *schema) *schema   { return &schema{Type: "array", Items: items} }
func mapOf(values *schema) *schema   { return &schema{Type: "object", Additional: values} }
func definition(name string) *schema { return &schema{Ref: "#/definitions/" + name} }
func oneOf(values ...string) *schema { return &schema{Type: "string", Enum: values} }
func integer(low, high *int) *schema { return &schema{Type: "integer", Minimum: low, Maximum: high} }

func object(props ...property) *schema {
	return &schema{Type: "object", Properties: props, Additional: false}
}

// orNull admits null as well, with which people take away what the chart has.
func orNull(s *schema) *schema {
	s.Type = []string{s.Type.(string), "null"}
	return s
}

// scalar is what becomes text: a string, or what YAML reads as something else
// when somebody leaves out the quotes.
func scalar() *schema { return &schema{Type: []string{"string", "number", "boolean"}} }

// definitions are the shapes that occur again and again. Keys that Kubernetes
// defines are listed where a misspelt one would be accepted in silence.
func definitions() properties {
	number := func() *schema { return ofType("integer") }
	text := func() *schema { return ofType("string") }
	free := func() *schema { return ofType("object") }
	quantities := func() *schema { return mapOf(definition("quantity")) }
	return properties{
		{"quantity", &schema{
			Type:    []string{"string", "number"},
			Pattern: `^[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+|[numkMGTPE]|[KMGTPE]i)?$`,
		}},
		{"amount", &schema{Type: []string{"integer", "string", "null"}, Pattern: `^[0-9]{1,3}%$`}},
		{"resources", object(
			property{"limits", quantities()}, property{"requests", quantities()}, property{"claims", listOf(free())},
		)},
		{"probe", orNull(object(
			property{"exec", orNull(free())}, property{"httpGet", orNull(free())}, property{"tcpSocket", orNull(free())}, property{"grpc", orNull(free())},
			property{"initialDelaySeconds", number()}, property{"periodSeconds", number()}, property{"timeoutSeconds", number()},
			property{"successThreshold", number()}, property{"failureThreshold", number()}, property{"terminationGracePeriodSeconds", number()},
		))},
		{"env", listOf(&schema{Type: "object", Required: []string{"name"}, Additional: false, Properties: properties{
			{"name", text()}, {"value", text()}, {"valueFrom", free()},
		}})},
		{"named", listOf(&schema{Type: "object", Required: []string{"name"}, Properties: properties{{"name", text()}}})},
		{"mounts", listOf(&schema{Type: "object", Required: []string{"name", "mountPath"}, Properties: properties{
			{"name", text()}, {"mountPath", text()},
		}})},
		{"objects", listOf(free())},
		{"port", integer(new(1), new(65535))},
		{"hosts", listOf(&schema{Type: "object", Required: []string{"host", "paths"}, Additional: false, Properties: properties{
			{"host", text()},
			{"paths", listOf(&schema{Type: "object", Required: []string{"path"}, Additional: false, Properties: properties{
				{"path", text()}, {"pathType", oneOf("Prefix", "Exact", "ImplementationSpecific")},
			}})},
		}})},
		{"tls", listOf(object(property{"secretName", text()}, property{"hosts", listOf(text())}))},
	}
}
