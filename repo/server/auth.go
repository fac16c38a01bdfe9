package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net/http"
)

// BasicAuth is one user and a password.
type BasicAuth struct {
	User     string
	Password Secret
	// AnonymousRead lets everybody read; only writing asks for the password.
	AnonymousRead bool
}

// Secret is a string that does not show itself in a log.
type Secret string

// LogValue hides the secret.
func (Secret) LogValue() slog.Value { return slog.StringValue("[hidden]") }

// String hides the secret.
func (Secret) String() string { return "[hidden]" }

func (a *BasicAuth) validate() error {
	if a != nil && (a.User == "" || a.Password == "") {
		return errors.New("basic authentication needs a user and a password")
	}
	return nil
}

// admits compares digests, so that the time it takes tells neither how much of a
// guess is right nor how long the right answer is.
func (a *BasicAuth) admits(r *http.Request) (user string, ok bool) {
	user, password, ok := r.BasicAuth()
	if !ok {
		return "", false
	}
	same := subtle.ConstantTimeCompare(hashed(user), hashed(a.User)) &
		subtle.ConstantTimeCompare(hashed(password), hashed(string(a.Password)))
	return user, same == 1
}

func hashed(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

// writing guards an endpoint that changes the repository.
func (s *Server) writing(h endpoint) endpoint { return s.guarded(h, false) }

// reading guards an endpoint that shows charts.
func (s *Server) reading(h endpoint) endpoint { return s.guarded(h, true) }

func (s *Server) guarded(h endpoint, reading bool) endpoint {
	auth := s.options.Auth
	if auth == nil || reading && auth.AnonymousRead {
		return h
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		user, ok := auth.admits(r)
		if !ok {
			return s.unauthorized(w)
		}
		noteOf(r.Context()).user = user
		return h(w, r)
	}
}

func (s *Server) unauthorized(w http.ResponseWriter) *problem {
	w.Header().Set("WWW-Authenticate", `Basic realm="charts", charset="UTF-8"`)
	return &problem{
		Status: http.StatusUnauthorized, Code: "unauthorized",
		Message: "the repository asks for a user and a password",
		Hint:    "give them with: gantry repo add NAME URL --username USER --password-stdin",
	}
}

// private reports whether answers must not be kept by shared caches.
func (s *Server) private() bool { return s.options.Auth != nil && !s.options.Auth.AnonymousRead }
