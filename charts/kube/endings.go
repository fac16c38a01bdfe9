package kube

import (
	"context"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"

	"gantry/charts/release"
)

// endings are the pods of Jobs in one namespace that have ended badly. Kubernetes deletes
// those that start again in place (restartPolicy: OnFailure) before it says that their Job has
// failed, and with them all that tells why. So their last words are kept for the waiter. Nobody
// is stuck for it: the Job may still succeed.
type endings struct {
	waiter    *waiter
	client    kubernetes.Interface
	namespace string
}

// ending is how a pod of a Job ended last.
type ending struct {
	pod corev1.Pod
	// logs are those of the end that heard has.
	logs  []string
	heard []int32
}

// open looks at the pods of all Jobs.
func (e *endings) open(ctx context.Context) ([]runtime.Object, watch.Interface, error) {
	return openPods(ctx, e.client, metav1.ListOptions{LabelSelector: batchv1.JobNameLabel}, e.namespace)
}

// examine keeps how a pod has ended. The guard asks about it once more, and then there is
// time to read its log.
func (e *endings) examine(object runtime.Object) (string, stuck, bool) {
	pod, ok := object.(*corev1.Pod)
	if !ok || !endedBadly(pod) {
		return "", stuck{}, false
	}
	place, ours := e.jobOf(pod)
	if !ours {
		return "", stuck{}, false
	}
	w := e.waiter
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended == nil {
		w.ended = map[types.NamespacedName]ending{}
	}
	last := w.ended[place]
	if pod.DeletionTimestamp != nil && last.pod.UID == pod.UID {
		return "", stuck{}, false // it was ended, which is no reason
	}
	if last.pod.UID != pod.UID {
		last.heard = nil
	}
	last.pod = *pod
	w.ended[place] = last
	return place.Name, stuck{}, !slices.Equal(last.heard, endsOf(pod))
}

// jobOf returns the place of the Job that is waited for and that a pod is of.
func (e *endings) jobOf(pod *corev1.Pod) (types.NamespacedName, bool) {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return types.NamespacedName{}, false
	}
	ours := slices.ContainsFunc(e.waiter.within(e.namespace), func(t target) bool {
		return t.object.Kind == "Job" && t.object.Name == owner.Name && (t.uid == "" || t.uid == owner.UID)
	})
	return types.NamespacedName{Namespace: e.namespace, Name: owner.Name}, ours
}

// ownerOf reads the log of the pod of a Job that has ended.
func (e *endings) ownerOf(ctx context.Context, name string, _ stuck) (owner release.Object, who bond) {
	place, w := types.NamespacedName{Namespace: e.namespace, Name: name}, e.waiter
	w.mu.Lock()
	last := w.ended[place]
	w.mu.Unlock()
	logs := podLogs(ctx, e.client, last.pod)
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(logs) > 0 {
		last.logs = logs
	}
	last.heard = endsOf(&last.pod)
	w.ended[place] = last
	return release.Object{}, idle
}

func endedBadly(pod *corev1.Pod) bool {
	for ends := range slices.Chunk(endsOf(pod), 2) {
		if ends[1] != 0 {
			return true
		}
	}
	return false
}

// endsOf returns how often each container of a pod has started again, and what it ended with
// last.
func endsOf(pod *corev1.Pod) []int32 {
	var list []int32
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		code := int32(0)
		for _, state := range []corev1.ContainerState{c.LastTerminationState, c.State} {
			if state.Terminated != nil {
				code = state.Terminated.ExitCode
			}
		}
		list = append(list, c.RestartCount, code)
	}
	return list
}

// recall adds what is kept of the pods of Jobs to those whose pods are gone.
func (w *waiter) recall(objects []Unready) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range objects {
		u := &objects[i]
		last, ended := w.ended[types.NamespacedName{Namespace: u.Object.Namespace, Name: u.Object.Name}]
		if u.Object.Kind != "Job" || !ended {
			continue
		}
		stays := slices.ContainsFunc(u.pods, func(pod corev1.Pod) bool { return pod.DeletionTimestamp == nil })
		if !stays {
			for _, pod := range u.pods { // what ended them is not what was wrong
				own := podReasons(pod)
				u.Reasons = slices.DeleteFunc(u.Reasons, func(reason string) bool { return slices.Contains(own, reason) })
			}
			u.Reasons = slices.Concat(podReasons(last.pod), u.Reasons)
		}
		if len(u.Logs) == 0 {
			u.Logs = last.logs
		}
	}
}
