package bump

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"gantry/charts/compare"
	"gantry/charts/diag"
)

// objects leaves out the objects that differ field by field, which fieldsOf has.
func objects(changes []compare.Change) []compare.Change {
	return slices.DeleteFunc(slices.Clone(changes), func(c compare.Change) bool { return c.Change == compare.Altered })
}

// objectRules judge objects that come and go.
func objectRules() []rule[compare.Change] {
	removed := func(says string, kinds ...string) func(compare.Change) string {
		return func(c compare.Change) string {
			if c.Change != compare.Removed || len(kinds) > 0 && (c.Hook || !slices.Contains(kinds, c.Kind)) {
				return ""
			}
			return fmt.Sprintf("%s is gone%s", c.Object, says)
		}
	}
	return []rule[compare.Change]{
		{Rule{"storage-removed", Major, "a claim is gone, and with it what it holds", compare.Removed}, removed(", and with it what it holds", "PersistentVolumeClaim", "PersistentVolume")},
		{Rule{"definition-removed", Major, "a custom resource definition is gone, and with it every object of its kind", compare.Removed}, removed(", and with it every object of its kind", "CustomResourceDefinition")},
		{Rule{"service-removed", Major, "a name or an address is gone that others may use", compare.Removed}, removed(": nobody answers at its name or address", "Service", "Ingress", "HTTPRoute", "Gateway", "GRPCRoute", "TCPRoute", "TLSRoute")},
		{Rule{"workload-removed", Major, "something that ran does not run any more", compare.Removed}, removed(": it does not run any more", "Deployment", "StatefulSet", "DaemonSet", "CronJob")},
		{Rule{"object-removed", Minor, "another object is gone", compare.Removed}, removed("")},
		{Rule{"object-added", Minor, "there is a new object", compare.Added}, func(c compare.Change) string {
			if c.Change != compare.Added {
				return ""
			}
			return fmt.Sprintf("there is %s", c.Object)
		}},
	}
}

// objectField is a field of an object that is on both sides.
type objectField struct {
	compare.Field

	object compare.Change
}

func fieldsOf(changes []compare.Change) []objectField {
	var list []objectField
	for _, c := range changes {
		if c.LabelsOnly {
			continue
		}
		for _, f := range c.Fields {
			list = append(list, objectField{f, c})
		}
	}
	return list
}

// String prints the object, the path, and what stands there before and after.
func (f objectField) String() string {
	switch f.Change {
	case compare.Added:
		return fmt.Sprintf("%s: %s: none -> %s", f.object.Object, f.Path, compare.Shown(f.After))
	case compare.Removed:
		return fmt.Sprintf("%s: %s: %s -> none", f.object.Object, f.Path, compare.Shown(f.Before))
	default:
		return fmt.Sprintf("%s: %s", f.object.Object, f.Field)
	}
}

// under reports whether the field is at a path, or below it. A * stands for any
// key.
func (f objectField) under(path ...string) bool {
	if len(f.Path) < len(path) {
		return false
	}
	for i, key := range path {
		if key != "*" && key != f.Path[i] {
			return false
		}
	}
	return true
}

// fieldRules judge what differs in objects that are on both sides.
func fieldRules() []rule[objectField] {
	return []rule[objectField]{
		{Rule{"selector", Major, "a selector is another: pods that run are nobody's, or another's", compare.Altered}, selector},
		{Rule{"storage-shrinks", Major, "a claim asks for less, which no claim can be changed to", compare.Altered}, shrinks},
		{Rule{"storage-grows", Minor, "a claim asks for more, which its storage class must allow", compare.Altered}, grows},
		{Rule{"immutable-field", Major, "a field cannot be changed in a cluster: the object must be made anew", compare.Altered}, immutable},
		{Rule{"port-removed", Major, "nobody answers at a port or at an address any more", compare.Removed}, portRemoved},
		{Rule{"exposure", Minor, "there is another way in", compare.Altered}, exposure},
		{Rule{"definition-version", Major, "a version of a custom resource is gone", compare.Removed}, definitionVersion},
		{Rule{"permissions", Minor, "what a role may do is another", compare.Altered}, permissions},
		{Rule{"container", Minor, "a container comes or goes", compare.Altered}, container},
		{Rule{"image", Patch, "an image is another", compare.Altered}, image},
		{Rule{"configuration", Patch, "something else of an object is another", compare.Altered}, configuration},
	}
}

