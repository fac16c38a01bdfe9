package kube

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"

	"gantry/charts/release"
)

// oneByOne returns a StatefulSet whose controller waits until a pod is ready before it
// replaces another, and that has seen what is to be rolled out, but has not done it. A
// pod of an older revision that never becomes ready stays for ever then: neither the way
// back nor what is mended gets through.
func oneByOne(live *unstructured.Unstructured) (*appsv1.StatefulSet, bool) {
	if live == nil || live.GroupVersionKind() != appsv1.SchemeGroupVersion.WithKind("StatefulSet") {
		return nil, false
	}
	set := &appsv1.StatefulSet{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(live.Object, set); err != nil {
		return nil, false
	}
	ordered := set.Spec.PodManagementPolicy != appsv1.ParallelPodManagement
	rolls := set.Spec.UpdateStrategy.Type != appsv1.OnDeleteStatefulSetStrategyType
	return set, ordered && rolls && set.Status.UpdateRevision != "" && set.Status.ObservedGeneration >= set.Generation
}

// outdated returns those of pods that are of an older revision of an object, should be
// replaced, and are not because they are not ready.
func outdated(live *unstructured.Unstructured, pods []corev1.Pod) []corev1.Pod {
	set, ok := oneByOne(live)
	if !ok {
		return nil
	}
	selector := selectorOf(live)
	var list []corev1.Pod
	for _, pod := range pods {
		hash := pod.Labels[appsv1.StatefulSetRevisionLabel]
		ours := selector != nil && selector.Matches(labels.Set(pod.Labels)) && metav1.IsControlledBy(&pod, set)
		if ours && hash != set.Status.UpdateRevision && replaces(set, pod.Name) && !podIsReady(pod) && pod.DeletionTimestamp == nil {
			list = append(list, pod)
		}
	}
	return list
}

// replaces reports whether a StatefulSet replaces a pod: those below its partition stay.
func replaces(set *appsv1.StatefulSet, pod string) bool {
	rolling := set.Spec.UpdateStrategy.RollingUpdate
	if rolling == nil || rolling.Partition == nil {
		return true
	}
	ordinal, err := strconv.ParseInt(pod[strings.LastIndex(pod, "-")+1:], 10, 32)
	return err == nil && ordinal >= int64(*rolling.Partition)
}

// outdatedReason says why a pod of an older revision is still there.
func outdatedReason(of release.Object, pod corev1.Pod) string {
	return fmt.Sprintf("pod %s is of an older revision, and %s replaces it only when it is ready: kubectl delete pod %s -n %s", pod.Name, of, pod.Name, pod.Namespace)
}

// doesNotStart reports whether a pod is in a state that only a change from outside ends.
func doesNotStart(pod *corev1.Pod) bool {
	_, isStuck := stuckIn(pod)
	return isStuck || slices.ContainsFunc(slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses), func(c corev1.ContainerStatus) bool {
		return c.State.Waiting != nil && c.State.Waiting.Reason == "CrashLoopBackOff"
	})
}

// keepReplacing deletes pods that do not start and that a StatefulSet waits for, though
// it is to replace them. Those that run are left alone, ready or not: they may be at work
// on their data.
func (w *waiter) keepReplacing(ctx context.Context) {
	client, err := w.session.cluster.Clientset()
	if err != nil || w.ends {
		return
	}
	every(ctx, pause, func() { w.replaceOutdated(ctx, client) })
}

func (w *waiter) replaceOutdated(ctx context.Context, client kubernetes.Interface) {
	for _, t := range w.pending() {
		set, ok := oneByOne(t.live)
		if !ok || set.Status.UpdatedReplicas >= set.Status.Replicas {
			continue
		}
		pods, err := client.CoreV1().Pods(set.Namespace).List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(set.Spec.Selector)})
		if err != nil {
			continue
		}
		for _, pod := range outdated(t.live, pods.Items) {
			if doesNotStart(&pod) {
				w.replacePod(ctx, client, t.object, pod)
			}
		}
	}
}

// replacePod deletes a pod, if it is still the one that was looked at. Who may not do
// that is told of the pod when the time is over.
func (w *waiter) replacePod(ctx context.Context, client kubernetes.Interface, of release.Object, pod corev1.Pod) {
	err := client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(pod.UID))})
	if err != nil && !apierrors.IsNotFound(err) {
		return
	}
	w.session.tell(release.Event{
		Action: release.Doing, Object: of,
		Detail: fmt.Sprintf("deleted Pod %s, which is of an older revision and does not start: %s waits for it", pod.Name, of),
	})
}
