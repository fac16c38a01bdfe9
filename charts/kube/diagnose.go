package kube

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
)

const (
	// diagnoseTimeout bounds the search for reasons.
	diagnoseTimeout = 10 * time.Second
	// maxPods is how many pods of one object are told of: the second of a set
	// usually fails like the first.
	maxPods = 2
	// maxEvents is how many events of one object are told.
	maxEvents = 3
)

// diagnose finds out why objects are not ready. What cannot be found out is left
// out: a user may not be allowed to see pods or events.
func (s *Session) diagnose(ctx context.Context, pending []target) []Unready {
	client, err := s.cluster.Clientset()
	if err != nil {
		return nil
	}
	seen := map[string]*witnesses{}
	var list []Unready
	for _, t := range pending {
		namespace := t.object.Namespace
		if seen[namespace] == nil {
			seen[namespace] = askWitnesses(ctx, client, namespace)
		}
		list = append(list, seen[namespace].explain(t))
	}
	return list
}

// tellingFirst sorts objects by how much is known of why they are not ready.
func tellingFirst(objects []Unready) {
	slices.SortStableFunc(objects, func(a, b Unready) int { return cmp.Compare(len(b.Reasons), len(a.Reasons)) })
}

// witnesses is what a namespace says about the objects in it.
type witnesses struct {
	pods   []corev1.Pod
	sets   []appsv1.ReplicaSet
	events []corev1.Event
}

func askWitnesses(ctx context.Context, client kubernetes.Interface, namespace string) *witnesses {
	w := &witnesses{}
	if namespace == "" {
		return w
	}
	if pods, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{}); err == nil {
		w.pods = pods.Items
	}
	if sets, err := client.AppsV1().ReplicaSets(namespace).List(ctx, metav1.ListOptions{}); err == nil {
		w.sets = sets.Items
	}
	if events, err := client.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: "type=Warning"}); err == nil {
		w.events = events.Items
		slices.SortStableFunc(w.events, func(a, b corev1.Event) int { return eventTime(b).Compare(eventTime(a)) })
	}
	return w
}

func eventTime(e corev1.Event) time.Time {
	if !e.LastTimestamp.IsZero() {
		return e.LastTimestamp.Time
	}
	return e.EventTime.Time
}

func (w *witnesses) explain(t target) Unready {
	u := Unready{Object: t.object, Message: t.message}
	if t.live != nil {
		u.Reasons = append(u.Reasons, conditionReasons(t.live)...)
	}
	old := outdated(t.live, w.pods)
	u.pods = slices.Concat(old, w.podsOf(t))
	u.pods = u.pods[:min(len(u.pods), maxPods)]
	subjects := w.makersOf(t)
	for i, pod := range u.pods {
		subjects = append(subjects, corev1.ObjectReference{Kind: "Pod", Name: pod.Name, UID: pod.UID})
		if i < len(old) { // what the pod lacks comes second: nothing of what is rolled out now mends it
			u.Reasons = append(u.Reasons, outdatedReason(t.object, pod))
		}
		u.Reasons = append(u.Reasons, podReasons(pod)...)
	}
	for _, e := range w.eventsOf(subjects) {
		// Events often repeat what a condition says.
		said := slices.ContainsFunc(u.Reasons, func(reason string) bool {
			return strings.Contains(reason, e.message) || strings.HasSuffix(reason, cause(e.message))
		})
		if !said {
			u.Reasons = append(u.Reasons, e.String())
		}
	}
	return u
}

