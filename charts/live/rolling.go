package live

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// rollout is how far the pods of a workload have been replaced, in numbers that all
// kinds of workloads have.
type rollout struct {
	// seen holds when the controller knows what is wanted.
	seen bool
	// wanted pods shall be from the new template; updated of them are, and available
	// of all answer.
	wanted, updated, available int32
	// old are pods of older templates that are still there.
	old int32
	// partition is how many pods are left as they were, because somebody said so.
	partition int32
	// late holds when the rollout takes longer than the workload allows.
	late bool
}

// rolloutOf reads the numbers off a workload. One that replaces its pods only when
// somebody deletes them has none.
func rolloutOf(workload metav1.Object) (r rollout, ok bool) {
	switch w := workload.(type) {
	case *appsv1.Deployment:
		s := w.Status
		r = rollout{
			seen: w.Generation <= s.ObservedGeneration, wanted: replicas(w.Spec.Replicas),
			updated: s.UpdatedReplicas, available: s.AvailableReplicas, old: s.Replicas - s.UpdatedReplicas,
		}
		for _, c := range s.Conditions {
			r.late = r.late || c.Type == appsv1.DeploymentProgressing && c.Status == corev1.ConditionFalse && c.Reason == "ProgressDeadlineExceeded"
		}
		return r, true
	case *appsv1.StatefulSet:
		if w.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType {
			return rollout{}, false
		}
		s := w.Status
		r = rollout{seen: w.Generation <= s.ObservedGeneration, wanted: replicas(w.Spec.Replicas), updated: s.UpdatedReplicas, available: s.ReadyReplicas}
		if rolling := w.Spec.UpdateStrategy.RollingUpdate; rolling != nil && rolling.Partition != nil {
			r.partition = min(*rolling.Partition, r.wanted)
		}
		if s.UpdateRevision == s.CurrentRevision {
			r.updated = s.Replicas // nothing is being replaced
		}
		return r, true
	case *appsv1.DaemonSet:
		if w.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType {
			return rollout{}, false
		}
		s := w.Status
		return rollout{seen: w.Generation <= s.ObservedGeneration, wanted: s.DesiredNumberScheduled, updated: s.UpdatedNumberScheduled, available: s.NumberAvailable}, true
	default:
		return rollout{}, false
	}
}

// replicas is how many pods are wanted where nobody says.
func replicas(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}

// status says how far the rollout is, and whether that is its end.
func (r rollout) status() (text string, done bool) {
	wanted := r.wanted - r.partition
	switch {
	case !r.seen:
		return "the controller has not seen the change yet", false
	case r.late:
		return fmt.Sprintf("takes longer than it may: %d of %d pods are new, %d are available", r.updated, wanted, r.available), false
	case r.updated < wanted:
		return fmt.Sprintf("%d of %d pods are new", r.updated, wanted), false
	case r.old > 0:
		return fmt.Sprintf("%d old pods are still there", r.old), false
	case r.available < r.wanted:
		return fmt.Sprintf("%d of %d pods are available", r.available, r.wanted), false
	default:
		return fmt.Sprintf("all %d pods are new and available", wanted), true
	}
}
