package release

import (
	"context"
	"errors"
)

// interruptedError is an operation that was cancelled. It is recorded in the
// release, so it speaks to people.
type interruptedError struct{}

func (interruptedError) Error() string { return "interrupted" }

// Is makes it the cancellation that it stands for.
func (interruptedError) Is(target error) bool { return target == context.Canceled }

// Ended says why an operation has ended before its time; nil while it has not.
func Ended(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, context.Canceled) {
		return interruptedError{}
	}
	return cause
}
