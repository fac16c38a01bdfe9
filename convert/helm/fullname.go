package helm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gantry/convert/manifest"
)

// Objects have the names of the Compose file, because that is where the
// application looks for its services. For several releases in one namespace a
// value puts a prefix in front: the template fullname of the chart makes every
// name, and everything that refers to an object goes through it as well.

// fullname returns the expression for the name of an object of the application.
func (b *builder) fullname(name string) string {
	return b.include("fullname", fmt.Sprintf("(list $ %q)", name))
}

// named returns the node for the name of an object.
func (b *builder) named(name string) *manifest.Node {
	return expr(b.fullname(name) + quoteLike(name))
}

// quoteLike quotes an expression where YAML needs quotes around the text that it
// yields.
func quoteLike(text string) string {
	if yamlText(text) != text {
		return " | quote"
	}
	return ""
}

// otherwise returns the node for a name that a value may replace.
func (b *builder) otherwise(ref, name string) *manifest.Node {
	return expr(b.orFullname(ref, name) + " | quote")
}

func (b *builder) orFullname(ref, name string) string {
	return fmt.Sprintf("%s | default (%s)", ref, b.fullname(name))
}

// references says which fields hold the name of an object, and of which kind: by
// the key of the field, or that of the mapping whose name it is. Kinds are those of
// the objects that a prefix tells apart.
func reference(parent, key string) []string {
	if key == "name" {
		key = parent
	}
	switch key {
	case "configMap", "configMapRef", "configMapKeyRef":
		return []string{"ConfigMap"}
	case "secret", "secretRef", "secretKeyRef", "secretName":
		return []string{"Secret"}
	case "claimName":
		return []string{"PersistentVolumeClaim"}
	case "service", "serviceName", "subdomain", "backendRefs":
		return []string{"Service"}
	case "serviceAccountName", "subjects":
		return []string{"ServiceAccount"}
	case "resourceClaimTemplateName":
		return []string{"ResourceClaimTemplate"}
	case "roleRef":
		return []string{"Role"}
	case "scaleTargetRef":
		return []string{"Deployment", "StatefulSet"}
	default:
		return nil
	}
}

// names gives the object its name and follows its references to others. It comes
// last: what a value can replace is an expression already.
func (s *sheet) names() {
	if meta := s.tree.Get("metadata", "name"); meta.Kind == manifest.String && s.prefixed(s.object.Kind()) {
		s.tree.Get("metadata").Set("name", s.named(meta.Value))
	}
	s.follow(s.tree, "")
}

// prefixed reports whether objects of a kind are named by the template: those of
// no namespace are told apart in other ways.
func (s *sheet) prefixed(kind string) bool {
	return !slices.Contains([]string{"Namespace", "PersistentVolume", "ClusterRole", "ClusterRoleBinding"}, kind)
}

func (s *sheet) follow(n *manifest.Node, parent string) {
	for i, f := range n.Fields {
		switch f.Key {
		case "data", "binaryData", "stringData", "annotations", "labels", "matchLabels":
			continue // words of the user's
		}
		if f.Value.Kind == manifest.Splice {
			s.follow(f.Value, parent)
			continue
		}
		if f.Value.Kind == manifest.String && slices.ContainsFunc(reference(parent, f.Key), func(kind string) bool { return s.exists(kind, f.Value.Value) }) {
			n.Fields[i].Value = s.named(f.Value.Value)
			continue
		}
		s.follow(f.Value, f.Key)
	}
	for _, item := range n.Items {
		s.follow(item, parent)
	}
}

// exists reports whether the application has an object.
func (b *builder) exists(kind, name string) bool {
	_, ok := b.paths[objectID{kind, name}]
	return ok
}

// serviceNames lists the names of the Services, sorted.
func (b *builder) serviceNames() []string {
	var names []string
	for _, o := range b.objects {
		if o.Kind() == "Service" {
			names = append(names, o.GetName())
		}
	}
	slices.Sort(names)
	return names
}

// prefixValues are the values from which the template fullname makes the prefix.
func (b *builder) prefixValues() {
	prefix := &schema{Type: "string", Pattern: "^([a-z]([-a-z0-9]*[a-z0-9])?)?$", MaxLength: maxPrefix}
	b.root.add("fullnameOverride", "Prefix of the names of all objects, without the hyphen behind it; empty: they have the names of the Compose file", text(), prefix)
	b.root.add("prefixNames", "Whether the name of the release is the prefix where fullnameOverride is empty, so that one namespace can hold several releases",
		literal("false"), ofType("boolean"))
}

// maxPrefix leaves room for the names of most services: Kubernetes admits 63
// characters for both.
const maxPrefix = 40

// addresses returns the names of those variables whose value leads to a Service.
func (b *builder) addresses(vars *manifest.Node) []string {
	var names []string
	for _, f := range vars.Fields {
		if b.leads(f.Key, b.variables.fill(f.Value.Value)) {
			names = append(names, f.Key)
		}
	}
	return names
}

// texts returns the expression that writes variables, the mapping at the dot, with
// a template of the chart. Those that lead to Services go with it.
func (b *builder) texts(template string, vars *manifest.Node) string {
	argument := []string{"list $ ."}
	for _, name := range b.addresses(vars) {
		argument = append(argument, strconv.Quote(name))
	}
	return b.include(template, "("+strings.Join(argument, " ")+")") + " | trim"
}
