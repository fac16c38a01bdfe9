package controlplane

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// placement is where a pod runs.
type placement struct{ nodeIP, podIP string }

// stageOf reads from its status what a pod does, and since when, as far as whole
// seconds can tell.
func stageOf(p *corev1.Pod) (stage, time.Time) {
	if p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
		return stageEnded, time.Time{}
	}
	if len(p.Status.ContainerStatuses) == 0 {
		return stageNew, time.Time{}
	}
	switch s := p.Status.ContainerStatuses[0]; {
	case s.State.Running != nil:
		return stageRunning, s.State.Running.StartedAt.Time
	case s.State.Waiting != nil && s.LastTerminationState.Terminated != nil:
		return stageBackOff, s.LastTerminationState.Terminated.FinishedAt.Time
	default:
		return stageWaiting, time.Time{}
	}
}

func restartsOf(p *corev1.Pod) int32 {
	if len(p.Status.ContainerStatuses) == 0 {
		return 0
	}
	return p.Status.ContainerStatuses[0].RestartCount
}

// statusFor writes the status of a pod that takes a step.
func statusFor(p *corev1.Pod, next step, exitCode int32, at placement, now metav1.Time) corev1.PodStatus {
	s := *p.Status.DeepCopy()
	s.ObservedGeneration = p.Generation
	s.Phase = phaseFor(next.stage, exitCode)
	if s.StartTime == nil {
		s.StartTime = &now
	}
	s.HostIP, s.HostIPs = at.nodeIP, []corev1.HostIP{{IP: at.nodeIP}}
	if next.stage == stageRunning || next.stage == stageBackOff {
		s.PodIP, s.PodIPs = at.podIP, []corev1.PodIP{{IP: at.podIP}}
	}
	setConditions(p, &s, next, now)
	writer := containerWriter{pod: p, next: next, exitCode: exitCode, now: now}
	s.ContainerStatuses = writer.regular(p.Spec.Containers, p.Status.ContainerStatuses)
	s.InitContainerStatuses = nil
	for _, c := range p.Spec.InitContainers {
		one := []corev1.Container{c}
		if ptr.Deref(c.RestartPolicy, "") == corev1.ContainerRestartPolicyAlways {
			s.InitContainerStatuses = append(s.InitContainerStatuses, writer.regular(one, p.Status.InitContainerStatuses)...)
		} else {
			s.InitContainerStatuses = append(s.InitContainerStatuses, writer.init(c))
		}
	}
	return s
}

func phaseFor(s stage, exitCode int32) corev1.PodPhase {
	switch {
	case s == stageEnded && exitCode == 0:
		return corev1.PodSucceeded
	case s == stageEnded:
		return corev1.PodFailed
	case s == stageWaiting || s == stageNew:
		return corev1.PodPending
	default:
		return corev1.PodRunning
	}
}

func setConditions(p *corev1.Pod, s *corev1.PodStatus, next step, now metav1.Time) {
	unready := "ContainersNotReady"
	switch s.Phase {
	case corev1.PodSucceeded:
		unready = "PodCompleted"
	case corev1.PodFailed:
		unready = "PodFailed"
	case corev1.PodPending, corev1.PodRunning, corev1.PodUnknown:
	}
	set := func(kind corev1.PodConditionType, ok bool, reason string) {
		setCondition(&s.Conditions, corev1.PodCondition{Type: kind, Status: status(ok), Reason: reason, LastTransitionTime: now, ObservedGeneration: p.Generation})
	}
	set(corev1.PodReadyToStartContainers, next.stage != stageEnded, unready)
	set(corev1.PodInitialized, next.stage != stageWaiting || len(p.Spec.InitContainers) == 0, "ContainersNotInitialized")
	set(corev1.ContainersReady, next.ready, unready)
	set(corev1.PodReady, next.ready && gatesOpen(p, s.Conditions), unready)
}

func status(ok bool) corev1.ConditionStatus {
	if ok {
		return corev1.ConditionTrue
	}
	return corev1.ConditionFalse
}

