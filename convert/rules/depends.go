package rules

import (
	"fmt"
	"maps"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
)

// findWaits notes which services others wait for to complete. Those run as Jobs;
// one for which a single service waits runs inside that service's pod, before
// it, which is exactly what Compose does. Other conditions order nothing here:
// Kubernetes starts everything and restarts what fails until its dependencies
// answer, and readiness keeps requests away until then.
func (a *app) findWaits() {
	for _, name := range slices.Sorted(maps.Keys(a.project.Services)) {
		for dependency, d := range a.project.Services[name].DependsOn {
			if d.Condition == types.ServiceConditionCompletedSuccessfully {
				a.waited[dependency] = append(a.waited[dependency], name)
			}
		}
	}
	for dependency, consumers := range a.waited {
		if len(consumers) == 1 && a.foldable(dependency, consumers[0]) {
			a.folds[dependency] = consumers[0]
		}
	}
	for dependency := range a.folds {
		// A chain of waits folds at its end only: the pod that it would be folded
		// into must exist.
		if _, chained := a.folds[a.folds[dependency]]; chained {
			delete(a.folds, dependency)
		}
	}
}

// foldable reports whether a service can run as an init container of the one
// that waits for it: it has nothing of its own that only a pod can have, and the
// other starts once.
func (a *app) foldable(dependency, consumer string) bool {
	d, ok := a.project.Services[dependency]
	c, found := a.project.Services[consumer]
	if !ok || !found || d.Provider != nil || c.Provider != nil || len(a.waited[consumer]) > 0 {
		return false
	}
	podOnly := len(d.Ports) > 0 || len(d.Expose) > 0 || d.NetworkMode != "" || d.Pid != "" || d.Ipc != "" || len(d.ExtraHosts) > 0 ||
		len(d.DNS) > 0 || len(d.DNSSearch) > 0 || len(d.DNSOpts) > 0 || len(d.Sysctls) > 0 || len(d.GroupAdd) > 0 || d.Platform != "" || d.Deploy != nil ||
		len(d.PreStart) > 0 || d.Restart == types.RestartPolicyAlways || d.Restart == types.RestartPolicyUnlessStopped || d.Runtime != ""
	once := c.GetScale() <= 1 && (c.Deploy == nil || c.Deploy.Mode == "" || c.Deploy.Mode == "replicated")
	return !podOnly && once
}

// foldInits moves services that complete before their only consumer into its
// pod, and returns the units that keep a workload of their own.
func (a *app) foldInits(units []*unit) []*unit {
	byName := map[string]*unit{}
	for _, u := range units {
		byName[u.name] = u
	}
	return slices.DeleteFunc(units, func(u *unit) bool {
		consumer, ok := byName[a.folds[u.name]]
		if !ok {
			a.reportWaits(u)
			return false
		}
		consumer.adopt(u)
		u.note(finding{
			code:    "depends-completed",
			summary: fmt.Sprintf("runs to completion as an init container in the pod of %s, which alone waits for it", consumer.name),
		})
		return true
	})
}

// reportWaits tells of waits that nothing enforces.
func (a *app) reportWaits(u *unit) {
	for _, consumer := range a.waited[u.name] {
		a.report(0, finding{
			code:    "depends-completed",
			summary: fmt.Sprintf("%s runs as a Job; %s starts beside it and is restarted until what it needs is there", u.name, consumer),
		}, []string{"services", consumer, "depends_on", u.name})
	}
}

// adopt takes the container of another unit into the pod as an init container,
// with its volumes.
func (u *unit) adopt(other *unit) {
	for _, c := range other.pod().Containers {
		mounts := c.VolumeMounts
		c.VolumeMounts = nil
		for _, m := range mounts {
			i := slices.IndexFunc(other.pod().Volumes, func(v corev1.Volume) bool { return v.Name == m.Name })
			if i >= 0 {
				m.Name = u.podVolume(other.pod().Volumes[i])
			}
			c.VolumeMounts = append(c.VolumeMounts, m)
		}
		c.ReadinessProbe, c.LivenessProbe, c.StartupProbe = nil, nil, nil
		u.pod().InitContainers = append(u.pod().InitContainers, c)
	}
}
