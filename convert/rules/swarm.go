package rules

import (
	"fmt"
	"maps"
	"slices"

	"gantry/charts/diag"
	"gantry/charts/pattern"
)

// swarmTemplate is what Swarm fills in for each task; Compose leaves it as it is.
// https://docs.docker.com/reference/cli/docker/service/create/#create-services-using-templates
var swarmTemplate = pattern.Lazy(`\{\{-? *\.((?:Service|Node|Task)\.[A-Za-z.]+)`)

// templates tells of variables that only Swarm fills in.
func (u *unit) templates() {
	for _, key := range slices.Sorted(maps.Keys(u.in.Environment)) {
		value := u.in.Environment[key]
		if value == nil {
			continue
		}
		m := swarmTemplate().FindStringSubmatch(*value)
		if m == nil {
			continue
		}
		f := finding{code: "swarm-template", summary: fmt.Sprintf("is a template of Swarm (%s), which nobody fills in, as in Compose", m[1])}
		if field := podField(m[1]); field != "" {
			f.hint = fmt.Sprintf("write x-kubernetes: {env: [{name: %s, valueFrom: {fieldRef: {fieldPath: %s}}}]}", key, field)
		}
		u.warn(f, "environment", key)
	}
}

// podField is the field of a pod that says the same as a template of Swarm, or "".
func podField(template string) string {
	switch template {
	case "Node.Hostname":
		return "spec.nodeName"
	case "Task.Name", "Task.ID":
		return "metadata.name"
	default:
		return ""
	}
}

// swarmTasks is what stands before the name of a service for the addresses of its tasks.
const swarmTasks = "tasks."

// tasks warns where a string asks for the addresses of a service's tasks, as Swarm knows them.
func (a *app) tasks() {
	for _, name := range slices.Sorted(maps.Keys(a.units)) {
		path, mentioned := a.mentions.first[swarmTasks+name]
		if !mentioned {
			continue
		}
		f := finding{code: "swarm-tasks", summary: fmt.Sprintf("mentions %s%s, which only Swarm resolves", swarmTasks, name)}
		u := a.units[name]
		service := a.services[u.object]
		switch {
		case service != nil && service.Headless:
			f.hint = fmt.Sprintf("write %s, which resolves to all of its pods", service.Name)
		case u.work.Members != "":
			f.hint = fmt.Sprintf("write %s, which resolves to all of its pods", u.work.Members)
		default:
			f.hint = fmt.Sprintf("give services.%s.deploy endpoint_mode: dnsrr, and write %s, which then resolves to all of its pods", name, u.object)
		}
		a.report(diag.Warning, f, path)
	}
}
