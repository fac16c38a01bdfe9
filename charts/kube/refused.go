package kube

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gantry/charts/release"
)

// refused says why the API server does not take an object. Other errors say what
// was being done.
func refused(doing string, o release.Object, err error) error {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok {
		return fmt.Errorf("%s %s: %w", doing, o, err)
	}
	why, known := reasonFor(status)
	if !known {
		return fmt.Errorf("%s %s: %w", doing, o, err)
	}
	e := &release.RefusedError{Doing: doing, Object: o, Why: why, Problem: problem(status), Err: err}
	if why == release.RefusedConflict {
		e.Conflicts = conflictsIn(err)
	}
	return e
}

// reasonFor sorts the answers of the API server.
func reasonFor(status *apierrors.StatusError) (why release.Refusal, known bool) {
	message := status.ErrStatus.Message
	switch {
	// A webhook with side effects says so with this answer.
	case apierrors.IsBadRequest(status) && strings.Contains(message, "dry run"), apierrors.IsBadRequest(status) && strings.Contains(message, "dryRun"):
		return release.RefusedRehearsal, true
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

// immutable reports whether every field at fault is one that cannot change. The
// API server has no reason of its own for that; these are the words of its
// validation.
func immutable(status *apierrors.StatusError) bool {
	words := regexp.MustCompile(`immutable|may not change|may not be changed|cannot be changed|can not be changed|updates to \S+ spec for fields other than|is forbidden after creation|pod updates may not`)
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
			part := c.Message
			if c.Field != "" && !strings.Contains(part, c.Field) {
				part = c.Field + ": " + part
			}
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return status.ErrStatus.Message
	}
	return strings.Join(parts, "; ")
}

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

// statusOf returns the status code of an answer of the API server.
func statusOf(err error) (code int, answered bool) {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok {
		return 0, false
	}
	return int(status.ErrStatus.Code), true
}
