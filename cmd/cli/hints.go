package cli

import "errors"

// hintError is an error that knows what to type next.
type hintError struct {
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }

// withHint attaches advice to an error: a command or a flag that exists.
func withHint(err error, hint string) error { return &hintError{err, hint} }

// hintFor returns what the user may type next, or "".
func hintFor(err error) string {
	if h, ok := errors.AsType[*hintError](err); ok {
		return h.hint
	}
	return ""
}
