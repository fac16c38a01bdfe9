package blob

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	smithy "github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// statusOf returns the status of an answer that said no, and 0 when there was
// none.
func statusOf(err error) int {
	if answer, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return answer.HTTPStatusCode()
	}
	return 0
}

func codeOf(err error) string {
	if said, ok := errors.AsType[smithy.APIError](err); ok {
		return said.ErrorCode()
	}
	return ""
}

// isBucket reports that it is the bucket that is missing.
func isBucket(err error) bool { return codeOf(err) == "NoSuchBucket" }

// answerError says what a bucket said, without what the library says of itself.
type answerError struct {
	text string
	err  error
}

func (e *answerError) Error() string { return e.text }

func (e *answerError) Unwrap() error { return e.err }

func shortened(err error) error {
	if said, ok := errors.AsType[smithy.APIError](err); ok {
		return &answerError{fmt.Sprintf("the bucket answers %d %s: %s", statusOf(err), said.ErrorCode(), said.ErrorMessage()), err}
	}
	if sending, ok := errors.AsType[*url.Error](err); ok {
		return &answerError{sending.Error(), err}
	}
	return err
}

// translateS3 turns what a bucket says into the errors of the contract, and into
// those of a disk where it has the same troubles.
func translateS3(err error) error {
	switch status := statusOf(err); {
	case err == nil:
		return nil
	case status == http.StatusNotFound && !isBucket(err):
		return ErrNotFound
	case status == http.StatusPreconditionFailed:
		return ErrMismatch
	case status == http.StatusInsufficientStorage, codeOf(err) == "QuotaExceeded":
		return fmt.Errorf("%w: %w", syscall.ENOSPC, shortened(err))
	case status == http.StatusNotImplemented:
		return fmt.Errorf("%w: %w", ErrUnconditional, shortened(err))
	case status == http.StatusForbidden:
		return fmt.Errorf("%w: %w", fs.ErrPermission, shortened(err))
	default:
		return shortened(err)
	}
}

// failedForSure reports whether the server itself has answered: nothing happens any
// more. Answers of gateways say only that they have none.
func failedForSure(err error) bool {
	switch statusOf(err) {
	case 0, http.StatusBadGateway, http.StatusGatewayTimeout:
		return false
	default:
		return true
	}
}

// retryable reports whether the same request may succeed later.
func retryable(err error) bool {
	if statusOf(err) == http.StatusConflict {
		return true // another conditional write was under way
	}
	return retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) == aws.TrueTernary
}
