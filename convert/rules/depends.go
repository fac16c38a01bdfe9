package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"

	"gantry/charts"
	"gantry/charts/diag"
)

// findWaits notes which services others need, and wait for to complete. The latter
// run as Jobs, or inside the pod of those who wait, before them. Between pods, an
// annotation tells gantry's releases who comes after whom; Kubernetes itself starts
// everything and restarts what fails until its dependencies answer, and readiness
// keeps requests away until then.
func (a *app) findWaits() {
	for _, name := range slices.Sorted(maps.Keys(a.project.Services)) {
		for dependency, d := range a.project.Services[name].DependsOn {
			a.dependedOn[dependency] = true
			if d.Condition == types.ServiceConditionCompletedSuccessfully {
				a.waited[dependency] = append(a.waited[dependency], name)
			}
		}
	}
}

// reportWaits tells how the unit completes before those who wait for it, or that
// nothing enforces it.
func (u *unit) reportWaits() {
	if condition, _, key := restart(u.in); len(u.waited[u.name]) > 0 && (condition == "always" || condition == "unless-stopped") {
		u.warn(finding{
			code:    "restart-completed",
			summary: fmt.Sprintf("never completes in Compose, and %s waits for that: it runs once here", strings.Join(u.waited[u.name], ", ")),
			hint:    "take it away, or write on-failure",
		}, key...)
	}
	if u.seat().role == initial {
		u.note(finding{
			code:    "depends-completed",
			summary: fmt.Sprintf("runs to completion as an init container in the pod of %s, where it is waited for", u.seat().owner),
		})
		return
	}
	for _, consumer := range u.waited[u.name] {
		severity, f := u.toldOf(consumer)
		u.report(severity, f, diag.Path{"services", consumer, "depends_on", u.name})
	}
}

// toldOf says who makes a service wait for the Job. Releases of charts do; of objects
// that somebody applies, nobody.
func (u *unit) toldOf(consumer string) (diag.Severity, finding) {
	f := finding{code: "depends-completed"}
	switch {
	case u.opts.waitsForJobs():
		f.summary = fmt.Sprintf("%s runs as a Job, and %s waits in an init container until it is complete", u.name, consumer)
		return diag.Note, f
	case u.opts.Dependencies:
		f.summary = fmt.Sprintf("%s runs as a Job; gantry starts %s when it is complete, helm at once, and Kubernetes restarts it until what it needs is there", u.name, consumer)
		return diag.Note, f
	default:
		f.summary = fmt.Sprintf("%s runs as a Job, and nobody makes %s wait for it: Kubernetes restarts what fails until what it needs is there", u.name, consumer)
		f.hint = "pass --wait-for-completed, or install with gantry up"
		return diag.Warning, f
	}
}

// comeAfter notes which workloads the group comes after, and what they must be by
// then. Of several services of one pod, the strictest condition counts.
func (g *group) comeAfter() {
	for _, u := range g.units {
		u.reportUnchecked()
	}
	words := []string{types.ServiceConditionStarted, types.ServiceConditionHealthy, types.ServiceConditionCompletedSuccessfully}
	strictest := map[string]int{}
	for _, u := range g.units {
		for name, d := range u.in.DependsOn {
			other := u.units[name]
			if other == nil || u.podOf(name) == u.podOf(u.name) {
				continue
			}
			component := other.group.owner.work.Component
			strictest[component] = max(strictest[component], slices.Index(words, d.Condition))
		}
	}
	entries := make([]string, 0, len(strictest))
	for _, component := range slices.Sorted(maps.Keys(strictest)) {
		entries = append(entries, component+[]string{"", "=healthy", "=completed"}[strictest[component]])
	}
	if _, said := g.owner.work.Annotations[charts.DependsOn]; !said && len(entries) > 0 {
		setKey(&g.owner.work.Annotations, charts.DependsOn, strings.Join(entries, ", "))
	}
}

// reportUnchecked tells of services that are waited for as healthy, and that nobody
// checks. Inside of a pod, order tells of them.
func (u *unit) reportUnchecked() {
	for _, name := range slices.Sorted(maps.Keys(u.in.DependsOn)) {
		other := u.units[name]
		if u.in.DependsOn[name].Condition != types.ServiceConditionHealthy || other == nil || u.podOf(name) == u.podOf(u.name) {
			continue
		}
		f := finding{code: "depends-healthy"}
		switch {
		case other.container.ReadinessProbe != nil, u.once[name] && u.opts.WaitForHealthy: // of which awaitHealthy tells
			continue
		case u.once[name]:
			f.summary = fmt.Sprintf("%s runs as a Job, which is never healthy: nobody waits for it, and Kubernetes restarts %s until what it needs is there", name, u.name)
			f.hint = "write condition: service_completed_successfully, if it has completed by then"
		default:
			f.summary = fmt.Sprintf("%s has no health check here: it counts as healthy when it has started", name)
			f.hint = fmt.Sprintf("give services.%s.healthcheck.test: Kubernetes does not read that of an image, and Compose refuses to wait without any", name)
		}
		u.warn(f, "depends_on", name)
	}
}

// awaitHealthy lets the pod wait for the services of other pods that it depends on
// to be healthy, where the user asks for that. A Service has no address while no
// pod behind it is ready, so it is enough to connect to it.
func (u *unit) awaitHealthy() {
	if !u.opts.WaitForHealthy {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(u.in.DependsOn)) {
		other := u.units[name]
		if u.in.DependsOn[name].Condition != types.ServiceConditionHealthy || other == nil || u.podOf(name) == u.podOf(u.name) {
			continue
		}
		i := slices.IndexFunc(other.reached(), func(p port) bool { return p.protocol == corev1.ProtocolTCP })
		if i < 0 || u.once[name] || slices.Contains([]string{"host", "none"}, other.in.NetworkMode) {
			u.warn(finding{
				code: "depends-healthy", summary: fmt.Sprintf("cannot be waited for: nobody connects to %s by TCP", name), hint: fmt.Sprintf("give services.%s.expose a port", name),
			}, "depends_on", name)
			continue
		}
		u.pod().InitContainers = append(u.pod().InitContainers, u.waiter(other.object, other.reached()[i].target))
		when := "which it does when a pod behind it is ready"
		if other.findsPeers() {
			when = "ready or not: members of a cluster are reached before they are ready"
		}
		u.note(finding{
			code: "depends-healthy", summary: fmt.Sprintf("starts when port %d of the Service %s answers, %s", other.reached()[i].target, other.object, when),
		}, "depends_on", name)
	}
}

// waiter is a container that ends when a Service answers.
func (u *unit) waiter(service string, target int32) corev1.Container {
	return u.waiting(service, u.opts.WaitImage,
		"sh", "-c", fmt.Sprintf("until nc -z -w 2 %s %d; do echo waiting for %[1]s; sleep 2; done", service, target))
}

// waiting is a container that ends when something is there, and may do nothing else.
func (u *unit) waiting(wanted, image string, command ...string) corev1.Container {
	return corev1.Container{
		Name:    limitName(u.object+"-wait-for-"+wanted, maxName),
		Image:   image,
		Command: command,
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: new(false),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			ReadOnlyRootFilesystem:   new(true),
			RunAsNonRoot:             new(true),
			RunAsUser:                new(int64(65534)),
		},
	}
}
