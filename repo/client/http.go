package client

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	// attempts is how often a request is tried that may succeed later.
	attempts  = 3
	firstWait = 200 * time.Millisecond
	// longestWait is how long a server may make us wait by Retry-After.
	longestWait = 10 * time.Second

	dialTimeout     = 5 * time.Second
	responseTimeout = 60 * time.Second
	// longestPause is how long an answer that has begun may be silent.
	longestPause = 60 * time.Second
	redirects    = 10
	// registryIdle is how long a connection to a registry is kept for the next request.
	registryIdle = 30 * time.Second
	// maxErrorBody is how much of an error's body is read.
	maxErrorBody = 64 << 10
)

// session is the HTTP client for one repository.
type session struct {
	client *Client
	repo   Repository
	origin *url.URL
	http   interface {
		Do(req *http.Request) (*http.Response, error)
	}
	// idle closes the connections that are left.
	idle func()
}

func (c *Client) session(r Repository) (*session, error) {
	origin, err := url.Parse(r.URL)
	if err != nil || origin.Host == "" || origin.Scheme != "http" && origin.Scheme != "https" {
		return nil, &URLError{URL: redact(r.URL)}
	}
	config, err := tlsConfig(r)
	if err != nil {
		return nil, err
	}
	transport := newTransport(config, 0)
	s := &session{client: c, repo: r, origin: origin, idle: transport.CloseIdleConnections}
	s.http = &http.Client{Transport: transport, CheckRedirect: s.checkRedirect}
	return s, nil
}

// newTransport bounds how long a server may keep us waiting. Connections that are idle
// are closed after a while, or by the caller if it is 0.
func newTransport(config *tls.Config, idle time.Duration) *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: responseTimeout,
		TLSClientConfig:       config,
		ForceAttemptHTTP2:     true,
		IdleConnTimeout:       idle,
	}
}

func (s *session) close() { s.idle() }

func tlsConfig(r Repository) (*tls.Config, error) {
	config := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: r.InsecureSkipTLSVerify, // the user's own word, as Helm has it
	}
	if r.CertFile != "" || r.KeyFile != "" {
		cert, err := tls.LoadX509KeyPair(r.CertFile, r.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("read the client certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{cert}
	}
	if r.CAFile != "" {
		pem, err := os.ReadFile(r.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read the CA certificates: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", r.CAFile)
		}
	}
	return config, nil
}

// trusted reports whether the credentials may be sent to a URL: to the
// repository's own scheme, host and port, unless the user said otherwise.
func (s *session) trusted(u *url.URL) bool {
	return s.repo.PassCredentialsAll || u.Scheme == s.origin.Scheme && hostPort(u) == hostPort(s.origin)
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// checkRedirect is stricter than net/http, which lets credentials go on to
// sub-domains and to other ports.
func (s *session) checkRedirect(req *http.Request, via []*http.Request) error {
	if err := checkDowngrade(req, via); err != nil {
		return err
	}
	if s.trusted(req.URL) {
		return nil
	}
	if s.repo.CertFile != "" {
		return fmt.Errorf("a redirect to %s is not followed with a client certificate", req.URL.Redacted())
	}
	req.Header.Del("Authorization")
	req.Header.Del("Cookie")
	return nil
}

// checkDowngrade follows so many redirects, and none out of TLS.
func checkDowngrade(req *http.Request, via []*http.Request) error {
	if len(via) >= redirects {
		return fmt.Errorf("more than %d redirects", redirects)
	}
	if via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return fmt.Errorf("a redirect from https to %s is not followed", req.URL.Redacted())
	}
	return nil
}

// get asks until there is an answer, and hands a good one to read. What read
// returns decides as well: a body that breaks off is asked for again, with what
// header says by then.
func (s *session) get(ctx context.Context, target string, header http.Header, read func(*http.Response) error) error {
	var err error
	for try := range attempts {
		if try > 0 {
			pause := backoff(try, err)
			s.client.log.LogAttrs(ctx, slog.LevelDebug, "try again", slog.Duration("after", pause), slog.Any("error", err))
			if waitErr := s.client.wait(ctx, pause); waitErr != nil {
				return err
			}
		}
		err = s.once(ctx, target, header, read)
		if err == nil || ctx.Err() != nil || !transient(err) {
			return err
		}
	}
	return err
}

func (s *session) once(ctx context.Context, target string, header http.Header, read func(*http.Response) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := s.request(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	maps.Copy(req.Header, header)
	resp, err := s.do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	stalled := fmt.Errorf("nothing came for %s: %w", s.client.patience, io.ErrUnexpectedEOF)
	timer := time.AfterFunc(s.client.patience, func() { cancel(stalled) })
	defer timer.Stop()
	resp.Body = &alive{resp.Body, timer, s.client.patience}
	if err := read(resp); err != nil {
		if context.Cause(ctx) == stalled { //nolint:errorlint // this very one
			err = stalled
		}
		if errors.Is(err, io.ErrUnexpectedEOF) || isNetwork(err) {
			return &UnreachableError{Method: req.Method, URL: redact(target), Err: fmt.Errorf("the answer broke off: %w", err)}
		}
		return err
	}
	return nil
}

// alive is a body whose timer begins anew with everything that comes.
type alive struct {
	io.ReadCloser

	timer    *time.Timer
	patience time.Duration
}

func (a *alive) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	if n > 0 {
		a.timer.Reset(a.patience)
	}
	return n, err
}

func (s *session) request(ctx context.Context, method, target string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, fmt.Errorf("%q is not a URL that can be asked", redact(target))
	}
	req.Header.Set("User-Agent", s.client.userAgent)
	if s.repo.Username != "" && s.trusted(req.URL) {
		req.SetBasicAuth(s.repo.Username, s.repo.Password)
	}
	return req, nil
}

