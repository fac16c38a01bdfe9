package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"gantry/repo/blob"
)

// Auth says who may do what. Somebody is let in by the password of the one user or of
// one of many, by a token of the store, or by one of an issuer.
type Auth struct {
	// User and Password are of one who may do everything. Default: nobody.
	User     string
	Password Secret
	// Users lets in who has a password of their own. Default: nobody.
	Users Users
	// Tokens lets in who has a token ([Operator.CreateToken]).
	Tokens bool
	// OIDC lets in who has a token of an issuer. Default: nobody.
	OIDC *OIDC
	// AnonymousRead lets everybody read; only writing asks who it is.
	AnonymousRead bool
}

// Secret is a string that does not show itself in a log.
type Secret string

// LogValue hides the secret.
func (Secret) LogValue() slog.Value { return slog.StringValue("[hidden]") }

// String hides the secret.
func (Secret) String() string { return "[hidden]" }

func (a *Auth) validate() error {
	switch {
	case a == nil:
		return nil
	case (a.User == "") != (a.Password == ""):
		return errors.New("basic authentication needs a user and a password")
	case a.User == "" && a.Users == nil && !a.Tokens && a.OIDC == nil:
		return errors.New("authentication needs a user, tokens or an issuer of tokens")
	default:
		return a.OIDC.validate()
	}
}

// principal is who asks. The zero value may do nothing.
type principal struct {
	name   string
	all    bool
	scopes []Scope
}

// everything reports whether there is nothing that the principal may not do.
func (p principal) everything() bool {
	return p.all || slices.ContainsFunc(p.scopes, func(s Scope) bool { return s.Verb == VerbAdmin })
}

func (p principal) may(verb Verb, name string) bool {
	if p.everything() {
		return true
	}
	for _, s := range p.scopes {
		if s.allows(verb, name) {
			return true
		}
	}
	return false
}

// mayBelow reports whether there may be a name with this beginning that the principal
// may do something to.
func (p principal) mayBelow(verb Verb, prefix string) bool {
	return slices.ContainsFunc(p.patterns(verb), func(pattern string) bool {
		literal, _, star := strings.Cut(pattern, "*")
		return strings.HasPrefix(literal, prefix) || star && strings.HasPrefix(prefix, literal)
	})
}

// patterns returns what the principal may do something to, "*" for everything.
func (p principal) patterns(verb Verb) []string {
	if p.everything() {
		return []string{"*"}
	}
	var patterns []string
	for _, s := range p.scopes {
		if s.Verb == verb {
			patterns = append(patterns, s.Pattern)
		}
	}
	return patterns
}

type principalKey struct{}

// who returns who asks. Without authentication everybody may do everything.
func who(ctx context.Context) principal {
	if p, ok := ctx.Value(principalKey{}).(principal); ok {
		return p
	}
	return principal{all: true}
}

// authorize says no to who may not do something to a chart. Scopes name charts with
// the path of their repository.
func (s *Server) authorize(ctx context.Context, verb Verb, name string) error {
	name = s.path + name
	if who(ctx).may(verb, name) {
		return nil
	}
	name = clipped(name)
	return &problem{
		Status: http.StatusForbidden, Code: "forbidden",
		Message: fmt.Sprintf("%s may not %s %s", who(ctx).name, verb, name),
		Hint:    s.options.Auth.granting(string(verb) + ":" + name),
	}
}

// granting says how the operator lets somebody do something.
func (a *Auth) granting(scope string) string {
	switch {
	case a.Tokens || a.Users == nil:
		return "its operator gives tokens for it with: gantry repo token create NAME --scope " + scope
	default:
		return "its operator allows it with: gantry repo user set NAME --keep-password --users FILE --scope " + scope
	}
}

// matchesPassword compares hashes, so that the time it takes tells neither how
// much of a guess is right nor how long the right answer is.
func (a *Auth) matchesPassword(user, password string) bool {
	return a.User != "" && subtle.ConstantTimeCompare(hashed(user), hashed(a.User))&
		subtle.ConstantTimeCompare(hashed(password), hashed(string(a.Password))) == 1
}

