package server_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gantry/repo/blob"
	"gantry/repo/server"
)

func token(t *testing.T, store blob.Store, name string, expires time.Time, scopes ...string) (server.Token, string) {
	t.Helper()
	request := server.Token{Name: name, Expires: expires}
	for _, text := range scopes {
		scope, err := server.ParseScope(text)
		if err != nil {
			t.Fatal(err)
		}
		request.Scopes = append(request.Scopes, scope)
	}
	made, secret, err := operator(store, time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)).CreateToken(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return made, string(secret)
}

func bearer(secret string) string { return "Authorization: Bearer " + secret }

func basic(user, secret string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+secret))
}

// TestSigningTellsNothing refuses a signature of what somebody may not sign, before it is
// told what there is.
func TestSigningTellsNothing(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	var audit bytes.Buffer
	s := serve(t, store, server.Options{
		Auth: &server.Auth{User: "admin", Password: "s3cret", Tokens: true}, Audit: slog.New(slog.NewJSONHandler(&audit, nil)),
	})
	if r := s.do(http.MethodPost, "/api/charts", bytes.NewReader(chartArchive(t, "web", "1.0.0", "")), basic("admin", "s3cret")); r.status != http.StatusCreated {
		t.Fatalf("%d %s", r.status, r.body)
	}
	_, team := token(t, store, "team", time.Time{}, "read:team-*", "push:team-*")
	signature := provenance("2.0.0", strings.Repeat("0", 64))
	for name, text := range map[string]string{"another version": signature, "a name that is near": strings.Replace(signature, "name: web", "name: wep", 1)} {
		r := s.do(http.MethodPost, "/api/prov", strings.NewReader(text), bearer(team))
		if code, _, _ := r.problem(t); r.status != http.StatusForbidden || code != "forbidden" {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	long := strings.Replace(signature, "name: web", "name: "+strings.Repeat("w", 10_000), 1)
	if r := s.do(http.MethodPost, "/api/prov", strings.NewReader(long), bearer(team)); r.status != http.StatusBadRequest {
		t.Errorf("a name that is none: %d %s", r.status, r.body)
	}
	if r := s.do(http.MethodDelete, "/api/charts/"+strings.Repeat("w", 10_000)+"/1.0.0", nil, bearer(team)); r.status != http.StatusForbidden {
		t.Errorf("the deletion of what is none: %d", r.status)
	}
	if n := strings.Count(audit.String(), `"done":false`); n != 3 || audit.Len() > 3000 {
		t.Errorf("the audit log has %d refusals:\n%s", n, audit.String())
	}
}

// TestTokens lets somebody in who may do some things to some charts, over every
// protocol.
func TestTokens(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	var audit bytes.Buffer
	s := serve(t, store, server.Options{
		Auth: &server.Auth{User: "admin", Password: "s3cret", Tokens: true}, Audit: slog.New(slog.NewJSONHandler(&audit, nil)),
	})
	admin := basic("admin", "s3cret")
	for _, name := range []string{"team-web", "other"} {
		if r := s.do(http.MethodPost, "/api/charts", bytes.NewReader(chartArchive(t, name, "1.0.0", "")), admin); r.status != http.StatusCreated {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	_, team := token(t, store, "team", time.Time{}, "read:team-*", "push:team-*")
	_, robot := token(t, store, "robot", time.Time{}, "push")
	for _, auth := range []string{bearer(team), basic("anybody", team)} {
		if r := s.get("/index.yaml", auth); !strings.Contains(string(r.body), `"team-web"`) || strings.Contains(string(r.body), `"other"`) {
			t.Errorf("the index shows more or less than may be read: %s", r.body)
		}
	}
	for _, tc := range []struct {
		method, path, auth string
		body               []byte
		want               int
	}{
		{http.MethodGet, "/index.yaml", "X-None: 1", nil, 401},
		{http.MethodGet, "/index.yaml", bearer(team + "x"), nil, 401},
		{http.MethodGet, "/index.yaml", bearer(strings.Replace(team, "gantry_", "gantry_a", 1)), nil, 401},
		{http.MethodGet, "/index.yaml", basic("admin", "wrong"), nil, 401},
		{http.MethodGet, "/charts/team-web-1.0.0.tgz", bearer(team), nil, 200},
		{http.MethodGet, "/charts/other-1.0.0.tgz", bearer(team), nil, 404},
		{http.MethodGet, "/charts/team-web-1.0.0.tgz", bearer(robot), nil, 404},
		{http.MethodGet, "/api/charts/other", bearer(team), nil, 404},
		{http.MethodGet, "/chart/team-web", bearer(team), nil, 200},
		{http.MethodGet, "/chart/other", bearer(team), nil, 404},
		{http.MethodGet, "/chart/other/1.0.0/values", bearer(team), nil, 404},
		{http.MethodGet, "/@chart/other/charts/other-1.0.0.tgz", bearer(team), nil, 404},
		{http.MethodGet, "/v2/team-web/manifests/1.0.0", basic("x", team), nil, 200},
		{http.MethodGet, "/v2/other/manifests/1.0.0", basic("x", team), nil, 403},
		{http.MethodGet, "/v2/other/tags/list", basic("x", team), nil, 403},
		{http.MethodPost, "/v2/other/blobs/uploads/", basic("x", team), nil, 403},
		{http.MethodPost, "/v2/team-new/blobs/uploads/", basic("x", team), nil, 202},
		{http.MethodPost, "/api/charts", bearer(team), chartArchive(t, "team-web", "1.1.0", ""), 201},
		{http.MethodPost, "/api/charts", bearer(team), chartArchive(t, "other", "1.1.0", ""), 403},
		{http.MethodPost, "/api/charts", bearer(robot), chartArchive(t, "other", "1.2.0", ""), 201},
		{http.MethodDelete, "/api/charts/team-web/1.0.0", bearer(team), nil, 403},
		{http.MethodDelete, "/v2/team-web/manifests/1.0.0", bearer(team), nil, 403},
		{http.MethodDelete, "/api/charts/team-web/1.0.0", admin, nil, 200},
	} {
		if r := s.do(tc.method, tc.path, bytes.NewReader(tc.body), tc.auth); r.status != tc.want {
			t.Errorf("%s %s with %s: %d %s, want %d", tc.method, tc.path, tc.auth, r.status, r.body, tc.want)
		}
	}
	if got := string(s.get("/v2/_catalog", bearer(team)).body); got != `{"repositories":["team-web"]}`+"\n" {
		t.Errorf("catalog: %s", got)
	}
	s.Close()
	type line struct {
		Action, Chart, Version, User string
		Done                         bool
	}
	var got []line
	for d := json.NewDecoder(&audit); d.More(); {
		var l line
		if err := d.Decode(&l); err != nil {
			t.Fatal(err)
		}
		got = append(got, l)
	}
	want := []line{
		{"publish", "team-web", "1.0.0", "admin", true},
		{"publish", "other", "1.0.0", "admin", true},
		{"publish", "team-web", "1.1.0", "team", true},
		{"publish", "other", "1.1.0", "team", false},
		{"publish", "other", "1.2.0", "robot", true},
		{"delete", "team-web", "1.0.0", "team", false},
		{"delete", "team-web", "1.0.0", "admin", true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the audit log (-want +got):\n%s", diff)
	}
	if strings.Contains(audit.String(), team[20:]) {
		t.Error("the audit log has a secret")
	}
}

func TestTokensEnd(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	s := serve(t, store, server.Options{Auth: &server.Auth{Tokens: true}})
	made, secret := token(t, store, "ci", time.Time{}, "read")
	// The clock of the tests advances by a second whenever it is asked.
	_, short := token(t, store, "short", time.Date(2026, 5, 1, 0, 0, 30, 0, time.UTC), "read")
	try := func(secret string) int { return s.get("/index.yaml", bearer(secret)).status }
	if try(secret) != 200 || try(short) != 200 {
		t.Fatal("a token is not taken")
	}
	if _, err := operator(store, time.Date(2026, 5, 2, 0, 0, 0, 0, time.UTC)).RevokeToken(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	for range 40 {
		try(secret)
	}
	if try(secret) != 401 {
		t.Error("a revoked token is taken")
	}
	if try(short) != 401 {
		t.Error("an expired token is taken")
	}
	for _, id := range []string{"none", "../x", ""} {
		if _, err := operator(store, time.Time{}).RevokeToken(t.Context(), id); !errors.Is(err, server.ErrNoToken) {
			t.Errorf("%q: %v", id, err)
		}
	}
	all, err := server.Tokens(t.Context(), store)
	if err != nil || len(all) != 2 || all[0].Revoked.IsZero() == all[1].Revoked.IsZero() {
		t.Errorf("%+v %v", all, err)
	}
	for info, err := range store.List(t.Context(), "gantry/tokens/", "") {
		data, _, getErr := store.Get(t.Context(), info.Key)
		if err != nil || getErr != nil || bytes.Contains(data, []byte(secret[18:])) {
			t.Errorf("%s holds a secret (%v, %v)", info.Key, err, getErr)
		}
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "write", "read:", "push:a b", "admin:team-*", "read:\n"} {
		if got, err := server.ParseScope(text); err == nil {
			t.Errorf("%q passes as %v", text, got)
		}
	}
	for text, want := range map[string]string{"read": "read:*", "push:team-*": "push:team-*", "delete:org/app": "delete:org/app", "admin": "admin:*"} {
		if got, err := server.ParseScope(text); err != nil || got.String() != want {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
}
