package kube

import (
	"context"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"

	"gantry/charts/release"
)

// How long a pod may be in a state that only somebody from outside can end. What
// others may put right by themselves is given longer: an autoscaler brings nodes,
// a controller writes the Secret, a registry comes back.
const (
	pullPatience     = 20 * time.Second // the kubelet asks the registry twice more meanwhile
	configPatience   = 30 * time.Second
	schedulePatience = 2 * time.Minute
	// maxCrashes is how often a container may crash in a row: what a Compose file
	// starts in any order crashes until its database answers.
	maxCrashes = 5
)

// StuckError ends a wait before its time: an object is in a state that waiting
// does not end.
type StuckError struct {
	Object release.Object
	// Reason is the state that it is in.
	Reason string
}

// Error names the object and its state.
func (e *StuckError) Error() string {
	return fmt.Sprintf("waiting does not help: %s; %s", e.Object, e.Reason)
}

// stuck is a state from which waiting alone does not lead.
type stuck struct {
	reason   string
	patience time.Duration
	// at is when an event told of it first.
	at time.Time
}

// stuckIn returns the state that a pod is stuck in, if it is in one.
func stuckIn(pod *corev1.Pod) (stuck, bool) {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return stuck{reason: firstReason(pod), patience: schedulePatience}, true
		}
	}
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if c.State.Waiting == nil {
			continue
		}
		switch c.State.Waiting.Reason {
		case "InvalidImageName", "ErrImageNeverPull":
			return stuck{reason: firstReason(pod)}, true
		case "ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError":
			return stuck{reason: firstReason(pod), patience: pullPatience}, true
		case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
			return stuck{reason: firstReason(pod), patience: configPatience}, true
		case "CrashLoopBackOff":
			if c.RestartCount >= maxCrashes {
				return stuck{reason: firstReason(pod)}, true
			}
		}
	}
	return stuck{}, false
}

func firstReason(pod *corev1.Pod) string {
	reasons := podReasons(*pod)
	if len(reasons) == 0 {
		return "pod " + pod.Name
	}
	return reasons[0]
}

// pods are the pods of one namespace.
type pods struct {
	waiter    *waiter
	client    kubernetes.Interface
	namespace string
}

// open looks at all pods: what is no longer stuck is not in it.
func (p *pods) open(ctx context.Context) ([]runtime.Object, watch.Interface, error) {
	return openPods(ctx, p.client, metav1.ListOptions{}, p.namespace)
}

// openPods lists pods of a namespace, and watches them from there on.
func openPods(ctx context.Context, of kubernetes.Interface, which metav1.ListOptions, namespace string) ([]runtime.Object, watch.Interface, error) {
	client := of.CoreV1().Pods(namespace)
	list, err := client.List(ctx, which)
	if err != nil {
		return nil, nil, err
	}
	objects := make([]runtime.Object, len(list.Items))
	for i := range list.Items {
		objects[i] = &list.Items[i]
	}
	which.ResourceVersion, which.AllowWatchBookmarks, which.TimeoutSeconds = list.ResourceVersion, true, watchSeconds()
	stream, err := client.Watch(ctx, which)
	return objects, stream, err
}

func (p *pods) examine(object runtime.Object) (string, stuck, bool) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return "", stuck{}, false
	}
	s, isStuck := stuckIn(pod)
	return pod.Name, s, isStuck
}

// ownerOf returns the object that waits for a pod, if one does. A pod that is of none is
// a stranger; one of an older revision is not, as it may become the newest again.
func (p *pods) ownerOf(ctx context.Context, name string, _ stuck) (owner release.Object, who bond) {
	seen := askWitnesses(ctx, p.client, p.namespace)
	is := func(pod corev1.Pod) bool { return pod.Name == name }
	i := slices.IndexFunc(seen.pods, is)
	if i < 0 {
		return release.Object{}, idle
	}
	if _, still := stuckIn(&seen.pods[i]); !still {
		return release.Object{}, undecided // the news of it is on its way: a StatefulSet gives the next pod the same name
	}
	for _, t := range p.waiter.pending() {
		switch {
		case t.object.Namespace != p.namespace:
		case !t.observed() && t.mayOwn(&seen.pods[i]):
			who = undecided
		case slices.ContainsFunc(seen.podsOf(t), is):
			return t.object, awaited
		}
	}
	if who == idle && !slices.ContainsFunc(p.waiter.within(p.namespace), func(t target) bool { return t.mayOwn(&seen.pods[i]) }) {
		who = stranger
	}
	return release.Object{}, who
}

// observed reports whether the controller of a target has looked at it as it is now. Which
// pods are its newest is not known before.
func (t target) observed() bool {
	if t.object.Kind == "Pod" {
		return true
	}
	if t.live == nil {
		return false
	}
	generation, tells, err := unstructured.NestedInt64(t.live.Object, "status", "observedGeneration")
	workload := t.live.GroupVersionKind().Group == appsv1.GroupName
	return err == nil && (!tells && !workload || generation >= t.live.GetGeneration())
}

// mayOwn reports whether a pod is a target or one of its pods, of whatever revision.
func (t target) mayOwn(pod *corev1.Pod) bool {
	if t.object.Kind == "Pod" {
		return t.object.Name == pod.Name
	}
	if t.live == nil {
		return true // not seen yet
	}
	selector := selectorOf(t.live)
	return selector != nil && selector.Matches(labels.Set(pod.Labels))
}
