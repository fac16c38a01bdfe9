package cli

import (
	"context"
	"errors"
	"strings"

	"gantry/charts/diag"
)

// Exit codes, as every command's help lists them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInput       = 3
	exitNotFound    = 4
	exitUnreachable = 5
	exitTimeout     = 6
	exitInterrupted = 130
	// exitDiffers is what git diff and others say for a difference; only commands
	// that are asked for it with --exit-code do.
	exitDiffers = 2
)

const exitCodesHelp = `Exit codes:
  0 done, 1 failed, 2 usage, 3 the input had errors, 4 not found,
  5 cluster or repository unreachable, 6 not ready in time, 130 interrupted`

// exitError is an error that decides the exit code by itself.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func usageError(err error) error       { return &exitError{exitUsage, err} }
func notFoundError(err error) error    { return &exitError{exitNotFound, err} }
func unreachableError(err error) error { return &exitError{exitUnreachable, err} }

// interruptedError is an error of a command that somebody ended, in the words of people.
type interruptedError struct{ err error }

func (e *interruptedError) Error() string {
	return strings.ReplaceAll(e.err.Error(), context.Canceled.Error(), "interrupted")
}
func (e *interruptedError) Unwrap() error { return e.err }

// exitCode maps an error to the code that the process ends with.
func exitCode(ctx context.Context, err error) int {
	if err == nil {
		return exitDone
	}
	if ctx.Err() != nil {
		return exitInterrupted
	}
	if exit, ok := errors.AsType[*exitError](err); ok {
		return exit.code
	}
	if _, ok := errors.AsType[*diag.Errors](err); ok {
		return exitInput
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return exitTimeout
	}
	return exitFailed
}
