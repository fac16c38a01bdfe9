package rules

import (
	"fmt"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"gantry/convert/workload"
)

// usualProgress is how long Kubernetes waits for a Deployment to get on, in seconds.
const usualProgress = 600

// startFirst is the order of an update in which new pods run before old ones stop.
const startFirst = "start-first"

// update maps update_config. Storage that belongs to one pod forbids that old and new
// ones run side by side.
func (u *unit) update() {
	if u.work.Kind == workload.Deployment {
		why, _ := u.exclusive()
		u.work.Update.Recreate = why != ""
	}
	config := u.deploy().UpdateConfig
	switch {
	case config == nil:
		u.makeRoom()
	case !u.hasOwnReplicas():
		u.warn(finding{code: "update-job", summary: "is for services that are kept running: of a Job it limits only how many pods run at a time"}, "deploy", "update_config")
	default:
		u.rollout(config)
		u.pace(config)
	}
}

// rollout maps order and parallelism: how many pods are replaced at a time, and
// whether the new or the old ones go first.
func (u *unit) rollout(config *types.UpdateConfig) {
	up := &u.work.Update
	switch {
	case up.Recreate:
		if config.Order == startFirst {
			why, hint := u.exclusive()
			u.warn(finding{
				code: "update-recreate", summary: fmt.Sprintf("cannot be: %s, so old pods stop before new ones start", why), hint: hint,
			}, "deploy", "update_config", "order")
		}
	case u.work.Kind == workload.StatefulSet:
		u.ordinalRollout(config)
	default:
		step := intstr.FromString("100%")
		if config.Parallelism == nil {
			step = intstr.FromInt32(1)
		} else if *config.Parallelism > 0 {
			step = intstr.FromInt32(count(*config.Parallelism))
		}
		zero := intstr.FromInt32(0)
		up.MaxSurge, up.MaxUnavailable = &zero, &step
		if config.Order != startFirst {
			return
		}
		up.MaxSurge, up.MaxUnavailable = &step, &zero
		if why := u.crowded(); why != "" {
			u.warn(finding{code: "update-crowded", summary: fmt.Sprintf("takes a node for each new pod on which no old one is, because %s", why)}, "deploy", "update_config", "order")
		}
	}
}

// ordinalRollout tells what a StatefulSet does instead: it replaces its pods one
// by one, since each has storage of its own.
func (u *unit) ordinalRollout(config *types.UpdateConfig) {
	if config.Order == startFirst {
		u.warn(finding{
			code: "update-statefulset", summary: "cannot be: each pod has storage of its own, so the old one stops before the new one starts",
		}, "deploy", "update_config", "order")
	}
	if p := config.Parallelism; p != nil && *p != 1 && u.in.GetScale() > 1 {
		u.note(finding{
			code: "update-statefulset", summary: "has no counterpart here: pods with storage of their own are replaced one by one",
		}, "deploy", "update_config", "parallelism")
	}
}

// pace maps delay and monitor.
func (u *unit) pace(config *types.UpdateConfig) {
	up := &u.work.Update
	if config.Delay > 0 {
		up.MinReadySeconds = int32(min(ceilSeconds(config.Delay), 3600*24))
	}
	if config.Monitor <= 0 {
		return
	}
	if u.work.Kind != workload.Deployment {
		u.note(finding{
			code: "update-monitor", summary: fmt.Sprintf("has no counterpart: a %s waits for its pods without a deadline", u.work.Kind),
		}, "deploy", "update_config", "monitor")
		return
	}
	// The deadline counts from the pull of the image on, where Swarm looks at what runs.
	up.ProgressDeadlineSeconds = new(usualProgress + up.MinReadySeconds + int32(min(ceilSeconds(config.Monitor), 3600*24)))
}

// makeRoom stops old pods first where a new one may find no node beside them.
// Kubernetes would start it first, and wait for ever.
func (u *unit) makeRoom() {
	up := &u.work.Update
	alone := u == u.group.owner && !slices.ContainsFunc(u.group.units, func(o *unit) bool { return o.deploy().UpdateConfig != nil })
	if u.work.Kind != workload.Deployment || up.Recreate || !alone || u.crowded() == "" {
		return
	}
	up.MaxSurge, up.MaxUnavailable = new(intstr.FromInt32(0)), new(intstr.FromInt32(1))
}

// crowded says why two pods of the unit cannot be on one node, or returns "".
func (u *unit) crowded() string {
	for _, o := range u.group.units {
		onNode := o.in.NetworkMode == "host"
		switch {
		case o.deploy().Placement.MaxReplicas == 1:
			return "max_replicas_per_node is 1"
		case slices.ContainsFunc(o.ports, func(p port) bool { return p.host && p.published > 0 || onNode }):
			return "it takes ports of the node"
		}
	}
	return ""
}