// podsOf returns the pods of an object that are not ready, those that have a
// reason first. During an upgrade only the new ones count.
func (w *witnesses) podsOf(t target) []corev1.Pod {
	selector := selectorOf(t.live)
	label, value := w.revisionOf(t.live)
	if value == "" {
		label = "" // not known: all pods count
	}
	var list []corev1.Pod
	for _, pod := range w.pods {
		itself := t.object.Kind == "Pod" && pod.Name == t.object.Name
		owned := selector != nil && selector.Matches(labels.Set(pod.Labels)) && (label == "" || pod.Labels[label] == value)
		if (itself || owned) && !podIsReady(pod) {
			list = append(list, pod)
		}
	}
	// The newest first: during an upgrade it is the one that keeps it waiting.
	slices.SortStableFunc(list, func(a, b corev1.Pod) int {
		return cmp.Or(cmp.Compare(len(podReasons(b)), len(podReasons(a))), b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// revisionOf returns the label that the pods of an object's newest revision have.
func (w *witnesses) revisionOf(live *unstructured.Unstructured) (label, value string) {
	if live == nil {
		return "", ""
	}
	switch live.GetKind() {
	case "StatefulSet":
		value, _, _ = unstructured.NestedString(live.Object, "status", "updateRevision")
		return appsv1.StatefulSetRevisionLabel, value
	case "Deployment":
		newest := -1
		for _, set := range w.sets {
			revision, err := strconv.Atoi(set.Annotations["deployment.kubernetes.io/revision"])
			if err == nil && revision > newest && metav1.IsControlledBy(&set, live) {
				newest, value = revision, set.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
			}
		}
		return appsv1.DefaultDeploymentUniqueLabelKey, value
	case "DaemonSet":
		// The API server counts them, and the controller labels its pods.
		return "pod-template-generation", live.GetAnnotations()[appsv1.DeprecatedTemplateGeneration]
	default:
		return "", ""
	}
}

func selectorOf(live *unstructured.Unstructured) labels.Selector {
	if live == nil {
		return nil
	}
	fields, ok, err := unstructured.NestedMap(live.Object, "spec", "selector")
	if !ok || err != nil {
		return nil
	}
	var selector metav1.LabelSelector
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, &selector); err != nil {
		return nil
	}
	s, err := metav1.LabelSelectorAsSelector(&selector)
	if err != nil || s.Empty() {
		return nil
	}
	return s
}

func podIsReady(pod corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// warning is an event.
type warning struct{ kind, name, reason, message string }

func (w warning) String() string {
	return fmt.Sprintf("event on %s %s: %s: %s", w.kind, w.name, w.reason, w.message)
}

// cause takes what was tried off a message: "Error creating: pods … is
// forbidden".
func cause(message string) string {
	_, rest, ok := strings.Cut(message, ": ")
	if !ok {
		return message
	}
	return rest
}

// makersOf returns an object and, of a Deployment, the ReplicaSet of its newest revision,
// or what the names of all begin with while that is not known.
func (w *witnesses) makersOf(t target) []corev1.ObjectReference {
	itself := corev1.ObjectReference{Kind: t.object.Kind, Name: t.object.Name, UID: t.uid}
	if t.live != nil {
		itself.UID = t.live.GetUID()
	}
	makers := []corev1.ObjectReference{itself}
	if t.object.Kind != "Deployment" {
		return makers
	}
	_, hash := w.revisionOf(t.live)
	newest := corev1.ObjectReference{Kind: "ReplicaSet", Name: t.object.Name + "-" + hash}
	for _, set := range w.sets {
		if set.Name == newest.Name {
			newest.UID = set.UID
		}
	}
	return append(makers, newest)
}

// tellsOf reports whether an event is about an object. One of the same name may have been
// there before, and what was said of that is no reason of this one.
func tellsOf(e corev1.Event, subject corev1.ObjectReference) bool {
	about := e.InvolvedObject
	switch {
	case about.Kind != subject.Kind || about.UID != "" && subject.UID != "" && about.UID != subject.UID:
		return false
	case subject.UID == "" && strings.HasSuffix(subject.Name, "-"): // of a revision that is not known
		return strings.HasPrefix(about.Name, subject.Name)
	default:
		return about.Name == subject.Name
	}
}

// eventsOf returns the latest warnings about objects, each text once.
func (w *witnesses) eventsOf(subjects []corev1.ObjectReference) []warning {
	var list []warning
	for _, e := range w.events {
		found := warning{e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Reason, strings.TrimSpace(e.Message)}
		known := slices.ContainsFunc(list, func(other warning) bool { return other.message == found.message })
		if !known && slices.ContainsFunc(subjects, func(subject corev1.ObjectReference) bool { return tellsOf(e, subject) }) {
			list = append(list, found)
		}
		if len(list) == maxEvents {
			break
		}
	}
	return list
}