// setCondition keeps the time of a condition that does not change.
func setCondition(all *[]corev1.PodCondition, want corev1.PodCondition) {
	if want.Status == corev1.ConditionTrue {
		want.Reason = ""
	}
	i := slices.IndexFunc(*all, func(c corev1.PodCondition) bool { return c.Type == want.Type })
	switch {
	case i < 0:
		*all = append(*all, want)
	case (*all)[i].Status != want.Status:
		(*all)[i] = want
	default:
		(*all)[i].Reason, (*all)[i].ObservedGeneration = want.Reason, want.ObservedGeneration
	}
}

// gatesOpen tells whether others say that the pod is ready, where it asks for it.
func gatesOpen(p *corev1.Pod, conditions []corev1.PodCondition) bool {
	return !slices.ContainsFunc(p.Spec.ReadinessGates, func(g corev1.PodReadinessGate) bool {
		return !slices.ContainsFunc(conditions, func(c corev1.PodCondition) bool {
			return c.Type == g.ConditionType && c.Status == corev1.ConditionTrue
		})
	})
}

// containerWriter writes the statuses of a pod's containers.
type containerWriter struct {
	pod      *corev1.Pod
	next     step
	exitCode int32
	now      metav1.Time
}

// regular writes the statuses of containers that are meant to stay.
func (w containerWriter) regular(containers []corev1.Container, old []corev1.ContainerStatus) []corev1.ContainerStatus {
	var all []corev1.ContainerStatus
	for _, c := range containers {
		s := w.status(c)
		s.Ready, s.RestartCount = w.next.ready, w.next.restarts
		s.Started = new(w.next.stage == stageRunning)
		var was corev1.ContainerStatus
		if i := slices.IndexFunc(old, func(o corev1.ContainerStatus) bool { return o.Name == c.Name }); i >= 0 {
			was = old[i]
		}
		s.LastTerminationState = was.LastTerminationState
		w.setState(&s, was.State)
		all = append(all, s)
	}
	return all
}

func (w containerWriter) setState(s *corev1.ContainerStatus, was corev1.ContainerState) {
	switch w.next.stage {
	case stageNew, stageWaiting:
		s.State.Waiting = &corev1.ContainerStateWaiting{Reason: w.next.blocker.waiting, Message: w.next.blocker.message}
		s.ImageID, s.ContainerID = "", ""
	case stageRunning:
		s.State.Running = &corev1.ContainerStateRunning{StartedAt: w.now}
		if was.Running != nil {
			s.State.Running = was.Running
		}
	case stageBackOff:
		s.State.Waiting = &corev1.ContainerStateWaiting{
			Reason:  "CrashLoopBackOff",
			Message: fmt.Sprintf("back-off %s restarting failed container=%s pod=%s_%s", backOff(w.next.restarts), s.Name, w.pod.Name, w.pod.Namespace),
		}
		if was.Running != nil {
			s.LastTerminationState = corev1.ContainerState{Terminated: w.terminated(was.Running.StartedAt)}
		}
	case stageEnded:
		began := w.now
		if was.Running != nil {
			began = was.Running.StartedAt
		}
		s.State.Terminated = w.terminated(began)
	}
}

// init writes the status of a container that ends before the others start.
func (w containerWriter) init(c corev1.Container) corev1.ContainerStatus {
	s := w.status(c)
	s.Started = new(false)
	if w.next.stage == stageWaiting {
		s.State.Waiting = &corev1.ContainerStateWaiting{Reason: "PodInitializing"}
		return s
	}
	began := w.now
	if w.pod.Status.StartTime != nil {
		began = *w.pod.Status.StartTime
	}
	s.Ready = true
	s.State.Terminated = &corev1.ContainerStateTerminated{Reason: "Completed", StartedAt: began, FinishedAt: began, ContainerID: s.ContainerID}
	return s
}

func (w containerWriter) status(c corev1.Container) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: c.Name, Image: c.Image, ImageID: "sandbox://" + c.Image, ContainerID: "sandbox://" + string(w.pod.UID) + "/" + c.Name}
}

func (w containerWriter) terminated(began metav1.Time) *corev1.ContainerStateTerminated {
	reason := "Completed"
	if w.exitCode != 0 {
		reason = "Error"
	}
	return &corev1.ContainerStateTerminated{ExitCode: w.exitCode, Reason: reason, StartedAt: began, FinishedAt: w.now}
}
