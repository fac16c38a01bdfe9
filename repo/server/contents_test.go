package server_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gantry/repo/blob"
	"gantry/repo/server"
)

// TestContents sends the values of a chart as they were written, and its templates, by
// every name of its version and from every repository.
func TestContents(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{Depth: 2})
	const values = "# how many\nreplicas: 3 # <three>\n"
	archive := pack(t,
		file{name: "web/Chart.yaml", text: "apiVersion: v2\nname: web\nversion: 1.0.0+a\n"},
		file{name: "web/values.yaml", text: values},
		file{name: "web/templates/_helpers.tpl", text: "{{- define \"x\" }}{{ end }}"},
		file{name: "web/templates/sub/a.yaml", text: "kind: <A>\n"},
		file{name: "web/charts/db/Chart.yaml", text: "apiVersion: v2\nname: db\nversion: 1.0.0\n"},
		file{name: "web/charts/db/values.yaml", text: "db: 1\n"},
		file{name: "web/charts/db/templates/b.yaml", text: "kind: B\n"},
	)
	s.publish(archive)
	s.publish(chartArchive(t, "web", "2.0.0-rc.1", "later: true\n"))
	if r := s.do(http.MethodPost, "/api/acme/prod/charts", bytes.NewReader(archive)); r.status != http.StatusCreated {
		t.Fatalf("%d %s", r.status, r.body)
	}
	for _, place := range []string{
		"/api/charts/web/1.0.0+a", "/api/charts/web/1.0.0%2Ba", "/api/charts/web/latest", "/api/charts/web/%5E1", "/@stable/api/charts/web/latest",
		"/api/acme/prod/charts/web/1.0.0+a", "/acme/prod/api/charts/web/latest",
	} {
		r := s.get(place + "/values")
		if r.status != http.StatusOK || string(r.body) != values || r.header.Get("Content-Type") != "application/yaml" {
			t.Errorf("%s/values: %d %v %s", place, r.status, r.header, r.body)
		}
		type shown struct {
			Templates []struct {
				Name string
				Data []byte
			}
			Values map[string]any
		}
		var got shown
		r = s.get(place + "/templates")
		s.decode(r, &got)
		want := shown{Values: map[string]any{"replicas": 3.0}}
		for _, f := range [][2]string{{"templates/_helpers.tpl", "{{- define \"x\" }}{{ end }}"}, {"templates/sub/a.yaml", "kind: <A>\n"}} {
			want.Templates = append(want.Templates, struct {
				Name string
				Data []byte
			}{f[0], []byte(f[1])})
		}
		if diff := cmp.Diff(want, got); diff != "" || r.header.Get("Content-Type") != "application/json" || !bytes.Contains(r.body, []byte(`"data":"`)) {
			t.Errorf("%s/templates: %v (-want +got):\n%s", place, r.header, diff)
		}
	}
	if r := s.do(http.MethodHead, "/api/charts/web/latest/values", nil); r.status != http.StatusOK || len(r.body) > 0 {
		t.Errorf("HEAD: %d", r.status)
	}
	for _, path := range []string{"/api/charts/web/3.0.0/values", "/api/charts/wbe/latest/templates", "/api/acme/none/charts/web/1.0.0/values", "/api/charts/web/1.0.0/readme"} {
		if r := s.get(path); r.status != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
}

// TestContentsThatAreNot answers for charts without values, without templates, and for
// those whose archives have suffered.
func TestContentsThatAreNot(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	s := serve(t, store, server.Options{Auth: &server.Auth{User: "root", Password: "s3cret", Tokens: true}})
	root := basic("root", "s3cret")
	publish := func(archive []byte) {
		t.Helper()
		if r := s.do(http.MethodPost, "/api/charts", bytes.NewReader(archive), root); r.status != http.StatusCreated {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	publish(pack(t, file{name: "bare/Chart.yaml", text: "apiVersion: v2\nname: bare\nversion: 1.0.0\n"}))
	r := s.get("/api/charts/bare/1.0.0/values", root)
	if code, message, _ := r.problem(t); r.status != http.StatusNotFound || code != "values-not-found" || message != "bare 1.0.0 has no values.yaml" {
		t.Errorf("no values: %d %s", r.status, r.body)
	}
	if r := s.get("/api/charts/bare/1.0.0/templates", root); string(r.body) != `{"templates":[],"values":{}}`+"\n" {
		t.Errorf("no templates: %s", r.body)
	}

	large := []file{{name: "large/Chart.yaml", text: "apiVersion: v2\nname: large\nversion: 1.0.0\n"}}
	for _, name := range []string{"a", "b"} {
		random := make([]byte, 3<<20) // does not shrink, so the archive is no bomb
		_, _ = rand.Read(random)
		large = append(large, file{name: "large/templates/" + name, text: base64.StdEncoding.EncodeToString(random)})
	}
	publish(pack(t, large...))
	r = s.get("/api/charts/large/1.0.0/templates", root)
	if code, message, _ := r.problem(t); r.status != http.StatusUnprocessableEntity || code != "contents-too-large" || !strings.Contains(message, "no more than 8") {
		t.Errorf("large templates: %d %s", r.status, r.body[:min(200, len(r.body))])
	}

	_, other := token(t, store, "other", time.Time{}, "read:other-*")
	for _, what := range []string{"values", "templates"} {
		if r := s.get("/api/charts/bare/1.0.0/"+what, bearer(other)); r.status != http.StatusNotFound {
			t.Errorf("%s for somebody who may not read them: %d %s", what, r.status, r.body)
		}
		if r := s.get("/api/charts/bare/1.0.0/" + what); r.status != http.StatusUnauthorized {
			t.Errorf("%s for everybody: %d", what, r.status)
		}
	}

	var e struct{ Digest string }
	if err := json.Unmarshal(s.get("/api/charts/bare/1.0.0", root).body, &e); err != nil {
		t.Fatal(err)
	}
	key := "gantry/blobs/sha256/" + e.Digest[:2] + "/" + e.Digest
	if _, err := store.Put(t.Context(), key, strings.NewReader("no archive")); err != nil {
		t.Fatal(err)
	}
	r = s.get("/api/charts/bare/1.0.0/values", root)
	if code, _, _ := r.problem(t); r.status != http.StatusInternalServerError || code != "content-damaged" {
		t.Errorf("a damaged archive: %d %s", r.status, r.body)
	}
	if err := store.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	r = s.get("/api/charts/bare/1.0.0/templates", root)
	if code, message, _ := r.problem(t); r.status != http.StatusNotFound || code != "chart-not-found" || !strings.Contains(message, "gone from the storage") {
		t.Errorf("no archive: %d %s", r.status, r.body)
	}
}