// do sends a request and turns a bad answer into an error.
func (s *session) do(req *http.Request) (*http.Response, error) {
	resp, err := s.http.Do(req)
	if err != nil {
		if req.Context().Err() != nil {
			return nil, req.Context().Err()
		}
		if e := refusal(err, req.URL.Redacted()); e != nil {
			return nil, e
		}
		return nil, &UnreachableError{Method: req.Method, URL: req.URL.Redacted(), Err: err}
	}
	if resp.StatusCode < 400 {
		s.watch(resp)
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, statusError(req, resp)
}

func statusError(req *http.Request, resp *http.Response) error {
	e := &StatusError{Method: req.Method, URL: req.URL.Redacted(), Status: resp.StatusCode}
	// The hint and the message are somebody else's words: nothing but the
	// status is relied on.
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	var said struct {
		Code, Message, Hint, Error string
		// Errors are those of a registry.
		Errors []struct{ Code, Message string }
	}
	if err == nil && json.Unmarshal(body, &said) == nil {
		if len(said.Errors) > 0 {
			said.Code, said.Message = said.Errors[0].Code, said.Errors[0].Message
		}
		e.Code, e.Hint = printable(said.Code), printable(said.Hint)
		e.Message = printable(cmp.Or(said.Message, said.Error))
	}
	if after := resp.Header.Get("Retry-After"); after != "" {
		return &retryError{StatusError: e, after: after}
	}
	return e
}

// printable keeps a server from driving the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}

// retryError is a StatusError whose server said when to come back.
type retryError struct {
	*StatusError
	after string
}

func (e *retryError) Unwrap() error { return e.StatusError }

func backoff(try int, err error) time.Duration {
	pause := firstWait << (try - 1)
	if asked, ok := errors.AsType[*retryError](err); ok {
		if seconds, err := strconv.Atoi(asked.after); err == nil && seconds >= 0 {
			pause = time.Duration(seconds) * time.Second
		}
	}
	return min(pause, longestWait)
}

// transient reports whether the same request may succeed in a moment. A name
// that does not resolve, a certificate that is not trusted and a host that does
// not answer at all will not change so soon.
func transient(err error) bool {
	if status, ok := errors.AsType[*StatusError](err); ok {
		return status.Status == http.StatusTooManyRequests || status.Status >= 500 && status.Status != http.StatusNotImplemented && status.Status != http.StatusInsufficientStorage
	}
	unreachable, ok := errors.AsType[*UnreachableError](err)
	if !ok {
		return false
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](unreachable.Err); ok {
		return false
	}
	if _, ok := errors.AsType[*net.DNSError](unreachable.Err); ok {
		return false
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || isNetwork(unreachable.Err)
}

// isNetwork reports a failure of a connection, other than that nobody answered.
func isNetwork(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && !op.Timeout()
}

// resolve makes a reference of an index absolute, as Helm does: relative to the
// repository as a folder, with the repository's query.
func resolve(base, ref string) (string, error) {
	target, err := url.Parse(ref)
	if err != nil {
		return "", fmt.Errorf("%q is not a URL", ref)
	}
	if target.IsAbs() {
		return ref, nil
	}
	u, err := url.Parse(base)
	if err != nil {
		return "", &URLError{URL: redact(base)}
	}
	u.Path = strings.TrimSuffix(u.Path, "/") + "/"
	u.RawPath = ""
	query := u.RawQuery
	u = u.ResolveReference(target)
	u.RawQuery = query
	return u.String(), nil
}
