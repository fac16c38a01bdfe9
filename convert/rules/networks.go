package rules

import (
	"maps"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"gantry/charts/diag"
	"gantry/convert/workload"
)

// bridge is the network of containers that ask for Docker's own. No network of a
// Compose file collides with it: a service has network_mode or networks.
const bridge = "bridge"

// networksOf returns the networks of a service or job, sorted. One that shares
// the network of its node or of another container has none of its own.
func networksOf(c types.ContainerSpec) []string {
	switch c.NetworkMode {
	case "":
		return slices.Sorted(maps.Keys(c.Networks))
	case bridge, "default":
		return []string{bridge}
	default:
		return nil
	}
}

// containers calls visit for every service and job that has a container, in the
// order of their names.
func (a *app) containers(visit func(section, name string, c types.ContainerSpec)) {
	for _, name := range slices.Sorted(maps.Keys(a.project.Services)) {
		if service := a.project.Services[name]; service.Provider == nil {
			visit("services", name, service.ContainerSpec)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.project.Jobs)) {
		visit("jobs", name, a.project.Jobs[name].ContainerSpec)
	}
}

// component returns the name label of the pods in which a service or job runs.
func (a *app) component(name string) string { return a.names[a.podOf(name)] }

// networks decides what only all Services together tell: which of them have
// addresses of both families, and which have no name.
func (a *app) networks() {
	dual, unnamed := map[string]bool{}, map[string]bool{}
	a.containers(func(section, name string, c types.ContainerSpec) {
		for _, n := range networksOf(c) {
			if v6 := a.project.Networks[n].EnableIPv6; v6 != nil && *v6 {
				dual[a.component(name)] = true
			}
		}
		if a.withoutName(section, name, c) {
			unnamed[a.names[name]] = true
		}
	})
	a.out.Endpoints = slices.DeleteFunc(a.out.Endpoints, func(e *workload.Endpoint) bool {
		e.DualStack = e.DualStack || dual[e.Component]
		return unnamed[e.Name] && !a.needed(e)
	})
}

// withoutName reports whether the name of a service is to resolve on none of its
// networks. A cluster has one network, so it does on all or on none.
func (a *app) withoutName(section, name string, c types.ContainerSpec) bool {
	var hidden []string
	for _, n := range slices.Sorted(maps.Keys(c.Networks)) {
		switch {
		case c.Networks[n].ServiceNameAliasEnabled():
		case section == "jobs":
			a.report(diag.Note, finding{code: "service-name", summary: "has no effect: a job has no Service, under whichever name"},
				diag.Path{section, name, "networks", n, "use_service_name_alias"})
		default:
			hidden = append(hidden, n)
		}
	}
	if len(hidden) > 0 && len(hidden) < len(c.Networks) {
		a.report(diag.Warning, finding{
			code:    "service-name",
			summary: "hides the name on this network only; in a cluster it resolves everywhere",
		}, []string{section, name, "networks", hidden[0], "use_service_name_alias"})
	}
	return len(hidden) > 0 && len(hidden) == len(c.Networks)
}

// needed reports whether something besides peers goes by the name of an endpoint.
func (a *app) needed(e *workload.Endpoint) bool {
	return slices.ContainsFunc(a.out.Routes, func(r *workload.Route) bool { return r.Endpoint == e.Name }) ||
		slices.ContainsFunc(a.out.Workloads, func(w *workload.Workload) bool { return w.Members == e.Name })
}
