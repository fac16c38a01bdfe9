package kube

import (
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"gantry/charts/release"
)

// RefusedError is an object that the API server does not take.
type RefusedError struct {
	// Doing is what was tried: create, change.
	Doing string
	// Object is what it was tried on.
	Object release.Object
	// Causes are the fields at fault.
	Causes []Cause
	// Err is the server's answer.
	Err error
}

// Cause is one field that is at fault.
type Cause struct {
	// Field is a path such as spec.replicas. It may be empty.
	Field string
	// Problem says what is wrong with it.
	Problem string
}

// Error prints the object and every cause.
func (e *RefusedError) Error() string {
	parts := make([]string, 0, len(e.Causes))
	for _, c := range e.Causes {
		part := c.Problem
		if c.Field != "" && !strings.Contains(part, c.Field) {
			part = c.Field + ": " + part
		}
		parts = append(parts, part)
	}
	return fmt.Sprintf("%s %s: the API server refuses it: %s", e.Doing, e.Object, strings.Join(parts, "; "))
}

// Unwrap returns the server's answer.
func (e *RefusedError) Unwrap() error { return e.Err }

func causes(status *apierrors.StatusError) []Cause {
	if status.ErrStatus.Details == nil {
		return nil
	}
	var list []Cause
	for _, c := range status.ErrStatus.Details.Causes {
		list = append(list, Cause{Field: c.Field, Problem: c.Message})
	}
	return list
}