func selector(f objectField) string {
	workload := slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController"}, f.object.Kind)
	if !f.under("spec", "selector") || !workload && f.object.Kind != "Service" {
		return ""
	}
	if workload {
		return f.String() + " (cannot be changed in a cluster)"
	}
	return f.String()
}

// request returns how much storage a claim asked for and asks for.
func request(f objectField) (was, now resource.Quantity, ok bool) {
	if f.object.Kind != "PersistentVolumeClaim" || !f.under("spec", "resources", "requests", "storage") {
		return was, now, false
	}
	was, errWas := resource.ParseQuantity(fmt.Sprint(f.Before))
	now, errNow := resource.ParseQuantity(fmt.Sprint(f.After))
	return was, now, errWas == nil && errNow == nil
}

func shrinks(f objectField) string {
	if was, now, ok := request(f); !ok || now.Cmp(was) >= 0 {
		return ""
	}
	return f.String() + " (a claim cannot shrink)"
}

func grows(f objectField) string {
	if was, now, ok := request(f); !ok || now.Cmp(was) <= 0 {
		return ""
	}
	return f.String() + " (its storage class must allow it)"
}

// immutable judges the fields that the API server does not let anybody change.
func immutable(f objectField) string {
	if f.object.Hook || !slices.ContainsFunc(immutableFields(f.object.Kind), func(path diag.Path) bool { return f.under(path...) }) {
		return ""
	}
	if slices.ContainsFunc(mutableSpec(f.object.Kind), func(key string) bool { return f.under("spec", key) }) {
		return ""
	}
	return f.String() + " (cannot be changed in a cluster)"
}

func immutableFields(kind string) []diag.Path {
	switch kind {
	case "StatefulSet", "PersistentVolumeClaim", "Pod":
		return []diag.Path{{"spec"}}
	case "Job":
		return []diag.Path{{"spec", "template"}, {"spec", "completions"}, {"spec", "completionMode"}, {"spec", "selector"}}
	case "Service":
		return []diag.Path{{"spec", "clusterIP"}, {"spec", "clusterIPs"}}
	case "RoleBinding", "ClusterRoleBinding":
		return []diag.Path{{"roleRef"}}
	case "StorageClass":
		return []diag.Path{{"provisioner"}, {"parameters"}, {"reclaimPolicy"}, {"volumeBindingMode"}}
	case "Secret":
		return []diag.Path{{"type"}}
	case "PriorityClass":
		return []diag.Path{{"value"}, {"preemptionPolicy"}}
	case "IngressClass":
		return []diag.Path{{"spec", "controller"}}
	case "CustomResourceDefinition":
		return []diag.Path{{"spec", "scope"}, {"spec", "group"}, {"spec", "names", "kind"}, {"spec", "names", "plural"}}
	default:
		return nil
	}
}

// mutableSpec are the keys of a spec that may be changed where the others may
// not.
func mutableSpec(kind string) []string {
	switch kind {
	case "StatefulSet":
		return []string{"replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit", "persistentVolumeClaimRetentionPolicy", "minReadySeconds"}
	case "PersistentVolumeClaim":
		return []string{"resources", "volumeAttributesClassName"}
	default:
		return nil
	}
}

func portRemoved(f objectField) string {
	var what string
	switch {
	case f.object.Kind == "Service" && f.under("spec", "ports"):
		if f.Change != compare.Removed && !endsIn(f.Path, "port") {
			return ""
		}
		what = f.String()
	case f.object.Kind == "Service" && f.under("spec", "type") && reach(f.After) < reach(f.Before):
		what = f.String()
	case slices.Contains([]string{"Ingress", "HTTPRoute"}, f.object.Kind) && f.Change == compare.Removed && (f.under("spec", "rules") || f.under("spec", "hostnames") || f.under("spec", "defaultBackend")):
		what = f.String()
	default:
		return ""
	}
	return what + " (nobody answers there any more)"
}

