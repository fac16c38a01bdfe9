package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"gantry/charts/diag"
	"gantry/convert/extension"
)

// role is what a container does in its pod.
type role int

const (
	// steady containers run as long as the pod.
	steady role = iota
	// early containers do so, too, but the steady ones wait until they have
	// started: they are what Kubernetes calls sidecars.
	early
	// initial containers run to completion before the steady ones start.
	initial
)

// seat is the place of a service in the pods of the application.
type seat struct {
	// owner is the service whose workload runs the pod.
	owner string
	role  role
	// turn is the place among the containers of the pod: each stands behind those
	// it needs.
	turn int
}

// namespace is a key that names with whom a container shares something.
type namespace struct{ key, value, what string }

// namespaces are what a container may share with another.
func namespaces(in *types.ServiceConfig) []namespace {
	return []namespace{{"network_mode", in.NetworkMode, "network"}, {"ipc", in.Ipc, "IPC"}, {"pid", in.Pid, "processes"}}
}

// join is the wish of a service to live in a namespace of another.
type join struct{ from, to, key string }

// planner decides which services share a pod. It does so before any of them is
// converted: the kind of a workload and of its storage depends on all of the pod.
type planner struct {
	*app
	// parent leads from a service towards the one that owns its pod, and hosts are
	// those to whom it leads.
	parent map[string]string
	hosts  map[string]bool
	// inits are the owners of the pods before whose start services complete, and
	// "" for services that do not.
	inits map[string]string
}

// findPods gives every service its seat. Services that live in a namespace of
// another share its pod. One that completes before others start runs inside
// their pod, if it is one pod: that is exactly what Compose does.
func (a *app) findPods() {
	p := &planner{app: a, parent: map[string]string{}, hosts: map[string]bool{}, inits: map[string]string{}}
	services := slices.Sorted(maps.Keys(a.project.Services))
	for _, name := range services {
		a.called[a.project.Services[name].ContainerName] = name
	}
	var joins, apart []join
	for _, name := range services {
		for _, j := range p.wishes(name) {
			if !p.unite(j) {
				apart = append(apart, j)
				continue
			}
			joins = append(joins, j)
		}
	}
	pods := map[string][]string{}
	for _, name := range services {
		owner := p.home(name)
		pods[owner] = append(pods[owner], name)
	}
	for owner, members := range pods {
		p.assign(owner, members)
	}
	for _, j := range joins {
		p.joined(j)
	}
	for _, j := range apart {
		p.separate(j)
	}
}

// wishes are the services in whose namespaces a service says it lives.
func (p *planner) wishes(name string) []join {
	s := p.project.Services[name]
	var wishes []join
	for _, n := range namespaces(&s) {
		if to, ok := p.target(n.value); ok && s.Provider == nil {
			wishes = append(wishes, join{name, to, n.key})
		}
	}
	if to := p.podmate(name); to != "" {
		wishes = append(wishes, join{name, to, extension.Key})
	}
	return wishes
}

// target returns the service that service:NAME or container:NAME refers to, if
// it has a pod.
func (a *app) target(value string) (string, bool) {
	kind, name, _ := strings.Cut(value, ":")
	switch kind {
	case "service":
	case "container":
		name = a.called[name]
	default:
		return "", false
	}
	s, ok := a.project.Services[name]
	return name, ok && s.Provider == nil
}

// unite puts a service into the pod of another, unless they cannot share one: a
// pod either completes or keeps running.
func (p *planner) unite(j join) bool {
	if p.once[j.from] != p.once[j.to] || p.inCircle(j) {
		return false
	}
	if from, to := p.owner(j.from), p.owner(j.to); from != to {
		p.parent[from], p.hosts[to] = to, true
	}
	return true
}

// inCircle reports whether a wish leads back to who has it. The loader refuses
// circles of service:NAME, but does not know whose container is which.
func (p *planner) inCircle(j join) bool {
	for name, steps := j.to, 0; steps <= len(p.project.Services); steps++ {
		if name == j.from {
			return true
		}
		next := ""
		for _, w := range p.wishes(name) {
			if w.key == j.key {
				next = w.to
			}
		}
		if next == "" {
			return false
		}
		name = next
	}
	return true
}

// owner returns the service that owns the pod which a service keeps running.
func (p *planner) owner(name string) string {
	owner := name
	for p.parent[owner] != "" {
		owner = p.parent[owner]
	}
	for name != owner {
		name, p.parent[name] = p.parent[name], owner
	}
	return owner
}

// home returns the owner of the pod in which a service runs, be it for long or
// not.
func (p *planner) home(name string) string {
	if owner := p.initOf(name); owner != "" {
		return owner
	}
	return p.owner(name)
}

