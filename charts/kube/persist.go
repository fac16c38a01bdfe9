package kube

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// outage is how long requests are tried again while the API server is away.
	outage = time.Minute
	// firstPause and longestPause bound how long a request rests between two tries.
	firstPause   = 100 * time.Millisecond
	longestPause = 2 * time.Second
)

// impatientKey marks the contexts of requests that are tried once.
type impatientKey struct{}

// impatient marks a context whose requests are tried once: those that find out
// whether anybody answers, and those whose second try would find the first.
func impatient(ctx context.Context) context.Context {
	return context.WithValue(ctx, impatientKey{}, true)
}

// persistent sends requests again when the API server was not there for them: it
// restarts, or is behind a load balancer that has lost it. Only what cannot take
// effect twice is sent again.
type persistent struct {
	next http.RoundTripper
	// tell is told when a request is tried again, once until one that was sent later is
	// answered.
	tell func(text string)
	// away holds from then on. Several may share it.
	away *atomic.Bool
}

// RoundTrip sends a request until it is answered, for a minute at most.
func (p *persistent) RoundTrip(req *http.Request) (*http.Response, error) {
	var over <-chan time.Time
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		wasAway := p.away.Load()
		resp, err := p.next.RoundTrip(req)
		if err == nil {
			resp, err = complete(req, resp)
		}
		why := again(req, resp, err)
		if err == nil && why == "" && wasAway { // what was sent before the outage does not end it
			p.away.Store(false)
		}
		if why == "" || req.Context().Value(impatientKey{}) != nil || req.Context().Err() != nil {
			return resp, err
		}
		next, ok := rewound(req)
		if !ok {
			return resp, err
		}
		if over == nil {
			over = time.After(outage)
			if p.away.CompareAndSwap(false, true) {
				p.tell("the API server does not answer as it should (" + why + "): trying again for up to " + outage.String())
			}
		}
		select {
		case <-over:
			return resp, err
		case <-req.Context().Done():
			return resp, err
		case <-time.After(pause):
		}
		if resp != nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16))
			_ = resp.Body.Close()
		}
		req = next
	}
}

// complete reads the answer to a write that can be sent again: a server that dies on the way may
// leave half of it. Nobody reads such an answer as it comes.
func complete(req *http.Request, resp *http.Response) (*http.Response, error) {
	switch req.Method {
	case http.MethodPatch, http.MethodPut, http.MethodDelete:
	default:
		return resp, nil
	}
	data, err := io.ReadAll(resp.Body)
	if cerr := resp.Body.Close(); err != nil || cerr != nil {
		return nil, errors.Join(err, cerr)
	}
	resp.Body = io.NopCloser(bytes.NewReader(data))
	return resp, nil
}

// rewound returns a request whose body was not read yet, if it can be had again.
func rewound(req *http.Request) (*http.Request, bool) {
	if req.Body == nil || req.Body == http.NoBody {
		return req, true
	}
	if req.GetBody == nil {
		return nil, false
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, false
	}
	next := req.Clone(req.Context())
	next.Body = body
	return next, true
}

// again says why a request may be sent again; it is empty when it may not be.
func again(req *http.Request, resp *http.Response, err error) string {
	if err != nil {
		if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "dial" {
			return reason(err) // it was never sent
		}
		if req.Method == http.MethodPost || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return ""
		}
		return reason(err)
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return resp.Status // it was turned away
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		if req.Method == http.MethodPost {
			return ""
		}
		switch head := peek(resp); {
		case bytes.Contains(head, []byte("failed to create typed ")), bytes.Contains(head, []byte(unconvertible)):
			return "" // an object that cannot be applied, which the server reports as a fault of its own
		case bytes.Contains(head, []byte(unasked)) && req.URL.Query().Has("dryRun"):
			return "" // it can be told at once: nothing was begun
		case bytes.Contains(head, []byte(unasked)):
			return "a webhook that it has to ask fails"
		}
		return resp.Status
	}
	return ""
}

// peek returns the beginning of an answer, which can still be read.
func peek(resp *http.Response) []byte {
	head, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<16)) // who reads all of it finds out what fails
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), resp.Body), resp.Body}
	return head
}

// attempts is how often an object is written again that the API server, or what
// stands before it, has let down in a way that a request alone does not survive.
const attempts = 5

// lostAnswer reports whether a write may have taken effect though it failed.
func lostAnswer(err error) bool {
	status, answered := statusOf(err)
	return !answered || status >= http.StatusInternalServerError
}

// repeat calls do until it no longer asks for another try.
func repeat(ctx context.Context, do func() (again bool, err error)) error {
	for try := 1; ; try++ {
		again, err := do()
		if !again || try == attempts {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (%w)", err, ctx.Err())
		case <-time.After(time.Duration(try) * firstPause):
		}
	}
}
