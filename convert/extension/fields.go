package extension

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Field is a field of the extension, for people.
type Field struct {
	// Place is where the extension with the field stands.
	Place string `json:"place"`
	// Path is the field, behind a dot below another.
	Path string `json:"path"`
	// Type is what belongs there.
	Type string `json:"type"`
	// Required tells that it must be there.
	Required bool `json:"required,omitempty"`
	// Text says in a sentence or two what it does.
	Text string `json:"text"`
}

// place is where an extension may stand, and its type.
type place struct {
	name string
	of   reflect.Type
}

func places() []place {
	return []place{
		{"services and jobs", reflect.TypeFor[Service]()},
		{"ports of services", reflect.TypeFor[Port]()},
		{"volumes", reflect.TypeFor[Volume]()},
		{"networks", reflect.TypeFor[Network]()},
		{"configs", reflect.TypeFor[Config]()},
		{"secrets", reflect.TypeFor[Secret]()},
		{"the top level", reflect.TypeFor[App]()},
	}
}

// Fields lists the fields of the extension, in the order in which people look for
// them. What is below the types of Kubernetes is left to Kubernetes.
func Fields() []Field {
	var doc struct {
		Defs map[string]definition `json:"$defs"`
	}
	if err := json.Unmarshal(schemaJSON, &doc); err != nil {
		panic(err) // the schema is part of the program
	}
	var all []Field
	for _, p := range places() {
		all = append(all, fieldsOf(p.of, doc.Defs, Field{Place: p.name})...)
	}
	return all
}

// definition is the part of a schema that is told of fields.
type definition struct {
	Ref         string                `json:"$ref"`
	Type        any                   `json:"type"`
	Format      string                `json:"format"`
	Enum        []string              `json:"enum"`
	Description string                `json:"description"`
	Required    []string              `json:"required"`
	Properties  map[string]definition `json:"properties"`
	Items       *definition           `json:"items"`
	AnyOf       []definition          `json:"anyOf"`
	// Additional is a schema, or false.
	Additional json.RawMessage `json:"additionalProperties"`
}

// fieldsOf lists the fields of a type below another field, in the order of the
// type.
func fieldsOf(t reflect.Type, defs map[string]definition, above Field) []Field {
	var all []Field
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && f.Type.PkgPath() == t.PkgPath():
			all = append(all, fieldsOf(f.Type, defs, above)...)
			continue
		case !f.IsExported() || f.Anonymous:
			continue // what Kubernetes says of probes is told with the field above
		}
		owner := defs[t.Name()]
		d := owner.Properties[name]
		field := Field{
			Place: above.Place, Path: strings.TrimPrefix(above.Path+"."+name, "."), Type: d.name(),
			Required: slices.Contains(owner.Required, name), Text: sentence(d.Description, name),
		}
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		below := field
		if inner.Kind() == reflect.Slice {
			inner = inner.Elem()
			below.Path += "[]"
		}
		if base := extended(inner); base != nil {
			field.Type = typeName(strings.TrimPrefix(strings.ReplaceAll(base.PkgPath(), "/", "."), "k8s.io.api.") + "." + base.Name())
		}
		all = append(all, field)
		if inner.Kind() == reflect.Struct && inner.PkgPath() == t.PkgPath() {
			all = append(all, fieldsOf(inner, defs, below)...)
		}
	}
	return all
}

// extended returns the type of Kubernetes to which one of ours adds fields, or
// nil.
func extended(t reflect.Type) reflect.Type {
	if t.Kind() != reflect.Struct || t.PkgPath() != reflect.TypeFor[Field]().PkgPath() {
		return nil
	}
	for f := range t.Fields() {
		if f.Anonymous && f.Type.PkgPath() != t.PkgPath() {
			return f.Type
		}
	}
	return nil
}

// sentence returns a description without the name of its field in front.
func sentence(description, name string) string {
	for _, verb := range []string{" is ", " are "} {
		if text, ok := strings.CutPrefix(description, name+verb); ok {
			return text
		}
	}
	return strings.TrimPrefix(description, name+" ")
}

// name is what people call a type.
func (d definition) name() string {
	var more definition
	switch {
	case d.Ref != "":
		return typeName(strings.TrimPrefix(d.Ref, "#/$defs/"))
	case len(d.Enum) > 0:
		return strings.Join(d.Enum, ", ")
	case len(d.AnyOf) > 0:
		return "text, or a mapping"
	case d.Items != nil:
		return "list of " + d.Items.name()
	case d.Type == "object" && json.Unmarshal(d.Additional, &more) == nil && more.Type != nil:
		return "mapping of " + more.name()
	case d.Format != "":
		return d.Format
	}
	switch kind := d.Type.(type) {
	case []any:
		return "number or text"
	case string:
		return map[string]string{"string": "text", "integer": "number", "boolean": "true or false", "object": "mapping"}[kind]
	default:
		return ""
	}
}

// typeName names a type of Kubernetes with its group; of ours nobody knows the
// name.
func typeName(def string) string {
	if def == "Patches" {
		return "patches"
	}
	i := strings.LastIndexByte(def, '.')
	if i < 0 {
		return "mapping"
	}
	group, version, _ := strings.Cut(def[:i], ".")
	return fmt.Sprintf("%s (%s/%s)", def[i+1:], group, version)
}
