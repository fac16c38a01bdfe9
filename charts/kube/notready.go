package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"gantry/charts/release"
)

// NotReadyError says which objects did not become ready, and why.
type NotReadyError struct {
	// Objects that are not ready, with reasons.
	Objects []Unready
	// Total is how many objects were waited for.
	Total int
	// Waited is how long.
	Waited time.Duration
	// Err is context.DeadlineExceeded when the time was over, an [*UnreachableError] when
	// the cluster did not answer then, a [*StuckError] when more time would not have
	// helped, or the failure that ended the wait.
	Err error
}

// Error prints the first object and its first reason.
func (e *NotReadyError) Error() string {
	text := fmt.Sprintf("not ready after %s", e.Waited)
	if _, isStuck := errors.AsType[*StuckError](e.Err); isStuck {
		return fmt.Sprintf("gave up after %s: %v", e.Waited, e.Err)
	}
	_, away := errors.AsType[*UnreachableError](e.Err)
	if away || !errors.Is(e.Err, context.DeadlineExceeded) {
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
	// Logs are the last lines of containers that ended badly; those of a few objects only,
	// where many are not ready.
	Logs []string

	// pods are those that the reasons are about.
	pods []corev1.Pod
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
