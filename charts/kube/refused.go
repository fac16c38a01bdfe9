package kube

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"gantry/charts/compare"
	"gantry/charts/pattern"
	"gantry/charts/release"
)

// refused says why the API server does not take an object. Other errors say what
// was being done. Neither repeats the secrets of the object, as it is sent or as it is
// there.
func refused(doing string, obj, live *unstructured.Unstructured, err error) error {
	o := release.ObjectOf(obj)
	conceal := func(text string) string { return compare.Conceal(text, contents(obj), contents(live)) }
	otherwise := &concealedError{conceal(withoutDumps(fmt.Sprintf("%s %s: %v", doing, o, err))), err}
	status, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok {
		return otherwise
	}
	why, known := reasonFor(status)
	if !known {
		return otherwise
	}
	e := &release.RefusedError{Doing: doing, Object: o, Why: why, Problem: conceal(problem(status)), Err: err}
	if why == release.RefusedInvalid || why == release.RefusedUnmergeable {
		if faults := mistyped(obj); faults != nil {
			e.Why, e.Problem = release.RefusedMistyped, strings.Join(faults, "; ")
		}
	}
	if why == release.RefusedConflict {
		e.Conflicts = conflictsIn(err)
		for i, c := range e.Conflicts {
			e.Conflicts[i].At = writtenAt(live, c.Owner)
		}
	}
	return e
}

// concealedError is an error whose own words could have secrets in them.
type concealedError struct {
	text string
	err  error
}

func (e *concealedError) Error() string { return e.text }

// Unwrap returns the error in its own words.
func (e *concealedError) Unwrap() error { return e.err }

// contents returns the fields of an object, if there is one.
func contents(obj *unstructured.Unstructured) map[string]any {
	if obj == nil {
		return nil
	}
	return obj.Object
}

// dump is a whole object or patch that the API server repeats as the value at fault:
// nobody finds the fault in it, and the variables of pods are in it.
var dump = pattern.Lazy(`(?s)Invalid value: ("map\[|"\{|\{|\[|map\[|&?\w+\.\w+\{).*[\]}]"?: `)

// withoutDumps leaves the values out that are whole objects.
func withoutDumps(text string) string { return dump().ReplaceAllString(text, "") }

// unconvertible is in the answer to an apply of an object whose values are not what
// its kind has: data of a Secret that is not base64.
const unconvertible = "unable to convert unstructured object"

// unasked is in the answer for an object of which a webhook could not be asked.
const unasked = "failed calling webhook"

// reasonFor sorts the answers of the API server.
func reasonFor(status *apierrors.StatusError) (why release.Refusal, known bool) {
	message := status.ErrStatus.Message
	switch {
	// A webhook with side effects says so with this answer.
	case apierrors.IsBadRequest(status) && strings.Contains(message, "dry run"), apierrors.IsBadRequest(status) && strings.Contains(message, "dryRun"):
		return release.RefusedRehearsal, true
	case apierrors.IsInternalError(status) && strings.Contains(message, unasked):
		return release.RefusedUnasked, true
	case strings.Contains(message, unconvertible):
		return release.RefusedInvalid, true
	// The typed merge has no error of its own.
	case strings.Contains(message, "failed to create typed patch object"), strings.Contains(message, "failed to create typed live object"):
		return release.RefusedUnmergeable, true
	case apierrors.IsInvalid(status) && immutable(status):
		return release.RefusedImmutable, true
	case apierrors.IsInvalid(status), apierrors.IsBadRequest(status):
		return release.RefusedInvalid, true
	case apierrors.IsConflict(status), apierrors.IsAlreadyExists(status):
		return release.RefusedConflict, true
	case apierrors.IsForbidden(status):
		return release.RefusedForbidden, true
	case apierrors.IsNotFound(status):
		return release.RefusedMissing, true
	}
	return "", false
}

// unchangeable are the words of the API server's validation for a field that cannot
// change; it has no reason of its own for that.
var unchangeable = pattern.Lazy(`immutable|may not change|may not be changed|cannot be changed|can not be changed|updates to \S+ spec for fields other than|is forbidden after creation|pod updates may not`)

// immutable reports whether every field at fault is one that cannot change.
func immutable(status *apierrors.StatusError) bool {
	words := unchangeable()
	if status.ErrStatus.Details == nil {
		return words.MatchString(status.ErrStatus.Message)
	}
	for _, c := range status.ErrStatus.Details.Causes {
		if !words.MatchString(c.Message) {
			return false
		}
	}
	return len(status.ErrStatus.Details.Causes) > 0
}

// problem prints the fields at fault, or else the server's own words.
func problem(status *apierrors.StatusError) string {
	var parts []string
	if status.ErrStatus.Details != nil {
		for _, c := range status.ErrStatus.Details.Causes {
			// Of a claim, lines of a difference follow, which is that of the plan.
			part, _, _ := strings.Cut(withoutDumps(c.Message), "\n")
			if c.Field != "" && !strings.Contains(part, c.Field) {
				part = c.Field + ": " + part
			}
			if !slices.Contains(parts, part) { // an apply has a cause for each of its managers
				parts = append(parts, part)
			}
		}
	}
	if len(parts) == 0 {
		return untyped(withoutDumps(status.ErrStatus.Message))
	}
	return strings.Join(parts, "; ")
}

// untyped leaves out of the words of the typed merge what is about the program: its lines become
// one, and values are not printed as Go has them.
func untyped(text string) string {
	_, faults, found := strings.Cut(text, ": errors:\n")
	if !found {
		return text
	}
	lines := strings.Split(goValue().ReplaceAllString(faults, ""), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "; ")
}

var goValue = pattern.Lazy(`, got &value\.valueUnstructured\{.*\}`)

// conflictsIn returns the fields that somebody else owns.
func conflictsIn(err error) []release.Conflict {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok || status.ErrStatus.Details == nil {
		return nil
	}
	var list []release.Conflict
	for _, c := range status.ErrStatus.Details.Causes {
		if c.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		// The message begins: conflict with "kubectl" with subresource "scale"
		owner := c.Message
		if _, rest, found := strings.Cut(c.Message, `"`); found {
			owner, _, _ = strings.Cut(rest, `"`)
		}
		list = append(list, release.Conflict{Field: c.Field, Owner: owner})
	}
	return list
}

// writtenAt returns when a manager has last written an object; zero when it has not.
func writtenAt(obj *unstructured.Unstructured, manager string) time.Time {
	var last time.Time
	if obj == nil {
		return last
	}
	for _, entry := range obj.GetManagedFields() {
		if entry.Manager == manager && entry.Time != nil && entry.Time.After(last) {
			last = entry.Time.Time
		}
	}
	return last
}

// statusOf returns the status code of an answer of the API server.
func statusOf(err error) (code int, answered bool) {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok {
		return 0, false
	}
	return int(status.ErrStatus.Code), true
}
