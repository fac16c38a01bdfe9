package kube

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

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