func endsIn(path diag.Path, key string) bool { return len(path) > 0 && path[len(path)-1] == key }

// reach orders the types of Services by from how far they are reached.
func reach(kind any) int {
	return slices.Index([]any{nil, "ClusterIP", "NodePort", "LoadBalancer"}, kind)
}

func exposure(f objectField) string {
	switch f.object.Kind {
	case "Service":
		if newPort := f.under("spec", "ports") && f.Change == compare.Added; !newPort && !f.under("spec", "type") {
			return ""
		}
	case "Ingress", "HTTPRoute", "Gateway":
		if !f.under("spec") {
			return ""
		}
	default:
		return ""
	}
	return f.String()
}

func definitionVersion(f objectField) string {
	if f.object.Kind != "CustomResourceDefinition" || !f.under("spec", "versions", "*") {
		return ""
	}
	if len(f.Path) == 3 && f.Change == compare.Removed || endsIn(f.Path, "served") && f.After == false {
		return f.String()
	}
	return ""
}

func permissions(f objectField) string {
	if !slices.Contains([]string{"Role", "ClusterRole"}, f.object.Kind) || !f.under("rules") {
		return ""
	}
	return fmt.Sprintf("%s: what it may do is another", f.object.Object)
}

// pods returns where the containers of an object stand.
func pods(kind string) diag.Path {
	switch kind {
	case "Pod":
		return diag.Path{"spec"}
	case "CronJob":
		return diag.Path{"spec", "jobTemplate", "spec", "template", "spec"}
	default:
		return diag.Path{"spec", "template", "spec"}
	}
}

// inContainers returns the path below the lists of containers: the name of one,
// and what differs of it. It is empty where a list comes or goes as a whole.
func inContainers(f objectField) (path diag.Path, ok bool) {
	spec := pods(f.object.Kind)
	for _, list := range []string{"containers", "initContainers"} {
		if f.under(append(slices.Clone(spec), list)...) {
			return f.Path[len(spec)+1:], true
		}
	}
	return nil, false
}

func container(f objectField) string {
	path, ok := inContainers(f)
	if !ok || len(path) > 1 || f.Change == compare.Altered {
		return ""
	}
	names := strings.Join(path, "")
	if len(path) == 0 {
		names = namesOf(f.Before, f.After)
	}
	if f.Change == compare.Added {
		return fmt.Sprintf("%s: runs %s, too", f.object.Object, names)
	}
	return fmt.Sprintf("%s: does not run %s any more", f.object.Object, names)
}

// namesOf returns the names of containers.
func namesOf(lists ...any) string {
	var names []string
	for _, list := range lists {
		elements, _ := list.([]any)
		for _, e := range elements {
			if m, ok := e.(map[string]any); ok {
				names = append(names, fmt.Sprint(m["name"]))
			}
		}
	}
	return strings.Join(names, ", ")
}

func image(f objectField) string {
	path, ok := inContainers(f)
	if !ok || len(path) != 2 || path[1] != "image" {
		return ""
	}
	return fmt.Sprintf("%s: the image of %s is %v, was %v", f.object.Object, path[0], f.After, f.Before)
}

// configuration says of an object once that other fields differ, and which.
func configuration(f objectField) string {
	var paths []string
	for _, other := range fieldsOf([]compare.Change{f.object}) {
		if f.object.LabelsOnly || !ordinary(other) {
			continue
		}
		paths = append(paths, other.Path.String())
	}
	const most = 3
	text := strings.Join(paths[:min(len(paths), most)], ", ")
	if more := len(paths) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("%s: other %s", f.object.Object, text)
}

// ordinary reports whether no other rule has anything to say of a field.
func ordinary(f objectField) bool {
	for _, r := range fieldRules() {
		if r.Name != "configuration" && r.says(f) != "" {
			return false
		}
	}
	return true
}
