package helm

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gantry/convert/manifest"
	"gantry/convert/workload"
)

// sheet is the template of one object while it is drawn: the object's tree, in
// which some places are replaced by what reads a value. What nothing replaces
// stays as it is, so the template renders to the object by construction.
type sheet struct {
	*builder
	object manifest.Object
	tree   *manifest.Node
	// at holds the values of the object's service.
	at *entry
	// conditions must all hold for the object to exist.
	conditions []string
}

// template draws the template of an object.
func (b *builder) template(o manifest.Object) error {
	tree, err := o.Node()
	if err != nil {
		return err
	}
	b.variables.Mark(o, tree)
	s := &sheet{builder: b, object: o, tree: tree, at: b.service(o)}
	s.enabled()
	s.another()
	switch kind := o.Kind(); {
	case isWorkload(kind):
		s.workload()
	case kind == "Service":
		s.servicePorts()
	case kind == "Ingress":
		s.ingress()
	case kind == "NetworkPolicy":
		s.network()
	case kind == "PersistentVolumeClaim":
		s.claim()
	case kind == "PersistentVolume":
		s.exported()
	case kind == "ConfigMap":
		s.configMap()
	case kind == "Secret":
		s.secret()
	default:
		s.companion()
	}
	s.labels(tree.Get("metadata", "labels"), "labels")
	s.instances(tree)
	s.names()
	s.expand(tree)
	s.guard()
	var out bytes.Buffer
	if err := manifest.EncodeTemplate(&out, tree); err != nil {
		return err
	}
	b.file("templates/"+b.path(o), out.Bytes())
	return nil
}

// enabled lets people leave out a service, such as a database that is managed
// elsewhere in production. What several services share exists while one of them
// does.
func (s *sheet) enabled() {
	if s.object.Kind() == "PersistentVolume" {
		return // it is there with its claim
	}
	if !s.running[s.object.Service] {
		if users := s.usersOf(s.object); len(users) > 0 {
			s.conditions = append(s.conditions, anyOf(users...))
		}
		return
	}
	s.conditions = append(s.conditions, s.at.ref("enabled"))
	if len(s.at.entries) == 0 {
		s.at.add("enabled", "Whether the service is installed, with everything that belongs to it alone", s.enabledByDefault(), ofType("boolean"))
	}
}

func (s *sheet) enabledByDefault() *manifest.Node {
	return literal(strconv.FormatBool(!slices.Contains(s.src.Disabled, s.object.Service)))
}

// another gives a workload of a service that has several, such as a job with two
// schedules, values of its own.
func (s *sheet) another() {
	if !isWorkload(s.object.Kind()) {
		return
	}
	i := slices.IndexFunc(s.objects, func(o manifest.Object) bool { return isWorkload(o.Kind()) && o.Service == s.object.Service })
	if s.objects[i].Resource == s.object.Resource {
		return
	}
	name := s.object.GetName()
	kind := s.object.Kind()
	key := camelCase(strings.ToLower(kind) + "-" + strings.TrimPrefix(name, s.objects[i].GetName()+"-"))
	s.at = s.at.group(s.at.free(key), "The "+kind+" "+name)
}

// guard puts the conditions around the template.
func (s *sheet) guard() {
	if len(s.conditions) == 0 {
		return
	}
	s.tree.Fields = slices.Concat([]manifest.Field{manifest.Line("if " + allOf(s.conditions...))}, s.tree.Fields, []manifest.Field{manifest.Line("end")})
}

// allOf and anyOf join conditions to one.
func allOf(conditions ...string) string { return join("and", conditions) }
func anyOf(conditions ...string) string { return join("or", conditions) }

func join(operator string, conditions []string) string {
	if len(conditions) == 1 {
		return conditions[0]
	}
	words := []string{operator}
	for _, c := range conditions {
		if strings.Contains(c, " ") && !strings.HasPrefix(c, "(") {
			c = "(" + c + ")"
		}
		words = append(words, c)
	}
	return strings.Join(words, " ")
}

// include returns the expression that renders one of the chart's own templates.
func (b *builder) include(name, argument string) string {
	return fmt.Sprintf("include %q %s", b.chart+"."+name, argument)
}

// labels replaces the labels that all objects have by a template of the chart.
// The template's name says which: labels, podLabels or selectorLabels.
func (s *sheet) labels(n *manifest.Node, template string) {
	if !s.ours(n) {
		return
	}
	n.Delete(workload.LabelInstance)
	if template != "selectorLabels" {
		n.Delete(workload.LabelPartOf)
		n.Delete(workload.LabelManagedBy)
	}
	n.Fields = append(n.Fields, manifest.Field{Value: insert(s.include(template, "."))})
}

// ours reports whether a mapping holds the instance label of the application.
func (s *sheet) ours(n *manifest.Node) bool {
	instance := n.Get(workload.LabelInstance)
	return instance != nil && instance.Kind == manifest.String && instance.Value == s.src.Name
}

// instances replaces the instance label wherever it is left, such as in
// selectors: the name of the release is what tells one instance from another.
func (s *sheet) instances(n *manifest.Node) {
	s.labels(n, "selectorLabels")
	for _, f := range n.Fields {
		s.instances(f.Value)
	}
	for _, item := range n.Items {
		s.instances(item)
	}
}

// lossy reports whether text would be changed by what Helm makes of a value: it
// deletes one phrase from all that it renders, and its toYaml yields nothing where
// there is a character that YAML allows in escapes only.
func lossy(s string) bool {
	return strings.Contains(s, "<no value>") ||
		strings.ContainsFunc(s, func(r rune) bool { return r >= 0x7f && r <= 0x9f || r == 0xfffe || r == 0xffff })
}

// holds reports whether a tree says something that a value cannot: the name of
// the release, a variable, or text that Helm would change.
func (s *sheet) holds(n *manifest.Node) bool {
	if s.ours(n) || s.variables.in(n) || n.Kind == manifest.String && lossy(n.Value) {
		return true
	}
	return slices.ContainsFunc(n.Items, s.holds) ||
		slices.ContainsFunc(n.Fields, func(f manifest.Field) bool { return lossy(f.Key) || s.holds(f.Value) })
}
