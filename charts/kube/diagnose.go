package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
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

	"gantry/charts/release"
)

const (
	// diagnoseTimeout bounds the search for reasons.
	diagnoseTimeout = 10 * time.Second
	// maxPods is how many pods of one object are told of: the second of a set
	// usually fails like the first.
	maxPods = 2
	// maxEvents is how many events of one object are told.
	maxEvents = 3
	// logLines is how much of a failed container's log is shown.
	logLines = 10
)

// NotReadyError says which objects did not become ready, and why.
type NotReadyError struct {
	// Objects that are not ready, with reasons.
	Objects []Unready
	// Total is how many objects were waited for.
	Total int
	// Waited is how long.
	Waited time.Duration
	// Err is context.DeadlineExceeded when the time was over, a [*StuckError] when
	// more time would not have helped, or the failure that ended the wait.
	Err error
}

// Error prints the first object and its first reason.
func (e *NotReadyError) Error() string {
	text := fmt.Sprintf("not ready after %s", e.Waited)
	if _, isStuck := errors.AsType[*StuckError](e.Err); isStuck {
		return fmt.Sprintf("gave up after %s: %v", e.Waited, e.Err)
	}
	if !errors.Is(e.Err, context.DeadlineExceeded) {
		text = e.Err.Error()
	}
	if len(e.Objects) == 0 {
		return text
	}
	text += ": " + e.Objects[0].String()
	if more := len(e.Objects) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

// Unwrap returns what ended the wait.
func (e *NotReadyError) Unwrap() error { return e.Err }

// DropLogs forgets the ends of logs: somebody has told them in full.
func (e *NotReadyError) DropLogs() {
	for i := range e.Objects {
		e.Objects[i].Logs = nil
	}
}

// Unready is one object that is not ready.
type Unready struct {
	Object release.Object
	// Message is the object's own state.
	Message string
	// Reasons are what its pods, their containers and the events say, the most
	// telling first.
	Reasons []string
	// Logs are the last lines of containers that ended badly.
	Logs []string
}

// String prints the object and the first reason.
func (u Unready) String() string {
	text := u.Object.String()
	if u.Message != "" {
		text += ": " + u.Message
	}
	if len(u.Reasons) > 0 {
		text += "; " + u.Reasons[0]
	}
	return text
}

func compareObjects(a, b release.Object) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
}

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
		list = append(list, seen[namespace].explain(ctx, client, t))
	}
	return list
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

func (w *witnesses) explain(ctx context.Context, client kubernetes.Interface, t target) Unready {
	u := Unready{Object: t.object, Message: t.message}
	if t.live != nil {
		u.Reasons = append(u.Reasons, conditionReasons(t.live)...)
	}
	pods := w.podsOf(t)
	names := []string{t.object.Name}
	for _, pod := range pods[:min(len(pods), maxPods)] {
		names = append(names, pod.Name)
		u.Reasons = append(u.Reasons, podReasons(pod)...)
		u.Logs = append(u.Logs, podLogs(ctx, client, pod)...)
	}
	for _, e := range w.eventsOf(names) {
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

// conditionReasons reads the conditions by which controllers say that they
// cannot go on.
func conditionReasons(live *unstructured.Unstructured) []string {
	conditions, _, _ := unstructured.NestedSlice(live.Object, "status", "conditions")
	var reasons []string
	for _, c := range conditions {
		fields, _ := c.(map[string]any)
		bad := fields["type"] == "ReplicaFailure" && fields["status"] == "True" ||
			fields["type"] == "Progressing" && fields["status"] == "False"
		if bad {
			reasons = append(reasons, fmt.Sprintf("%v: %v", fields["reason"], fields["message"]))
		}
	}
	return reasons
}

// podReasons says what keeps a pod from being ready.
func podReasons(pod corev1.Pod) []string {
	var reasons []string
	say := func(format string, args ...any) {
		reasons = append(reasons, "pod "+pod.Name+": "+fmt.Sprintf(format, args...))
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			say("%s: %s", c.Reason, c.Message)
		}
	}
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if text := containerReason(c); text != "" {
			say("container %s: %s", c.Name, text)
		}
	}
	if len(reasons) == 0 && pod.Status.Reason != "" {
		say("%s: %s", pod.Status.Reason, pod.Status.Message)
	}
	return reasons
}

func containerReason(c corev1.ContainerStatus) string {
	end := c.State.Terminated
	if end == nil {
		end = c.LastTerminationState.Terminated
	}
	ended := ""
	if end != nil && end.ExitCode != 0 {
		ended = fmt.Sprintf("ended with exit code %d (%s)", end.ExitCode, end.Reason)
		if end.Message != "" {
			ended += ": " + strings.TrimSpace(end.Message)
		}
	}
	wait := c.State.Waiting
	switch {
	case wait != nil && wait.Reason == "CrashLoopBackOff":
		return strings.TrimSpace(fmt.Sprintf("CrashLoopBackOff after %d restarts, %s", c.RestartCount, ended))
	case wait != nil && wait.Reason != "" && wait.Reason != "ContainerCreating" && wait.Reason != "PodInitializing":
		return strings.TrimSuffix(wait.Reason+": "+wait.Message, ": ")
	case ended != "":
		return ended
	case c.State.Running != nil && !c.Ready && c.Started != nil && !*c.Started:
		return "its startup probe has not succeeded yet"
	case c.State.Running != nil && !c.Ready:
		return "running, but not ready: its readiness probe does not succeed"
	default:
		return ""
	}
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

// eventsOf returns the latest warnings about the named objects, each text once;
// replica sets begin with the name of what made them.
func (w *witnesses) eventsOf(names []string) []warning {
	var list []warning
	for _, e := range w.events {
		about := e.InvolvedObject
		ours := slices.ContainsFunc(names, func(name string) bool {
			return about.Name == name || strings.HasPrefix(about.Name, name+"-") && about.Kind == "ReplicaSet"
		})
		found := warning{about.Kind, about.Name, e.Reason, strings.TrimSpace(e.Message)}
		known := slices.ContainsFunc(list, func(other warning) bool { return other.message == found.message })
		if ours && !known {
			list = append(list, found)
		}
		if len(list) == maxEvents {
			break
		}
	}
	return list
}

// podLogs returns the end of the logs of containers that ended badly.
func podLogs(ctx context.Context, client kubernetes.Interface, pod corev1.Pod) []string {
	var lines []string
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		previous := c.State.Terminated == nil
		end := c.State.Terminated
		if previous {
			end = c.LastTerminationState.Terminated
		}
		if end == nil || end.ExitCode == 0 {
			continue
		}
		for _, line := range tail(ctx, client, pod, c.Name, previous) {
			lines = append(lines, fmt.Sprintf("pod %s, container %s: %s", pod.Name, c.Name, line))
		}
	}
	return lines
}

func tail(ctx context.Context, client kubernetes.Interface, pod corev1.Pod, container string, previous bool) []string {
	count := int64(logLines)
	stream, err := client.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: container, Previous: previous, TailLines: &count}).Stream(ctx)
	if err != nil {
		return nil
	}
	defer stream.Close()
	data, err := io.ReadAll(io.LimitReader(stream, 64<<10))
	if err != nil || len(data) == 0 {
		return nil
	}
	return strings.Split(strings.TrimRight(string(data), "\n"), "\n")
}
