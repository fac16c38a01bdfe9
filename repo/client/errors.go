package client

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// ErrDigest reports that a download is not what the index promised.
var ErrDigest = errors.New("the content does not match its digest")

// ErrTooLarge reports that a server sent more than is read.
var ErrTooLarge = errors.New("the answer is larger than allowed")

// UnreachableError reports that a server did not answer.
type UnreachableError struct {
	Method string
	// URL has no password in it.
	URL string
	Err error
}

// Error says what was tried and what happened.
func (e *UnreachableError) Error() string {
	// The HTTP client repeats method and URL in front of the reason.
	reason := e.Err
	if inner, ok := errors.AsType[*url.Error](e.Err); ok {
		reason = inner.Err
	}
	return fmt.Sprintf("%s %s: %s", e.Method, e.URL, reason)
}

// Unwrap returns the reason.
func (e *UnreachableError) Unwrap() error { return e.Err }

// StatusError is an answer that says no.
type StatusError struct {
	Method string
	// URL has no password in it.
	URL    string
	Status int
	// Code, Message and Hint are what the server says of it. Servers other
	// than gantry's leave them empty, but for the message now and then.
	Code, Message, Hint string
}

// Error says what was asked, and what the server answered.
func (e *StatusError) Error() string {
	msg := fmt.Sprintf("%s %s: %d %s", e.Method, e.URL, e.Status, http.StatusText(e.Status))
	if e.Message != "" {
		msg += ": " + e.Message
	}
	return msg
}

// Unavailable reports that the server, or a proxy in front of it, cannot answer
// for now.
func (e *StatusError) Unavailable() bool {
	switch e.Status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	default:
		return false
	}
}

// URLError reports that something is not the address of a repository.
type URLError struct {
	// URL is what was given, without a password.
	URL string
}

// Error quotes what was given.
func (e *URLError) Error() string {
	return fmt.Sprintf("%q is not the http or https URL of a repository", e.URL)
}

// redact takes the password out of a URL, and out of what was meant to be one.
func redact(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" { // user:password@host, without a scheme
		if at := strings.LastIndex(text, "@"); at >= 0 {
			return "…" + text[at:]
		}
		return text
	}
	return u.Redacted()
}