func hashed(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

// credentials returns what a request comes with: a user and a password, of which
// a token takes the place, or a token alone.
func credentials(r *http.Request) (user, secret string, given bool) {
	if user, secret, given = r.BasicAuth(); given {
		return user, secret, true
	}
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return "", strings.TrimSpace(token), ok && strings.EqualFold(scheme, "bearer")
}

// caller is what is found out of who asks.
type caller struct {
	principal

	known bool
	// refusal says why what came with the request lets nobody in, where there is more to
	// say than that it is wrong.
	refusal
	// err says that it could not be found out, and wait that there were too many wrong
	// guesses to look, and for how long.
	err  error
	wait time.Duration
}

// identify finds out who asks, once for each request: it is asked on the way to a
// repository, and there again.
func (s *Server) identify(r *http.Request) *caller {
	n := noteOf(r.Context())
	if n.caller == nil {
		n.caller = s.findOut(r, neighbourhood(n.remote))
	}
	return n.caller
}

// findOut counts what is wrong against its address.
func (s *Server) findOut(r *http.Request, address string) *caller {
	user, secret, given := credentials(r)
	if !given {
		return &caller{}
	}
	if wait := s.limits.failures.spent(address); wait > 0 {
		return &caller{wait: wait}
	}
	c, settled := s.settle(r.Context(), user, secret)
	if !settled {
		leave, err := s.comparisons.enter(r.Context(), address)
		if err != nil {
			return &caller{err: err}
		}
		defer leave() // when a wrong guess is counted, so that no other one of the address slips by
		c = s.compare(address, user, secret)
	}
	if !c.known && c.err == nil && c.wait == 0 {
		s.limits.failures.take(address)
	}
	return &c
}

// settle finds out who asks where that takes no comparison of passwords.
func (s *Server) settle(ctx context.Context, user, secret string) (c caller, settled bool) {
	auth := s.options.Auth
	if auth.matchesPassword(user, secret) {
		return caller{principal: principal{name: user, all: true}, known: true}, true
	}
	if s.issuer != nil && looksLikeToken(secret) {
		p, no, err := s.issuer.identify(ctx, secret)
		if err != nil {
			return caller{err: s.issuer.unavailable(err)}, true
		}
		return caller{principal: p, known: no.why == "", refusal: no}, true
	}
	if parts := tokenText().FindStringSubmatch(secret); auth.Tokens && parts != nil {
		return s.byToken(ctx, parts[1], parts[2]), true
	}
	if auth.Users == nil || user == "" {
		return caller{}, true
	}
	scopes, known := auth.Users.Remembered(user, secret)
	return caller{principal: principal{name: user, scopes: scopes}, known: known}, known
}

// byToken finds out who asks by a token of the store.
func (s *Server) byToken(ctx context.Context, id, secret string) caller {
	t, err := s.tokens.find(ctx, id)
	switch {
	case errors.Is(err, blob.ErrNotFound):
		return caller{}
	case err != nil:
		return caller{err: readProblem(err)}
	case !t.isSecret(secret):
		return caller{}
	}
	if ended := t.Ended(s.options.Now()); ended != "" {
		return caller{refusal: refusal{why: fmt.Sprintf("the token %s is %s", t.Name, ended)}}
	}
	return caller{principal: principal{name: t.Name, scopes: t.Scopes}, known: true}
}

// writing guards an endpoint that changes the repository. Which charts somebody
// may change it finds out for itself.
func (s *Server) writing(h endpoint) endpoint { return s.sameOrigin(s.guarded(h, false)) }

// reading guards an endpoint that shows charts, those that somebody may read.
func (s *Server) reading(h endpoint) endpoint { return s.guarded(h, true) }

func (s *Server) guarded(h endpoint, reading bool) endpoint {
	auth := s.options.Auth
	if auth == nil {
		return h
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		c := s.identify(r)
		open := reading && auth.AnonymousRead
		// Who gives what is wrong takes it for right: that everybody may read does not
		// help with that.
		_, _, given := credentials(r)
		switch {
		case c.wait > 0:
			return s.tooMany(w, s.limits.failures, c.wait)
		case c.err != nil && !open:
			return c.err
		case !c.known && c.err == nil && (given || !open):
			return s.unauthorized(w, r)
		}
		p := c.principal
		if c.known {
			noteOf(r.Context()).user = p.name
		}
		if open {
			p.scopes = append(slices.Clip(p.scopes), Scope{VerbRead, "*"})
		}
		return h(w, r.WithContext(context.WithValue(r.Context(), principalKey{}, p)))
	}
}

// unauthorized asks who it is, and says why what came is not taken: a job of a CI system
// sees nothing else of this server. It says so in the body and not in a challenge of
// RFC 6750, for clients of registries would ask the realm of a Bearer challenge for a
// token.
func (s *Server) unauthorized(w http.ResponseWriter, r *http.Request) *problem {
	w.Header().Set("WWW-Authenticate", `Basic realm="charts", charset="UTF-8"`)
	p := &problem{
		Status: http.StatusUnauthorized, Code: "unauthorized", Message: "the repository asks for a user and a password",
		Hint: "give them with: gantry repo add NAME URL --username USER --password-stdin; a token takes the place of the password",
	}
	if _, _, given := credentials(r); !given {
		return p
	}
	p.Message = "the user or the password is wrong"
	if no := s.identify(r).refusal; no.why != "" {
		p.cause, p.Message, p.Hint = no.cause, no.why, "get another token; the operator of the repository says whose it takes, and what they may do"
	}
	return p
}

// private reports whether answers must not be kept by shared caches.
func (s *Server) private() bool { return s.options.Auth != nil && !s.options.Auth.AnonymousRead }

const (
	// tokenAge is how long a token is believed without asking the store: how
	// long one that was revoked goes on.
	tokenAge = 10 * time.Second
	// keptTokens is how many are remembered.
	keptTokens = 10_000
)

// tokenCache remembers tokens, and that there are none, for a moment.
type tokenCache struct {
	store blob.Store
	now   func() time.Time

	mu   sync.Mutex
	kept map[string]keptToken
}

type keptToken struct {
	token Token
	err   error
	read  time.Time
}

// forget makes a token be read again.
func (c *tokenCache) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.kept, id)
}

func (c *tokenCache) find(ctx context.Context, id string) (Token, error) {
	now := c.now()
	c.mu.Lock()
	k, ok := c.kept[id]
	c.mu.Unlock()
	if ok && now.Sub(k.read) < tokenAge {
		return k.token, k.err
	}
	t, _, err := readToken(ctx, c.store, tokenKey(id))
	if err != nil && !errors.Is(err, blob.ErrNotFound) {
		return Token{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil || len(c.kept) >= keptTokens {
		c.kept = map[string]keptToken{}
	}
	c.kept[id] = keptToken{t, err, now}
	return t, err
}
