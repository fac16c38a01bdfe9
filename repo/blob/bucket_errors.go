package blob

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"syscall"
)

var (
	// ErrNoBucket reports that there is no bucket of that name.
	ErrNoBucket = errors.New("no such bucket")
	// ErrCredentials reports that there are no credentials for a bucket, or that
	// they are not taken.
	ErrCredentials = errors.New("no credentials for the bucket")
)

// answerError says what the server of a bucket said, or why it said nothing, without
// what a library says of itself.
type answerError struct {
	// status is that of the answer, and 0 when there was none.
	status int
	// code is the name that the server has for it, if any.
	code string
	text string
	// later tells that the same request may succeed later.
	later bool
	// bucket tells that it is the bucket that is missing.
	bucket bool
	err    error
}

func (e *answerError) Error() string { return e.text }

func (e *answerError) Unwrap() error { return e.err }

// said says what a server answered.
func said(status int, code, message string) string {
	return fmt.Sprintf("the bucket answers %d %s: %s", status, code, message)
}

// answered returns what the server of a bucket said, as far as it is known.
func answered(err error) answerError {
	if a, ok := errors.AsType[*answerError](err); ok {
		return *a
	}
	return answerError{}
}

// statusOf returns the status of an answer that said no, and 0 when there was
// none.
func statusOf(err error) int { return answered(err).status }

// isBucket reports that it is the bucket that is missing.
func isBucket(err error) bool { return answered(err).bucket }

// again reports whether a request is to be sent once more after a try. At a conflict,
// another conditional write was under way.
func again(try int, err error) bool {
	a := answered(err)
	tries := bucketTries
	switch {
	case a.status == http.StatusTooManyRequests:
		tries = bucketPatience
	case isSilence(err):
		tries = bucketSilences
	}
	return try < tries && (a.later || a.status == http.StatusConflict)
}

// isSilence reports that a server did not answer in time.
func isSilence(err error) bool {
	late, ok := errors.AsType[net.Error](err)
	return ok && late.Timeout()
}

// unsent says why there is no answer, without the URL.
func unsent(err error) string {
	if sending, ok := errors.AsType[*url.Error](err); ok {
		err = sending.Err
	}
	return "the bucket does not answer: " + err.Error()
}

// translateAnswer turns what a bucket says into the errors of the contract, and into
// those of a disk where it has the same troubles.
func translateAnswer(err error) error {
	a := answered(err)
	switch {
	case err == nil:
		return nil
	case a.bucket:
		return fmt.Errorf("%w: %w", ErrNoBucket, err)
	case a.status == http.StatusNotFound:
		return ErrNotFound
	case a.status == http.StatusPreconditionFailed:
		return ErrMismatch
	case a.status == http.StatusInsufficientStorage, a.code == "QuotaExceeded":
		return fmt.Errorf("%w: %w", syscall.ENOSPC, err)
	case a.status == http.StatusNotImplemented:
		return fmt.Errorf("%w: %w", ErrUnconditional, err)
	case a.status == http.StatusUnauthorized:
		return fmt.Errorf("%w: %w", ErrCredentials, err)
	case a.status == http.StatusForbidden:
		return fmt.Errorf("%w: %w", fs.ErrPermission, err)
	default:
		return err
	}
}

// failedForSure reports whether the server itself has answered: nothing happens any
// more. Answers of gateways say only that they have none.
func failedForSure(err error) bool {
	switch statusOf(err) {
	case 0, http.StatusRequestTimeout, http.StatusBadGateway, http.StatusGatewayTimeout:
		return false
	default:
		return true
	}
}
