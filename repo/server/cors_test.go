package server_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"gantry/repo/blob"
	"gantry/repo/server"
)

// TestOrigins lets pages of other sites read what charts are, and nothing else.
func TestOrigins(t *testing.T) {
	t.Parallel()
	const origin, other = "https://hub.example.org", "https://other.example.org"
	auth := &server.Auth{User: "root", Password: "s3cret", AnonymousRead: true}
	one := serve(t, &blob.Memory{}, server.Options{Origins: []string{"http://127.0.0.1:8080", origin}, Auth: auth, Depth: 1})
	all := serve(t, &blob.Memory{}, server.Options{Origins: []string{"*"}, Auth: auth, Depth: 1})
	none := serve(t, &blob.Memory{}, server.Options{Auth: auth, Depth: 1})
	for _, s := range []*tester{one, all, none} {
		for _, path := range []string{"/api/charts", "/api/acme/charts"} {
			if r := s.do(http.MethodPost, path, bytes.NewReader(chartArchive(t, "web", "1.0.0", "")), basic("root", "s3cret")); r.status != http.StatusCreated {
				t.Fatalf("%d %s", r.status, r.body)
			}
		}
	}
	shown := []string{
		"/index.yaml", "/charts/web-1.0.0.tgz", "/api/charts", "/api/charts/web", "/api/charts/web/latest/values", "/@stable/index.yaml",
		"/acme/index.yaml", "/charts/none-1.0.0.tgz", "/artifacthub-repo.yml",
	}
	for _, path := range append(slices.Clone(shown), "/", "/chart/web", "/v2/web/tags/list", "/metrics", "/health", "/gantry/audit", "/none") {
		is := slices.Contains(shown, path)
		want := func(s *tester, from, allowed string, vary bool) {
			t.Helper()
			r := s.get(path, "Origin: "+from, "Accept: text/html")
			varies := strings.Contains(strings.Join(r.header.Values("Vary"), ","), "Origin")
			if got := r.header.Get("Access-Control-Allow-Origin"); got != allowed || varies != vary || r.header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s from %s: %q, want %q: %d %v", path, from, got, allowed, r.status, r.header)
			}
		}
		if !is {
			want(one, origin, "", false)
			want(all, origin, "", false)
			continue
		}
		want(one, origin, origin, true)
		want(one, other, "", true)
		want(all, other, "*", false)
		want(none, origin, "", false)
	}
	if r := one.do(http.MethodPost, "/api/charts", nil, "Origin: "+origin); r.status != http.StatusUnauthorized && r.status != http.StatusForbidden || r.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("an upload: %d %v", r.status, r.header)
	}
	if r := one.do(http.MethodOptions, "/index.yaml", nil, "Origin: "+origin, "Access-Control-Request-Headers: authorization"); r.status != http.StatusMethodNotAllowed || r.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a question beforehand: %d %v", r.status, r.header)
	}
	for text, want := range map[string]bool{
		"*": true, "https://a.example.org": true, "http://127.0.0.1:80": true, "": false, "null": false, "a.example.org": false, "https://a.example.org/": false,
		"ftp://a": false, "https://a@b": false, "https://*": true, "https://a?b": false, "https://a\n": false,
	} {
		if err := server.CheckOrigin(text); (err == nil) != want {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := server.New(t.Context(), &blob.Memory{}, server.Options{Now: time.Now, Origins: []string{"null"}}); err == nil {
		t.Error("an origin that is none is taken")
	}
}

// TestArtifactHub serves the file of a repository's operator to who may read there.
func TestArtifactHub(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	s := serve(t, store, server.Options{Auth: &server.Auth{Tokens: true}, Depth: 1})
	_, reader := token(t, store, "reader", time.Time{}, "read")
	_, acme := token(t, store, "acme", time.Time{}, "read:acme/*", "push:acme/*")
	_, robot := token(t, store, "robot", time.Time{}, "push")
	const root, below = "/artifacthub-repo.yml", "/acme/artifacthub-repo.yml"
	status := func(path string, headers ...string) int { return s.get(path, headers...).status }
	if r := s.get(root, bearer(reader)); r.status != http.StatusNotFound || !strings.Contains(string(r.body), "has no artifacthub-repo.yml") {
		t.Errorf("none: %d %s", r.status, r.body)
	}
	if r := s.do(http.MethodPost, "/api/acme/charts", bytes.NewReader(chartArchive(t, "web", "1.0.0", "")), bearer(acme)); r.status != http.StatusCreated {
		t.Fatalf("%d %s", r.status, r.body)
	}
	for key, text := range map[string]string{"artifacthub-repo.yml": "repositoryID: root\n", "acme/artifacthub-repo.yml": "repositoryID: acme\n"} {
		if _, err := store.Put(t.Context(), key, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	r := s.get(root, bearer(reader))
	if string(r.body) != "repositoryID: root\n" || r.header.Get("Content-Type") != "application/yaml" || r.header.Get("Cache-Control") != "private, no-cache" || r.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d %v %s", r.status, r.header, r.body)
	}
	if r := s.get(below, bearer(acme)); string(r.body) != "repositoryID: acme\n" {
		t.Errorf("below a path: %d %s", r.status, r.body)
	}
	if got := []int{status(root), status(root, bearer(robot)), status(root, bearer(acme)), status(below, bearer(robot)), status(below, bearer(reader))}; !slices.Equal(got, []int{401, 404, 404, 404, 200}) {
		t.Errorf("who may read: %v", got)
	}
	if _, err := store.Put(t.Context(), "artifacthub-repo.yml", bytes.NewReader(make([]byte, 256<<10+1))); err != nil {
		t.Fatal(err)
	}
	if r := s.get(root, bearer(reader)); r.status != http.StatusInternalServerError || !strings.Contains(string(r.body), "file-too-large") {
		t.Errorf("too large: %d %.100s", r.status, r.body)
	}
}
