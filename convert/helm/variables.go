package helm

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gantry/convert/manifest"
	"gantry/convert/trace"
)

// A variable of the Compose file whose whole effect is known is a value of its own.
// Other values refer to it as the Compose file does, ${TAG}, and so does what stays
// in the templates; the template expand of the chart puts it in.

// variables are the variables that the chart offers.
type variables struct {
	*trace.Found
	// values are their present values, by name; nil where there are none.
	values map[string]string
	// reference matches a reference to any variable.
	reference *regexp.Regexp
}

func newVariables(from *trace.Found) variables {
	v := variables{Found: from}
	if from == nil || len(from.Variables) == 0 {
		return v
	}
	v.values = make(map[string]string, len(from.Variables))
	for _, variable := range from.Variables {
		v.values[variable.Name] = variable.Value
	}
	v.reference = regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*\}`)
	return v
}

// named returns the name in a reference.
func named(reference string) string { return reference[len("${") : len(reference)-len("}")] }

// in reports whether a tree refers to variables. Nothing else in it looks as if it
// did: package trace has seen to that.
func (v variables) in(n *manifest.Node) bool {
	if v.values == nil || n == nil {
		return false
	}
	if isScalar(n) {
		return strings.Contains(n.Value, "${") && slices.ContainsFunc(v.reference.FindAllString(n.Value, -1), v.known)
	}
	return slices.ContainsFunc(n.Items, v.in) || slices.ContainsFunc(n.Fields, func(f manifest.Field) bool { return v.in(f.Value) })
}

// known reports whether a reference is one to a variable of the chart.
func (v variables) known(reference string) bool {
	_, ok := v.values[named(reference)]
	return ok
}

// fill returns text with the present values of the variables.
func (v variables) fill(text string) string {
	if v.values == nil {
		return text
	}
	return v.reference.ReplaceAllStringFunc(text, func(reference string) string {
		if value, ok := v.values[named(reference)]; ok {
			return value
		}
		return reference
	})
}

// variableValues are the variables as values.
func (b *builder) variableValues() {
	if b.variables.values == nil {
		return
	}
	at := b.root.group("variables", "Variables of the Compose file, which other values refer to as ${NAME}")
	at.whole = true // a reference to nothing would stay as it is
	for _, v := range b.variables.Variables {
		value, s := manifest.Text(v.Value), scalar()
		if v.Number {
			value, s = literal(v.Value), &schema{Type: "integer"}
		}
		comment := "Used by the application"
		if len(v.Services) > 0 {
			comment = "Used by " + strings.Join(v.Services, ", ")
		}
		if v.Required && !v.Number {
			comment += "; it must not be empty"
			s.MinLength = 1
		}
		at.add(v.Name, comment, value, s)
	}
}

// reading returns the expression that reads a value, with its variables put in.
func (b *builder) reading(ref string, value *manifest.Node) string {
	if !isScalar(value) || !b.variables.in(value) {
		return ref
	}
	return "(" + b.include("expand", "(list $ "+fromRoot(ref)+")") + ")"
}

// fromRoot returns an expression so that it reads the values wherever the dot is.
func fromRoot(ref string) string {
	return strings.ReplaceAll(strings.ReplaceAll(ref, "$.Values", ".Values"), ".Values", "$.Values")
}

// text returns the expression that quotes a text from a value that may refer to
// variables.
func (b *builder) text(ref string, value *manifest.Node) string {
	if b.variables.in(value) {
		return b.include("string", "(list $ "+ref+" false)")
	}
	return ref + " | quote"
}

// image splits a reference. A variable in front of it is a registry when its value
// is one.
func (v variables) image(ref string) image {
	i := splitImage(ref)
	host, name, ok := strings.Cut(i.repository, "/")
	if now := v.fill(host); ok && i.registry == "" && now != host && splitImage(now+"/"+name).registry != "" {
		i.registry, i.repository = host, name
	}
	return i
}

// orVariable lets a value refer to a variable in place of what its schema wants.
func orVariable(s *schema) *schema {
	const reference = `^[0-9]*(\$\{[A-Za-z_][A-Za-z0-9_]*\}[0-9]*)+$`
	wider := *s
	if s.Ref != "" {
		for _, d := range definitions() {
			if s.Ref == definition(d.name).Ref {
				wider = *d.schema
			}
		}
	}
	types, ok := wider.Type.([]string)
	if !ok {
		types = []string{fmt.Sprint(wider.Type)}
	}
	switch {
	case !slices.Contains(types, "string"):
		wider.Type, wider.Pattern = append(types, "string"), reference
	case wider.Pattern != "":
		wider.Pattern += "|" + reference
	}
	return &wider
}

// expand replaces the references that are left in a template. Files of the chart
// have theirs replaced where they are read.
func (s *sheet) expand(n *manifest.Node) {
	if s.variables.values == nil {
		return
	}
	each := func(child *manifest.Node) *manifest.Node {
		switch {
		case child.Kind == manifest.String && s.variables.in(child):
			return expr(s.include("string", fmt.Sprintf("(list $ %q false)", child.Value)))
		case child.Kind == manifest.Literal && s.variables.in(child):
			return expr(s.include("expand", fmt.Sprintf("(list $ %q)", child.Value)))
		}
		s.expand(child)
		return child
	}
	for i, f := range n.Fields {
		n.Fields[i].Value = each(f.Value)
	}
	for i, item := range n.Items {
		n.Items[i] = each(item)
	}
}