// initOf returns the owner of the pod before whose start a service completes, or
// "" where it needs a pod of its own.
func (p *planner) initOf(name string) string {
	if owner, known := p.inits[name]; known {
		return owner
	}
	p.inits[name] = ""
	var homes []string
	for _, consumer := range p.waited[name] {
		homes = append(homes, p.home(consumer))
	}
	if homes = slices.Compact(homes); len(homes) == 1 && p.foldable(name, homes[0]) {
		p.inits[name] = homes[0]
	}
	return p.inits[name]
}

// foldable reports whether a service can run as an init container of a pod: it
// has nothing that only a pod of its own can have, and the pod starts once.
func (p *planner) foldable(name, owner string) bool {
	s, o := p.project.Services[name], p.project.Services[owner]
	if !p.ext.Service(name).Empty() {
		return false // what it says is said of a pod of its own
	}
	if !p.once[name] || p.parent[name] != "" || p.hosts[name] || s.Provider != nil || o.Provider != nil || needsPod(&s) {
		return false
	}
	for _, n := range namespaces(&s) {
		if to, ok := p.target(n.value); n.value != "" && (!ok || p.owner(to) != owner) {
			return false
		}
	}
	return o.GetScale() <= 1 && (o.Deploy == nil || o.Deploy.Mode == "" || o.Deploy.Mode == "replicated")
}

// needsPod reports whether a service says what holds for a pod as a whole, or
// what init containers cannot have.
func needsPod(s *types.ServiceConfig) bool {
	return len(s.Ports)+len(s.Expose)+len(s.ExtraHosts)+len(s.DNS)+len(s.DNSSearch)+len(s.DNSOpts)+len(s.Sysctls)+len(s.GroupAdd) > 0 ||
		s.Platform != "" || s.Runtime != "" || s.Hostname != "" || len(s.PostStart)+len(s.PreStop) > 0 || s.Deploy != nil && s.Deploy.Mode != ""
}

// assign gives the members of one pod their seats. A member that another waits
// for to be healthy starts before it, and so does whatever must run while
// something is waited for.
func (p *planner) assign(owner string, members []string) {
	if len(members) == 1 {
		p.seats[owner] = seat{owner: owner}
		return
	}
	roles := map[string]role{}
	for _, name := range members {
		if p.inits[name] != "" {
			roles[name] = initial
		}
	}
	order := p.order(owner, members)
	for _, name := range slices.Backward(order) {
		for dependency, condition := range p.needs(name, owner) {
			if (roles[name] != steady || condition == types.ServiceConditionHealthy) && roles[dependency] == steady && !p.once[owner] {
				roles[dependency] = early
			}
		}
	}
	for i, name := range order {
		p.seats[name] = seat{owner, roles[name], i}
	}
}

// order sorts the members of a pod so that each stands behind those it needs.
func (p *planner) order(owner string, members []string) []string {
	var order []string
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		for _, dependency := range slices.Sorted(maps.Keys(p.needs(name, owner))) {
			visit(dependency)
		}
		order = append(order, name)
	}
	visit(owner)
	for _, name := range members {
		visit(name)
	}
	return order
}

// needs are the services in its own pod that a service depends on, and under
// which condition.
func (p *planner) needs(name, owner string) map[string]string {
	needs := map[string]string{}
	for dependency, d := range p.project.Services[name].DependsOn {
		if _, ok := p.project.Services[dependency]; ok && p.home(dependency) == owner {
			needs[dependency] = d.Condition
		}
	}
	for _, j := range p.wishes(name) {
		if needs[j.to] == "" && p.home(j.to) == owner && !p.inCircle(j) {
			needs[j.to] = types.ServiceConditionStarted
		}
	}
	return needs
}

// joined tells that a service runs in the pod of another.
func (p *planner) joined(j join) {
	summary := fmt.Sprintf("becomes a container in the pod of %s", p.podOf(j.from))
	if j.key != "network_mode" {
		summary += ", where containers share the network as well"
	}
	p.report(diag.Note, finding{code: "shared-pod", summary: summary}, p.joinPath(j))
}

// separate tells why two services that should share a pod do not.
func (p *planner) separate(j join) {
	f := finding{
		code:    "shared-pod",
		summary: fmt.Sprintf("gets a pod of its own: of %s and %s, one runs to completion and the other keeps running", j.from, j.to),
		hint:    fmt.Sprintf("reach %s by its name instead of localhost", p.names[j.to]),
	}
	switch {
	case p.podOf(j.from) == p.podOf(j.to):
		return // it completes before the others start
	case p.inCircle(j):
		f.summary, f.hint = "gets a pod of its own: it would share that of a service which shares its own", "let one of them stand alone"
	}
	p.report(diag.Warning, f, p.joinPath(j))
}

// podOf returns the service in whose pod a unit runs.
func (a *app) podOf(unit string) string {
	if s, ok := a.seats[unit]; ok {
		return s.owner
	}
	return unit
}
