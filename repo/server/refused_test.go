package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gantry/repo/blob"
	"gantry/repo/server"
)

// TestWhyRefused tells whoever is not let in why: a job of a CI system sees nothing else.
func TestWhyRefused(t *testing.T) {
	t.Parallel()
	i, store := newTestIssuer(t), &blob.Memory{}
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	g, err := server.ParseGrant("repository=acme/* read")
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, expired := token(t, store, "nightly", now.Add(time.Hour), "read")
	made, revoked := token(t, store, "ci", time.Time{}, "read")
	if _, err := operator(store, now).RevokeToken(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	ending := "x" // another one than that of the secret
	if strings.HasSuffix(revoked, ending) {
		ending = "y"
	}
	now = now.Add(2 * time.Hour)
	s := serve(t, store, server.Options{Now: func() time.Time { return now }, Auth: &server.Auth{
		User: "ann", Password: "s3cret", Tokens: true,
		OIDC: &server.OIDC{Issuer: i.URL, Audience: "charts", Grants: []server.Grant{g}},
	}})
	signed := func(key any, change, value string) string {
		claims := map[string]any{"iss": i.URL, "aud": "charts", "sub": "job", "repository": "acme/web", "exp": now.Add(time.Hour).Unix()}
		claims[change] = value
		return bearer(sign(t, jose.ES256, key, claims))
	}
	for _, tt := range []struct{ auth, want string }{
		{basic("ann", "guess"), "the user or the password is wrong"},
		{bearer(expired), "the token nightly is expired"},
		{bearer(revoked), "the token ci is revoked"},
		{bearer(revoked[:len(revoked)-1] + ending), "the user or the password is wrong"},
		{signed(i.key, "aud", "shop"), `expected audience "charts" got ["shop"]`},
		{signed(other, "sub", "job"), "the token is refused: its issuer has not signed it"},
		{signed(i.key, "repository", "evil/web"), "the grants look at repository"},
		{signed(i.key, "aud", strings.Repeat("x", 4<<10)), "got"},
	} {
		for _, path := range []string{"/index.yaml", "/v2/"} {
			r := s.get(path, tt.auth)
			if r.status != http.StatusUnauthorized || !strings.Contains(strings.ReplaceAll(string(r.body), `\"`, `"`), tt.want) || len(r.body) > 1<<10 {
				t.Errorf("%s: %d %s, want %s", path, r.status, r.body, tt.want)
			}
		}
	}
	if r := s.get("/index.yaml"); !strings.Contains(string(r.body), "asks for a user and a password") {
		t.Errorf("without any: %s", r.body)
	}
}
