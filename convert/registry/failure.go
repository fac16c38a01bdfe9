package registry

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"gantry/convert/rules"
)

// dockerHub is how people call the registry that images without one come from.
const dockerHub = "Docker Hub"

// failure says why a registry says nothing of an image, and what to do.
func failure(registry string, err error, timeout time.Duration) *rules.ImageFailure {
	shown, login := registry, "docker login "+registry
	if registry == name.DefaultRegistry {
		shown, login = dockerHub, "docker login"
	}
	if answer, ok := errors.AsType[*transport.Error](err); ok {
		return answered(answer, shown, login)
	}
	f := &rules.ImageFailure{
		Code: rules.CodeImageUnreachable, Summary: fmt.Sprintf("could not be looked up: %s cannot be reached (%v)", shown, cause(err)),
		Hint: "check the network and the name of the registry",
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		f.Summary = fmt.Sprintf("could not be looked up: %s did not answer within %s", shown, timeout)
	case isUnknownAuthority(err):
		f.Summary = fmt.Sprintf("could not be looked up: the certificate of %s is signed by nobody known here", shown)
		f.Hint = "put the certificate of its authority at " + path.Join(defaultCertsDir, registry, "ca.crt")
	case errors.Is(err, errPlain):
		f.Summary = fmt.Sprintf("could not be looked up: %s speaks plain HTTP, which is for registries of this machine", shown)
		f.Hint = "give the registry a certificate"
	}
	return f
}

// answered says what an answer of a registry means.
func answered(err *transport.Error, shown, login string) *rules.ImageFailure {
	switch err.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return &rules.ImageFailure{
			Code: rules.CodeImageDenied, Summary: fmt.Sprintf("could not be looked up: %s has no such image, or shows it to others only", shown),
			Hint: login,
		}
	case http.StatusNotFound:
		return &rules.ImageFailure{
			Code: rules.CodeImageNotFound, Summary: "is not at " + shown, Hint: "correct the name and the tag, or push the image first",
		}
	case http.StatusTooManyRequests:
		return &rules.ImageFailure{
			Code: rules.CodeImageUnreachable, Summary: fmt.Sprintf("could not be looked up: %s has had too many requests from here", shown),
			Hint: "wait, or sign in with: " + login,
		}
	default:
		return &rules.ImageFailure{
			Code: rules.CodeImageUnreachable, Summary: fmt.Sprintf("could not be looked up: %s answered %d %s", shown, err.StatusCode, http.StatusText(err.StatusCode)),
			Hint: "try again later",
		}
	}
}

// cause is the innermost error that says something: what wraps it repeats the
// address.
func cause(err error) error {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return errors.New(dns.Err)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

func isUnknownAuthority(err error) bool {
	_, ok := errors.AsType[x509.UnknownAuthorityError](err)
	return ok
}
