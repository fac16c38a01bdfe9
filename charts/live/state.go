package live

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// State is how a service, a pod or a container is, in a word.
type State string

// The states.
const (
	Running  State = "running"
	Starting State = "starting"
	// Failing is not ready for a reason that does not end by itself.
	Failing  State = "failing"
	Stopping State = "stopping"
	// Complete has ended, and was meant to.
	Complete State = "complete"
	// Failed has ended, and was not meant to.
	Failed State = "failed"
	// Stopped has no pods because none are wanted.
	Stopped State = "stopped"
	// Paused is a rollout that somebody has paused.
	Paused State = "paused"
	// Scheduled waits for its time.
	Scheduled State = "scheduled"
	// Missing is in the record of the release, but not in the cluster.
	Missing State = "missing"
)

// PodStatus is how a pod is.
type PodStatus struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	// Reason is Kubernetes' word for why, such as CrashLoopBackOff. It may be empty.
	Reason string `json:"reason,omitempty"`
	// Message is the same in a sentence.
	Message    string            `json:"message,omitempty"`
	Ready      bool              `json:"ready"`
	Restarts   int               `json:"restarts"`
	Node       string            `json:"node,omitempty"`
	IP         string            `json:"ip,omitempty"`
	Created    Time              `json:"created"`
	Containers []ContainerStatus `json:"containers"`
}

// ContainerStatus is how a container is.
type ContainerStatus struct {
	Name  string `json:"name"`
	Image string `json:"image"`
	// Init holds for containers that end before the others start.
	Init     bool   `json:"init,omitempty"`
	State    State  `json:"state"`
	Reason   string `json:"reason,omitempty"`
	Message  string `json:"message,omitempty"`
	Ready    bool   `json:"ready"`
	Restarts int    `json:"restarts"`
}

// hopeless are reasons for waiting that waiting alone does not end.
func hopeless(reason string) bool {
	return slices.Contains([]string{
		"CrashLoopBackOff", "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable",
		"ImageInspectError", "CreateContainerConfigError", "CreateContainerError", "RunContainerError",
	}, reason)
}

// ReadPod says how a pod is.
func ReadPod(pod *corev1.Pod) PodStatus {
	return readPod(pod, func(string) bool { return true })
}

// readPod says how some of the containers of a pod are. It is ready when all of them are.
func readPod(pod *corev1.Pod, has func(container string) bool) PodStatus {
	p := PodStatus{Name: pod.Name, Node: pod.Spec.NodeName, IP: pod.Status.PodIP, Created: Time{pod.CreationTimestamp.Time}}
	for _, c := range pod.Spec.InitContainers {
		if has(c.Name) {
			p.add(readContainer(c, pod.Status.InitContainerStatuses, !stays(&c)))
		}
	}
	for _, c := range pod.Spec.Containers {
		if has(c.Name) {
			p.add(readContainer(c, pod.Status.ContainerStatuses, false))
		}
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			p.Ready = c.Status == corev1.ConditionTrue
		}
	}
	if len(p.Containers) < len(pod.Spec.InitContainers)+len(pod.Spec.Containers) {
		p.Ready = !slices.ContainsFunc(p.Containers, func(c ContainerStatus) bool { return !c.Init && !c.Ready })
	}
	p.State, p.Reason, p.Message = p.judge(pod)
	return p
}

func (p *PodStatus) add(c ContainerStatus) {
	p.Containers = append(p.Containers, c)
	p.Restarts += c.Restarts
}

func (p *PodStatus) judge(pod *corev1.Pod) (State, string, string) {
	switch {
	case pod.DeletionTimestamp != nil:
		return Stopping, "Terminating", ""
	case pod.Status.Phase == corev1.PodSucceeded:
		return Complete, "", ""
	case pod.Status.Phase == corev1.PodFailed:
		_, reason, message := p.worst()
		if pod.Status.Reason != "" {
			reason, message = pod.Status.Reason, pod.Status.Message
		}
		return Failed, reason, message
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			state := Starting
			if c.Reason == corev1.PodReasonUnschedulable {
				state = Failing
			}
			return state, c.Reason, c.Message
		}
	}
	if state, reason, message := p.worst(); state != Running {
		return state, reason, message
	}
	if !p.Ready {
		return Starting, "ReadinessGatesNotReady", "a readiness gate of the pod is not open"
	}
	return Running, "", ""
}

// worst returns the state of the container that keeps the pod from running.
func (p *PodStatus) worst() (State, string, string) {
	rank := func(s State) int { return slices.Index([]State{Failing, Failed, Starting}, s) }
	state, reason, message := Running, "", ""
	for _, c := range p.Containers {
		if c.Init && c.State == Complete {
			continue
		}
		if r := rank(c.State); r >= 0 && (state == Running || r < rank(state)) {
			state, reason, message = c.State, c.Reason, c.Message
		}
	}
	return state, reason, message
}

func readContainer(spec corev1.Container, statuses []corev1.ContainerStatus, init bool) ContainerStatus {
	c := ContainerStatus{Name: spec.Name, Image: spec.Image, Init: init, State: Starting}
	i := slices.IndexFunc(statuses, func(s corev1.ContainerStatus) bool { return s.Name == spec.Name })
	if i < 0 {
		return c
	}
	s := statuses[i]
	c.Ready, c.Restarts = s.Ready, int(s.RestartCount)
	switch {
	case s.State.Waiting != nil:
		c.Reason, c.Message = s.State.Waiting.Reason, s.State.Waiting.Message
		if hopeless(c.Reason) {
			c.State = Failing
		}
		if end := s.LastTerminationState.Terminated; end != nil && c.Reason == "CrashLoopBackOff" {
			c.Message = ended(end)
		}
	case s.State.Terminated != nil:
		c.State, c.Reason = Complete, ""
		if s.State.Terminated.ExitCode != 0 {
			c.State, c.Reason, c.Message = Failed, s.State.Terminated.Reason, ended(s.State.Terminated)
		}
	case s.State.Running != nil && (s.Ready || init):
		c.State = Running
		if init {
			c.State, c.Reason = Starting, "Initializing"
		}
	case s.State.Running != nil && s.Started != nil && !*s.Started:
		c.Reason, c.Message = "NotStarted", "its startup probe has not succeeded yet"
	case s.State.Running != nil:
		c.Reason, c.Message = "NotReady", "its readiness probe does not succeed"
	}
	return c
}

// ended says how a container ended.
func ended(end *corev1.ContainerStateTerminated) string {
	text := fmt.Sprintf("ended with exit code %d", end.ExitCode)
	if end.Reason != "" && end.Reason != "Error" {
		text += " (" + end.Reason + ")"
	}
	if end.Message != "" {
		text += ": " + strings.TrimSpace(end.Message)
	}
	return text
}
