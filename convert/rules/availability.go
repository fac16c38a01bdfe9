package rules

import (
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

// availability keeps a service with several pods there while nodes come and go:
// nodes are drained one pod at a time, and pods are spread where there is a choice.
// Whoever says something else of it knows better.
func (u *unit) availability() {
	if u != u.group.owner || !u.replicated() || u.fewestPods() < 2 {
		return
	}
	if u.work.Disruption == nil {
		u.work.Disruption = &policyv1.PodDisruptionBudgetSpec{MaxUnavailable: new(intstr.FromInt32(1))}
	}
	pod := u.pod()
	if len(pod.TopologySpreadConstraints) > 0 || pod.Affinity != nil && pod.Affinity.PodAntiAffinity != nil {
		return
	}
	u.topologySpread(corev1.LabelHostname)
	u.topologySpread(corev1.LabelTopologyZone)
}

// fewestPods is how many pods there are without load.
func (u *unit) fewestPods() int32 {
	if u.work.Autoscaler != nil {
		return ptr.Deref(u.work.Autoscaler.MinReplicas, 1)
	}
	return ptr.Deref(u.work.Replicas, 1)
}
