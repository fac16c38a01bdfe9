package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// DefaultReachTimeout bounds the first request: an address that swallows packets
// would otherwise be tried for half a minute.
const DefaultReachTimeout = 8 * time.Second

// UnreachableError means that the cluster does not answer.
type UnreachableError struct {
	// Address is what was tried.
	Address string
	// Waited is how long an answer was waited for, at most.
	Waited time.Duration
	// Err is how it failed.
	Err error
}

// Error prints the address and the innermost reason.
func (e *UnreachableError) Error() string {
	if errors.Is(e.Err, context.DeadlineExceeded) {
		return fmt.Sprintf("the cluster at %s has not answered in %s", e.Address, e.Waited)
	}
	return fmt.Sprintf("the cluster at %s does not answer: %s", e.Address, reason(e.Err))
}

// Unwrap returns how it failed.
func (e *UnreachableError) Unwrap() error { return e.Err }

// DeniedError means that the cluster answers, but not to these credentials.
type DeniedError struct {
	// Address is the cluster's.
	Address string
	// Err is what it said.
	Err error
}

// Error prints the address.
func (e *DeniedError) Error() string {
	return fmt.Sprintf("the cluster at %s does not accept the credentials of the kubeconfig: Unauthorized", e.Address)
}

// Unwrap returns what the cluster said.
func (e *DeniedError) Unwrap() error { return e.Err }

// Reach asks the cluster for its version. The error is an [*UnreachableError],
// after the timeout at most, or a [*DeniedError].
func (c *Cluster) Reach(ctx context.Context) error {
	tried, cancel := context.WithTimeout(impatient(ctx), c.reachTimeout)
	defer cancel()
	client, err := c.ToDiscoveryClient()
	if err != nil {
		return fmt.Errorf("use the kubeconfig: %w", err)
	}
	err = repeat(tried, func() (bool, error) {
		err := client.RESTClient().Get().AbsPath("/version").Do(tried).Error()
		status, answered := statusOf(err)
		return answered && (status == http.StatusTooManyRequests || status >= http.StatusInternalServerError) || errors.Is(err, io.EOF), err
	})
	switch {
	case err == nil, apierrors.IsForbidden(err):
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case apierrors.IsUnauthorized(err):
		return &DeniedError{Address: c.Address(), Err: err}
	default:
		return &UnreachableError{Address: c.Address(), Waited: c.reachTimeout, Err: err}
	}
}

// Lost turns an error that means that the connection is gone into an
// [*UnreachableError], one that means that the credentials are no longer taken into a
// [*DeniedError], and returns others as they are.
func (c *Cluster) Lost(err error) error {
	_, away := errors.AsType[*UnreachableError](err)
	if _, denied := errors.AsType[*DeniedError](err); away || denied || err == nil {
		return err
	}
	if apierrors.IsUnauthorized(err) {
		return &DeniedError{Address: c.Address(), Err: err}
	}
	_, unsent := errors.AsType[*url.Error](err)
	ended := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	if !ended && (unsent || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)) {
		return &UnreachableError{Address: c.Address(), Err: err}
	}
	return err
}

// reason takes off the layers that repeat the address and the request.
func reason(err error) string {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "its answer broke off"
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return "no such host " + e.Name
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Err != nil {
		err = e.Err
	}
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e.Error()
	}
	return err.Error()
}
