package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// OIDC lets in who brings a token of an OpenID Connect issuer: a job of a CI
// system, a pod. Nobody has to keep a secret for it.
type OIDC struct {
	// Issuer is whose tokens are taken, and what its discovery document is below.
	Issuer string
	// Audience is what tokens must be made for, so that one made for another
	// service is no good here.
	Audience string
	// Grants say what the claims of a token allow. One that no grant fits is
	// refused.
	Grants []Grant
}

// Grant gives scopes to tokens that have a claim.
type Grant struct {
	// Claim is the name of the claim, and Pattern what its value looks like, with
	// stars for any letters. Of a list one value must.
	Claim, Pattern string
	Scopes         []Scope
}

// ParseGrant reads CLAIM=PATTERN SCOPE [SCOPE...].
func ParseGrant(text string) (Grant, error) {
	words := strings.Fields(text)
	if len(words) < 2 {
		return Grant{}, grantError(text)
	}
	claim, pattern, ok := strings.Cut(words[0], "=")
	if !ok || claim == "" || pattern == "" {
		return Grant{}, grantError(text)
	}
	g := Grant{Claim: claim, Pattern: pattern}
	for _, word := range words[1:] {
		scope, err := ParseScope(word)
		if err != nil {
			return Grant{}, err
		}
		g.Scopes = append(g.Scopes, scope)
	}
	return g, nil
}

func grantError(text string) error {
	return fmt.Errorf("%q is not a grant: write a claim and scopes, such as \"repository=acme/* push:acme-* read\"", text)
}

// validate wants the tokens of somebody who can be asked about them safely.
func (o *OIDC) validate() error {
	if o == nil {
		return nil
	}
	u, err := url.Parse(o.Issuer)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return fmt.Errorf("the issuer %q must be a URL that begins with https://", o.Issuer)
	case o.Audience == "":
		return errors.New("tokens of an issuer need an audience: without one, tokens for other services would be taken")
	case len(o.Grants) == 0:
		return errors.New("tokens of an issuer need a grant that says what they allow")
	default:
		return nil
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

const (
	// issuerTimeout is how long the issuer may take to answer.
	issuerTimeout = 10 * time.Second
	// issuerPause is how long an issuer is not asked the same again, whether it has
	// answered or not.
	issuerPause = 5 * time.Second
)

// issuer verifies tokens. What it needs to know of the issuer it asks for when the
// first token comes: a server that starts does not wait for it.
type issuer struct {
	options *OIDC
	now     func() time.Time
	log     *slog.Logger
	http    *http.Client
	asked   *polite

	mu        sync.Mutex
	verifiers *verifiers
	failed    time.Time
	failure   error
}

func newIssuer(o *OIDC, now func() time.Time, log *slog.Logger) *issuer {
	asked := &polite{now: now}
	return &issuer{options: o, now: now, log: log, asked: asked, http: &http.Client{Timeout: issuerTimeout, Transport: asked}}
}

// verifiers look at tokens: one at all of it, and the other at its signature alone.
type verifiers struct{ whole, signature *oidc.IDTokenVerifier }

// errIssuer reports that nothing can be said about a token now.
var errIssuer = errors.New("the issuer of the token does not answer")

// ready returns what verifies tokens.
func (i *issuer) ready(ctx context.Context) (*verifiers, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.verifiers != nil {
		return i.verifiers, nil
	}
	if i.failure != nil && i.now().Sub(i.failed) < issuerPause {
		return nil, i.failure
	}
	// The set of keys is fetched again whenever a token names another one, long
	// after this request.
	provider, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), i.http), i.options.Issuer)
	if err != nil {
		i.log.ErrorContext(ctx, "cannot ask the issuer of tokens", slog.String("issuer", i.options.Issuer), slog.Any("error", err))
		i.failure, i.failed = fmt.Errorf("%w: %w", errIssuer, err), i.now()
		return nil, i.failure
	}
	i.verifiers = &verifiers{
		whole:     provider.Verifier(&oidc.Config{ClientID: i.options.Audience, Now: i.now}),
		signature: provider.Verifier(&oidc.Config{SkipClientIDCheck: true, SkipExpiryCheck: true, SkipIssuerCheck: true}),
	}
	return i.verifiers, nil
}

// shortestSignature is that of a token in base64url: none of the algorithms that are taken
// makes one of less than 64 bytes.
const shortestSignature = 86

// looksLikeToken tells a token of an issuer from other secrets: three parts, of which the
// first is a JSON object, and the last a signature. What is shorter is a password, and
// what is as long is none: bcrypt does not look that far.
func looksLikeToken(secret string) bool {
	return strings.HasPrefix(secret, "ey") && strings.Count(secret, ".") == 2 &&
		len(secret)-1-strings.LastIndexByte(secret, '.') >= shortestSignature
}

// refusal says why a token lets nobody in.
type refusal struct {
	why string
	// cause is for the log, where it says more.
	cause error
}

// refuse says why a token is refused: all of it to whoever has one of the issuer, and to
// who has made one up nothing that would help with the next.
func (v *verifiers) refuse(ctx context.Context, secret string, err error) refusal {
	if _, unsigned := v.signature.Verify(ctx, secret); unsigned != nil {
		return refusal{"the token is refused: its issuer has not signed it", errors.New(clipped(err.Error()))}
	}
	return refusal{why: "the token is refused: " + clipped(err.Error())}
}

// identify finds out whom a token speaks for, and what that one may do, or why it is
// refused.
func (i *issuer) identify(ctx context.Context, secret string) (p principal, no refusal, err error) {
	v, err := i.ready(ctx)
	if err != nil {
		return principal{}, refusal{}, err
	}
	before := i.asked.failures.Load()
	t, err := v.whole.Verify(ctx, secret)
	if err != nil && (i.asked.failures.Load() != before || ctx.Err() != nil) {
		// Its keys could not be asked for, so that nothing is known of the token.
		return principal{}, refusal{}, fmt.Errorf("%w: %w", errIssuer, err)
	}
	var claims map[string]json.RawMessage
	if err == nil {
		err = t.Claims(&claims)
	}
	if err != nil {
		return principal{}, v.refuse(ctx, secret, err), nil
	}
	p.name = "oidc:" + t.Subject
	for _, g := range i.options.Grants {
		if g.fits(claims[g.Claim]) {
			p.scopes = append(p.scopes, g.Scopes...)
		}
	}
	if len(p.scopes) == 0 {
		no.why = "the token is good, but nothing is granted to what it claims: the grants look at " + i.options.claims()
	}
	return p, no, nil
}

// claims lists those that grants look at.
func (o *OIDC) claims() string {
	var names []string
	for _, g := range o.Grants {
		names = append(names, g.Claim)
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

// fits reports whether a claim is a text that the pattern fits, or a list of
// which one does.
func (g Grant) fits(claim json.RawMessage) bool {
	var one string
	if json.Unmarshal(claim, &one) == nil {
		return matchStar(g.Pattern, one)
	}
	var several []any
	if json.Unmarshal(claim, &several) != nil {
		return false
	}
	for _, value := range several {
		if text, ok := value.(string); ok && matchStar(g.Pattern, text) {
			return true
		}
	}
	return false
}

// unavailable says no for want of an answer.
func (i *issuer) unavailable(err error) *problem {
	return &problem{
		Status: http.StatusServiceUnavailable, Code: "issuer-unreachable",
		Message: "the token cannot be checked: its issuer does not answer",
		Hint:    "try again; the log of the repository has the reason under the id of this request", cause: err,
	}
}
