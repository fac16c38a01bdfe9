package lint

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"gantry/charts/diag"
	"gantry/charts/pattern"
)

// containersOf returns the containers of a workload's pods: those that run as long
// as the pod.
func containersOf(o object) []map[string]any {
	var all []map[string]any
	containers, _ := at(o.template(), "spec", "containers").([]any)
	for _, c := range containers {
		if m, ok := c.(map[string]any); ok {
			all = append(all, m)
		}
	}
	return all
}

// container leads to a key of a workload's container, or to all of them where there
// are several: nothing tells in a template where one ends.
func (o object) container(kind, key string) []string {
	if all, _ := at(o.template(), "spec", kind).([]any); len(all) > 1 {
		return []string{kind}
	}
	return []string{kind, key}
}

func probes(s *subject) diag.List {
	var list diag.List
	for _, o := range s.objects {
		if !slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"}, o.Kind) {
			continue // what ends by itself is ready when it has ended
		}
		for _, c := range containersOf(o) {
			if ports, _ := c["ports"].([]any); len(ports) > 0 && c["readinessProbe"] == nil {
				list.Add(o.problem(o.container("containers", "ports"), "gets requests as soon as %v has started: it has no readinessProbe", c["name"]))
			}
		}
	}
	return list
}

func resources(s *subject) diag.List {
	var list diag.List
	for _, o := range s.objects {
		if o.hook {
			continue
		}
		for _, c := range containersOf(o) {
			switch {
			case at(c, "resources", "requests") == nil && at(c, "resources", "limits") == nil:
				list.Add(o.problem(o.container("containers", "name"), "does not say what %v needs: it has neither requests nor limits", c["name"]))
			case at(c, "resources", "limits", "memory") == nil:
				list.Add(o.problem(o.container("containers", "resources"), "lets %v take all memory of its node: it has no limit", c["name"]))
			}
		}
	}
	return list
}

var (
	// secretKeys are the keys of values that hold secrets.
	secretKeys = pattern.Lazy(`(?i)(password|passwd|passphrase|client_?secret|secret_?key|access_?key|private_?key|api_?key|token)$`)
	// references are the keys that say where a secret is.
	references = pattern.Lazy(`(?i)^existing`)
)

func secretValues(s *subject) diag.List {
	var list diag.List
	walk(s.values, nil, func(e entry) bool {
		literal := e.value.Kind == yaml.ScalarNode && e.value.Tag == "!!str" && e.value.Value != "" && !strings.Contains(e.value.Value, "{{")
		if literal && secretKeys().MatchString(e.key.Value) && !e.refers() {
			d := e.problem("is a secret that everybody knows who has the chart")
			d.Hint = "leave it empty, and let templates take a Secret that exists or make up a value"
			list.Add(d)
		}
		return true
	})
	return list
}

// refers reports whether a value says where a secret is: in an existing Secret, or,
// beside the name of a Secret, under which of its keys.
func (e entry) refers() bool {
	name, ok := strings.CutSuffix(e.key.Value, "Key")
	return references().MatchString(e.key.Value) || ok && child(e.within, name+"Name") != nil
}
