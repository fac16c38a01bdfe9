package helm

import (
	"fmt"
	"slices"

	"gantry/convert/manifest"
)

// place is a field of an object that a value stands for.
type place struct {
	// field is the key in the object, and value that in the service's values.
	field, value string
	comment      string
	schema       *schema
	// empty is the default where the object lacks the field.
	empty func() *manifest.Node
}

// draw replaces the fields at the places by what reads their values. A field
// with an empty value is left out.
func (s *sheet) draw(n *manifest.Node, at *entry, places []place) {
	for _, p := range places {
		n.Set(p.field, s.drawn(n.Get(p.field), at, p))
	}
}

// drawn returns what takes the place of a field. What a value cannot say stays in
// the template and is replaced when the value is set.
func (s *sheet) drawn(now *manifest.Node, at *entry, p place) *manifest.Node {
	value := now
	if now == nil || s.holds(now) {
		value = p.empty()
	}
	ref := at.add(p.value, p.comment, value, p.schema)
	field, guard := manifest.Field{Key: p.field, Value: insert("toYaml .")}, "with "+ref
	switch value.Kind {
	case manifest.String:
		field.Value = expr(". | quote")
	case manifest.Literal: // of which 0 and false say something
		field.Value, guard = expr(ref), fmt.Sprintf("if not (kindIs \"invalid\" %s)", ref)
	default:
	}
	if now != nil && value != now {
		return manifest.Wrap(manifest.Line(guard), field, manifest.Line("else"), manifest.Field{Key: p.field, Value: now}, manifest.Line("end"))
	}
	return manifest.Wrap(manifest.Line(guard), field, manifest.Line("end"))
}

// sortFields puts fields into an order; others keep theirs, at the end.
func sortFields(n *manifest.Node, order []string) {
	index := func(key string) int {
		if i := slices.Index(order, key); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortStableFunc(n.Fields, func(a, b manifest.Field) int { return index(a.Key) - index(b.Key) })
}

// appended returns the lines that add a list or a mapping of the user's to one
// that the template has.
func appended(ref string) []*manifest.Node {
	return []*manifest.Node{action("with " + ref), insert("toYaml ."), action("end")}
}

// extend adds a list of the user's to a list of the template's. Where the
// template has none, the key is left out while the user's is empty.
func extend(n *manifest.Node, field, ref string) {
	if n.Get(field) != nil {
		n.Set(field, list(slices.Concat(n.Get(field).Items, appended(ref))...))
		return
	}
	n.Set(field, manifest.Wrap(manifest.Line("with "+ref), manifest.Field{Key: field, Value: insert("toYaml .")}, manifest.Line("end")))
}

func list(items ...*manifest.Node) *manifest.Node {
	return &manifest.Node{Kind: manifest.Sequence, Items: items}
}

func text() *manifest.Node { return manifest.Text("") }
func null() *manifest.Node { return literal("null") }

// podPlaces are the fields of a pod that depend on the cluster.
func podPlaces(once bool) []place {
	places := []place{
		{"securityContext", "podSecurityContext", "Security context of the pods", ofType("object"), emptyMap},
		{"terminationGracePeriodSeconds", "terminationGracePeriodSeconds", "How many seconds the pods get to stop in; null: 30", &schema{Type: []string{"integer", "null"}, Minimum: new(0)}, null},
		{"priorityClassName", "priorityClassName", "Priority class of the pods", ofType("string"), text},
		{"nodeSelector", "nodeSelector", "Labels that a node must have to run the pods", mapOf(ofType("string")), emptyMap},
		{"affinity", "affinity", "Rules by which nodes are chosen", ofType("object"), emptyMap},
		{"tolerations", "tolerations", "Taints of nodes that the pods tolerate", definition("objects"), emptyList},
	}
	if once {
		return places
	}
	return append(places, place{
		"topologySpreadConstraints", "topologySpreadConstraints", "How the pods are spread over nodes and zones", definition("objects"), emptyList,
	})
}

// containerPlaces are the fields of a container that people tune.
func containerPlaces(probes bool) []place {
	places := []place{{"resources", "resources", "What the container asks for and may use of CPU and memory", definition("resources"), emptyMap}}
	if probes {
		places = append(places, probePlaces()...)
	}
	return append(places, place{"securityContext", "securityContext", "Security context of the container", ofType("object"), emptyMap})
}

// probePlaces are the fields that only a container has that stays.
func probePlaces() []place {
	return []place{
		{"startupProbe", "startupProbe", "How Kubernetes sees that the container has started; null: not at all", definition("probe"), emptyMap},
		{"readinessProbe", "readinessProbe", "How Kubernetes sees that requests may be sent to the container; null: not at all", definition("probe"), emptyMap},
		{"livenessProbe", "livenessProbe", "How Kubernetes sees that the container must be restarted; null: not at all", definition("probe"), emptyMap},
		{"lifecycle", "lifecycle", "What is run after the container has started, and before it is stopped", ofType("object"), emptyMap},
	}
}

// podOrder is how people write a pod: how it runs, what runs, what it mounts,
// where it runs.
func podOrder() []string {
	return []string{
		"imagePullSecrets", "serviceAccountName", "automountServiceAccountToken", "enableServiceLinks", "securityContext",
		"priorityClassName", "runtimeClassName", "hostNetwork", "hostPID", "hostIPC", "hostUsers", "shareProcessNamespace", "hostname", "subdomain",
		"hostnameOverride", "hostAliases", "dnsPolicy", "dnsConfig", "restartPolicy", "terminationGracePeriodSeconds", "activeDeadlineSeconds",
		"initContainers", "containers", "volumes", "nodeSelector", "affinity", "tolerations", "topologySpreadConstraints",
	}
}

// containerOrder is how people write a container.
func containerOrder() []string {
	return []string{
		"name", "image", "imagePullPolicy", "restartPolicy", "command", "args", "workingDir", "stdin", "stdinOnce", "tty", "ports", "envFrom", "env",
		"startupProbe", "readinessProbe", "livenessProbe", "lifecycle", "resources", "securityContext", "volumeMounts", "volumeDevices",
	}
}
