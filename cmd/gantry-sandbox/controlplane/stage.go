package controlplane

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// stage is what the containers of a pod do. All of a pod do the same.
type stage int

const (
	stageNew     stage = iota // nothing was said about the pod yet
	stageWaiting              // they can't start
	stageRunning
	stageBackOff // they ended and will start again
	stageEnded   // they ended for good
)

// situation is all that decides what comes next for a pod.
type situation struct {
	stage    stage
	since    time.Duration // how long it has been at the stage
	restarts int32
	policy   corev1.RestartPolicy
	behaviour
	// blocked is why the containers can't start, besides the image.
	blocked *blocker
}

// step is what comes next: the stage to be at and how, and when to look again,
// where 0 means that only a change of the pod matters.
type step struct {
	stage    stage
	ready    bool
	restarts int32
	blocker  *blocker
	again    time.Duration
}

// blocker is why containers don't start, in a kubelet's words.
type blocker struct {
	// waiting is the reason of the containers' state, event that of the event.
	waiting, event, message string
}

// next decides what comes next. It is a pure function, thus the whole life of a
// pod can be tested without a cluster.
func (s situation) next() step {
	switch s.stage {
	case stageEnded:
		return step{stage: stageEnded, restarts: s.restarts}
	case stageRunning:
		return s.run()
	case stageBackOff:
		if left := backOff(s.restarts) - s.since; left > 0 {
			return step{stage: stageBackOff, restarts: s.restarts, again: left}
		}
	case stageNew, stageWaiting:
	}
	return s.begin()
}

// begin starts the containers if they can start.
func (s situation) begin() step {
	if b := s.obstacle(); b != nil {
		return step{stage: stageWaiting, restarts: s.restarts, blocker: b}
	}
	s.stage, s.since = stageRunning, 0
	return s.run()
}

func (s situation) obstacle() *blocker {
	if s.imagePullFailure {
		return &blocker{"ImagePullBackOff", "Failed", "Back-off pulling image: the pod asks for this by " + annotationImagePullFailure}
	}
	return s.blocked
}

func (s situation) run() step {
	ends := s.crashLoop || s.policy != corev1.RestartPolicyAlways
	if ends && s.since >= s.runFor {
		if s.policy == corev1.RestartPolicyNever || s.policy == corev1.RestartPolicyOnFailure && s.exitCode == 0 {
			return step{stage: stageEnded, restarts: s.restarts}
		}
		return step{stage: stageBackOff, restarts: s.restarts + 1, again: backOff(s.restarts + 1)}
	}
	// A container that crashes is never ready here: with a real one, that depends
	// on who looks when.
	able := !s.notReady && !s.crashLoop
	next := step{stage: stageRunning, restarts: s.restarts, ready: able && s.since >= s.readyAfter}
	if able && !next.ready {
		next.again = s.readyAfter - s.since
	}
	if left := s.runFor - s.since; ends && (next.again == 0 || left < next.again) {
		next.again = left
	}
	return next
}

const (
	firstBackOff = 250 * time.Millisecond
	maxBackOff   = 10 * time.Second
)

// backOff is how long a container waits before a restart: it doubles, as a
// kubelet's does, but forty times faster.
func backOff(restarts int32) time.Duration {
	wait := firstBackOff
	for range restarts - 1 {
		if wait *= 2; wait >= maxBackOff {
			return maxBackOff
		}
	}
	return wait
}
