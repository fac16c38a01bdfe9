package release

import (
	"fmt"
	"strings"

	"gantry/charts/compare"
)

// Action is what happened to an object, or to the release.
type Action string

// The actions of events.
const (
	// Created means that the object was not there before.
	Created Action = "created"
	// Changed means that the object was patched.
	Changed Action = "changed"
	// Unchanged means that the object was already as it should be.
	Unchanged Action = "unchanged"
	// Deleted means that the object is being deleted.
	Deleted Action = "deleted"
	// Kept means that the object is no longer of the release, and stays.
	Kept Action = "kept"
	// Waiting tells how far a wait has come.
	Waiting Action = "waiting"
	// Ready means that the object is ready, or that a hook has succeeded.
	Ready Action = "ready"
	// HookStarted means that a hook runs, and is waited for.
	HookStarted Action = "hook"
	// Warned is something that the API server, or gantry, wants to be known.
	Warned Action = "warning"
	// Doing is the beginning of a part of the work, such as a rollback after a
	// failed upgrade.
	Doing Action = "step"
)

// Object names an object of a cluster.
type Object = compare.Object

// Event is one thing that happened, told as it happens.
type Event struct {
	Action Action
	// Object is what it happened to; it has no name when it is the release.
	Object Object
	// Ready and Total count objects while waiting.
	Ready, Total int
	// Detail says more. It may be empty.
	Detail string
}

// String prints the event on a line.
func (e Event) String() string {
	var b strings.Builder
	switch e.Action {
	case Doing:
		return e.Detail
	case Warned:
		return "warning: " + e.Detail
	case Waiting:
		fmt.Fprintf(&b, "waiting: %d of %d ready", e.Ready, e.Total)
	case HookStarted:
		fmt.Fprintf(&b, "running hook %s", e.Object)
	case Created, Changed, Unchanged, Deleted, Kept, Ready:
		fmt.Fprintf(&b, "%s %s", e.Action, e.Object)
	}
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	return b.String()
}
