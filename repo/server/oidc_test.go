package server_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gantry/repo/blob"
	"gantry/repo/server"
)

// testIssuer is an OpenID Connect issuer with one key.
type testIssuer struct {
	*httptest.Server

	key  *ecdsa.PrivateKey
	down atomic.Bool
	// noKeys tells that it answers, and not for its keys; asked counts who wants them.
	noKeys atomic.Bool
	asked  atomic.Int64
}

func newTestIssuer(tb testing.TB) *testIssuer {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	i := &testIssuer{key: key}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var answer any
		switch {
		case i.down.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		case r.URL.Path == "/.well-known/openid-configuration":
			answer = map[string]any{
				"issuer": i.URL, "jwks_uri": i.URL + "/keys", "authorization_endpoint": i.URL + "/auth", "token_endpoint": i.URL + "/token",
				"id_token_signing_alg_values_supported": []string{"ES256"},
			}
		case r.URL.Path == "/keys" && i.noKeys.Load():
			w.WriteHeader(http.StatusBadGateway)
			return
		case r.URL.Path == "/keys":
			i.asked.Add(1)
			answer = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: i.key.Public(), KeyID: "one", Algorithm: "ES256", Use: "sig"}}}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	tb.Cleanup(i.Close)
	return i
}

// sign makes a token of claims.
func sign(tb testing.TB, algorithm jose.SignatureAlgorithm, key any, claims map[string]any) string {
	tb.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: "one"}}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		tb.Fatal(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		tb.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

// TestOIDC lets a job in by what its token claims, and nobody by a token that is
// wrong in any way.
func TestOIDC(t *testing.T) {
	t.Parallel()
	i := newTestIssuer(t)
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	var grants []server.Grant
	for _, text := range []string{"repository=acme/* push:acme-* read", "groups=operators delete push read"} {
		g, err := server.ParseGrant(text)
		if err != nil {
			t.Fatal(err)
		}
		grants = append(grants, g)
	}
	s := serve(t, &blob.Memory{}, server.Options{
		Now:  func() time.Time { return now },
		Auth: &server.Auth{OIDC: &server.OIDC{Issuer: i.URL, Audience: "charts", Grants: grants}},
	})
	claims := func(change ...any) map[string]any {
		c := map[string]any{
			"iss": i.URL, "aud": "charts", "sub": "job-1", "repository": "acme/web",
			"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
		}
		for n := 0; n < len(change); n += 2 {
			name, _ := change[n].(string)
			c[name] = change[n+1]
		}
		return c
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := sign(t, jose.ES256, i.key, claims())
	push := func(name, auth string) int {
		return s.do(http.MethodPost, "/api/charts", bytes.NewReader(chartArchive(t, name, "1.0.0", "")), auth).status
	}
	for auth, want := range map[string]int{
		bearer(good): http.StatusCreated, basic("anybody", good): http.StatusCreated,
		bearer(sign(t, jose.ES256, i.key, claims("repository", "else", "groups", []any{1, "operators"}))): http.StatusCreated,
		bearer(sign(t, jose.ES256, i.key, claims("aud", []string{"other", "charts"}))):                    http.StatusCreated,
		bearer(sign(t, jose.ES256, i.key, claims("repository", "acmeevil/web"))):                          http.StatusUnauthorized,
		bearer(sign(t, jose.ES256, i.key, claims("repository", []string{"x"}, "groups", "operator"))):     http.StatusUnauthorized,
		bearer(sign(t, jose.ES256, i.key, claims("aud", "other"))):                                        http.StatusUnauthorized,
		bearer(sign(t, jose.ES256, i.key, claims("iss", "https://evil.example.org"))):                     http.StatusUnauthorized,
		bearer(sign(t, jose.ES256, i.key, claims("exp", now.Add(-time.Second).Unix()))):                   http.StatusUnauthorized,
		bearer(sign(t, jose.ES256, i.key, claims("nbf", now.Add(time.Hour).Unix()))):                      http.StatusUnauthorized,
		bearer(sign(t, jose.ES256, other, claims())):                                                      http.StatusUnauthorized,
		bearer(sign(t, jose.HS256, publicBytes(t, i.key.Public()), claims())):                             http.StatusUnauthorized,
		bearer("eyJhbGciOiJub25lIn0." + strings.Split(good, ".")[1] + "."):                                http.StatusUnauthorized,
		bearer(good[:len(good)-4] + "AAAA"):                                                               http.StatusUnauthorized,
		bearer("ey.."):                                                                                    http.StatusUnauthorized,
	} {
		if got := push("acme-web", auth); got != want {
			t.Errorf("%d, want %d: %s", got, want, auth)
		}
	}
	if got := push("other", bearer(good)); got != http.StatusForbidden {
		t.Errorf("beyond the scopes: %d", got)
	}
	if r := s.do(http.MethodDelete, "/api/charts/acme-web/1.0.0", nil, bearer(good)); r.status != http.StatusForbidden {
		t.Errorf("delete: %d", r.status)
	}
}

// TestForgedTokens tells who has made one up no more than that it is not the issuer's: the
// rest is in the log.
func TestForgedTokens(t *testing.T) {
	t.Parallel()
	i := newTestIssuer(t)
	var log bytes.Buffer
	g, err := server.ParseGrant("repository=acme/* read")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	s := serve(t, &blob.Memory{}, server.Options{
		Now: func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(&log, nil)),
		Auth: &server.Auth{OIDC: &server.OIDC{Issuer: i.URL, Audience: "our-charts", Grants: []server.Grant{g}}},
	})
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secret := bytes.Repeat([]byte("k"), 80)
	for _, tc := range []struct {
		algorithm  jose.SignatureAlgorithm
		key        any
		claim      string
		value      any
		says, logs string
	}{
		{jose.ES256, stranger, "aud", "other", "the token is refused: its issuer has not signed it", "verify id token signature"},
		{jose.ES256, stranger, "exp", now.Add(-time.Hour).Unix(), "the token is refused: its issuer has not signed it", "verify id token signature"},
		{jose.HS512, secret, "iss", "https://else.example.org", "the token is refused: its issuer has not signed it", "unexpected signature algorithm"},
		{jose.HS256, secret, "aud", "other", "the user or the password is wrong", "wrong"},
	} {
		log.Reset()
		claims := map[string]any{"iss": i.URL, "aud": "our-charts", "sub": "x", "exp": now.Add(time.Hour).Unix(), tc.claim: tc.value}
		r := s.get("/index.yaml", bearer(sign(t, tc.algorithm, tc.key, claims)))
		_, message, _ := r.problem(t)
		if r.status != http.StatusUnauthorized || message != tc.says || strings.Contains(string(r.body), "our-charts") || !strings.Contains(log.String(), tc.logs) {
			t.Errorf("%s %s: %d %s, want %s\n%s", tc.algorithm, tc.claim, r.status, r.body, tc.says, &log)
		}
	}
}

// TestPasswordsThatLookLikeTokens lets people in by passwords with dots in them beside an
// issuer, be it down, and has no password compared for tokens.
func TestPasswordsThatLookLikeTokens(t *testing.T) {
	t.Parallel()
	i := newTestIssuer(t)
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	g, err := server.ParseGrant("sub=* read")
	if err != nil {
		t.Fatal(err)
	}
	known := &slowUsers{right: map[string]bool{}, password: "ey.mellon.right"}
	s := serve(t, &blob.Memory{}, server.Options{
		Now: func() time.Time { return now }, Rates: server.Rates{Failures: 3},
		Auth: &server.Auth{
			User: "one", Password: "eyes.of.cats", Users: known,
			OIDC: &server.OIDC{Issuer: i.URL, Audience: "charts", Grants: []server.Grant{g}},
		},
	})
	want := func(status int, compared int64, auth string) {
		t.Helper()
		if r := s.get("/index.yaml", auth); r.status != status || known.compared.Load() != compared {
			t.Errorf("%d %s and %d comparisons, want %d and %d", r.status, r.body, known.compared.Load(), status, compared)
		}
	}
	claims := map[string]any{"iss": i.URL, "aud": "charts", "sub": "x", "exp": now.Add(time.Hour).Unix()}
	good := sign(t, jose.ES256, i.key, claims)
	claims["exp"] = now.Add(-time.Hour).Unix()
	ended := sign(t, jose.ES256, i.key, claims)
	i.down.Store(true)
	want(200, 0, basic("one", "eyes.of.cats"))
	want(200, 1, basic("ana", "ey.mellon.right"))
	want(503, 1, basic("ana", good))
	i.down.Store(false)
	now = now.Add(time.Minute)
	want(200, 1, basic("ana", "ey.mellon.right"))
	want(200, 1, basic("ana", good))
	want(401, 1, basic("ana", ended))
	want(401, 2, basic("ana", "ey.mellon.wrong"))
	want(401, 2, bearer("ey.mellon.right"))
	want(429, 2, basic("ana", "ey.mellon.worse"))
}

func publicBytes(tb testing.TB, key crypto.PublicKey) []byte {
	tb.Helper()
	text, err := jose.JSONWebKey{Key: key}.MarshalJSON()
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// readers is a server that lets read whoever has a token of the issuer, or everybody.
func readers(t *testing.T, i *testIssuer, clock func() time.Time, everybody bool) *tester {
	t.Helper()
	g, err := server.ParseGrant("sub=* read")
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, &blob.Memory{}, server.Options{Now: clock, Auth: &server.Auth{AnonymousRead: everybody, OIDC: &server.OIDC{Issuer: i.URL, Audience: "charts", Grants: []server.Grant{g}}}})
}

// TestOIDCIssuerIsDown starts without the issuer, and goes on when it is there.
func TestOIDCIssuerIsDown(t *testing.T) {
	t.Parallel()
	i := newTestIssuer(t)
	i.down.Store(true)
	var now atomic.Int64
	clock := func() time.Time { return time.Unix(1_800_000_000+now.Load(), 0) }
	s := readers(t, i, clock, false)
	token := bearer(sign(t, jose.ES256, i.key, map[string]any{"iss": i.URL, "aud": "charts", "sub": "x", "exp": clock().Add(time.Hour).Unix()}))
	r := s.get("/index.yaml", token)
	if code, _, _ := r.problem(t); r.status != http.StatusServiceUnavailable || code != "issuer-unreachable" {
		t.Errorf("while it is down: %d %s", r.status, r.body)
	}
	if r := s.get("/index.yaml"); r.status != http.StatusUnauthorized {
		t.Errorf("without a token: %d", r.status)
	}
	i.down.Store(false)
	if r := s.get("/index.yaml", token); r.status != http.StatusServiceUnavailable {
		t.Errorf("it was asked again at once: %d", r.status)
	}
	now.Store(10)
	if r := s.get("/index.yaml", token); r.status != http.StatusOK {
		t.Errorf("when it is back: %d %s", r.status, r.body)
	}
}

// TestOIDCKeys asks for the keys of an issuer: a token is not refused for want of them,
// and tokens that anybody can make up do not have them asked for again and again.
func TestOIDCKeys(t *testing.T) {
	t.Parallel()
	i := newTestIssuer(t)
	i.noKeys.Store(true)
	var now atomic.Int64
	clock := func() time.Time { return time.Unix(1_800_000_000+now.Load(), 0) }
	s, open := readers(t, i, clock, false), readers(t, i, clock, true)
	claims := map[string]any{"iss": i.URL, "aud": "charts", "sub": "x", "exp": clock().Add(time.Hour).Unix()}
	token := bearer(sign(t, jose.ES256, i.key, claims))
	for range 2 {
		if r := s.get("/index.yaml", token); r.status != http.StatusServiceUnavailable {
			t.Errorf("without keys: %d %s", r.status, r.body)
		}
		// Where everybody may read, so may who cannot be looked at, but not log in.
		for path, want := range map[string]int{"/index.yaml": http.StatusOK, "/v2/": http.StatusServiceUnavailable} {
			if r := open.get(path, token); r.status != want {
				t.Errorf("%s without keys: %d %s", path, r.status, r.body)
			}
		}
	}
	i.noKeys.Store(false)
	now.Store(10)
	if r := s.get("/index.yaml", token); r.status != http.StatusOK {
		t.Errorf("with keys: %d %s", r.status, r.body)
	}
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	forged := bearer(sign(t, jose.ES256, stranger, claims))
	for range 20 {
		if r := s.get("/index.yaml", forged); r.status != http.StatusUnauthorized {
			t.Errorf("forged: %d", r.status)
		}
	}
	now.Store(20)
	if r := s.get("/index.yaml", forged); r.status != http.StatusUnauthorized || i.asked.Load() != 2 {
		t.Errorf("%d; the keys were asked for %d times", r.status, i.asked.Load())
	}
}

func TestOIDCOptions(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "sub", "sub=x", "=x read", "sub= read", "sub=x write"} {
		if g, err := server.ParseGrant(text); err == nil {
			t.Errorf("%q is %v", text, g)
		}
	}
	g := []server.Grant{{Claim: "sub", Pattern: "*"}}
	for _, o := range []server.OIDC{
		{Issuer: "http://issuer.example.org", Audience: "charts", Grants: g},
		{Issuer: "issuer.example.org", Audience: "charts", Grants: g},
		{Issuer: "https://issuer.example.org", Grants: g},
		{Issuer: "https://issuer.example.org", Audience: "charts"},
	} {
		if _, err := server.New(t.Context(), &blob.Memory{}, server.Options{Now: clock(), Auth: &server.Auth{OIDC: &o}}); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}
