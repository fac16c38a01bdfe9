package server_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gantry/repo"
	"gantry/repo/blob"
	"gantry/repo/server"
)

// names lists the index below a path.
func (s *tester) names(path string, headers ...string) []string {
	s.Helper()
	r := s.get(path+"/index.yaml", headers...)
	x, list, err := repo.Parse("index.yaml", r.body)
	if err != nil || len(list) > 0 {
		s.Fatalf("%s: %d %v %v\n%s", path, r.status, err, list, r.body)
	}
	return x.Names()
}

func TestTenants(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	// What ChartMuseum has left is served from where it is.
	old := chartArchive(t, "old", "0.1.0", "")
	if _, err := store.PutIfAbsent(t.Context(), "acme/prod/old-0.1.0.tgz", bytes.NewReader(old)); err != nil {
		t.Fatal(err)
	}
	s := serve(t, store, server.Options{Depth: 2})
	post := func(path string, archive []byte) reply { return s.do(http.MethodPost, path, bytes.NewReader(archive)) }
	web, other := chartArchive(t, "web", "1.0.0", "a: 1"), chartArchive(t, "web", "1.0.0", "a: 2")
	for path, archive := range map[string][]byte{"/api/acme/prod/charts": web, "/acme/dev/api/charts": other, "/api/charts": web} {
		if r := post(path, archive); r.status != http.StatusCreated {
			t.Fatalf("%s: %d %s", path, r.status, r.body)
		}
	}
	for path, want := range map[string][]string{
		"/acme/prod": {"old", "web"}, "/acme/dev": {"web"}, "": {"web"}, "/acme/none": nil, "/acme/prod/@chart/old": {"old"},
	} {
		if diff := cmp.Diff(want, s.names(path)); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
	for path, want := range map[string][]byte{"/acme/prod": web, "/acme/dev": other} {
		if r := s.get(path + "/charts/web-1.0.0.tgz"); !bytes.Equal(r.body, want) {
			t.Errorf("%s: %d", path, r.status)
		}
	}
	if r := s.get("/api/acme/prod/charts/old/0.1.0"); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := post("/acme/dev/api/charts", web); r.status != http.StatusConflict {
		t.Errorf("a version changed: %d", r.status)
	}
	if r := s.do(http.MethodDelete, "/api/acme/dev/charts/web/1.0.0", nil); r.status != http.StatusOK {
		t.Errorf("delete: %d %s", r.status, r.body)
	}
	if got := s.names("/acme/prod"); len(got) != 2 {
		t.Errorf("deleted from another repository as well: %v", got)
	}
	// What was only read leaves nothing behind.
	for info, err := range store.List(t.Context(), "gantry/repositories/", "") {
		if err != nil || strings.Contains(info.Key, "none") {
			t.Errorf("%s %v", info.Key, err)
		}
	}
	for _, path := range []string{"/api/ACME/prod/charts", "/api/../prod/charts", "/api/acme/.hidden/charts", "/api/gantry/index/charts", "/api/acme/prod/dev/charts", "/api/acme/charts"} {
		if r := post(path, web); r.status < 300 || r.status >= 500 {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	again := serve(t, store, server.Options{Depth: 2})
	if got := again.names("/acme/prod"); len(got) != 2 {
		t.Errorf("after another start: %v", got)
	}
	if got := fmt.Sprint(s.catalog()); got != "[acme/prod/old acme/prod/web web]" {
		t.Errorf("catalog: %s", got)
	}
}

// catalog lists the repositories of the OCI registry.
func (s *tester) catalog(headers ...string) []string {
	s.Helper()
	var all struct{ Repositories []string }
	s.decode(s.get("/v2/_catalog", headers...), &all)
	return all.Repositories
}

func TestTenantsOCI(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{Depth: 2})
	archive := chartArchive(t, "web", "1.0.0", "")
	manifest := s.chartManifest("acme/prod/web", archive)
	r := s.putManifest("acme/prod/web", "1.0.0", manifest)
	if r.status != http.StatusCreated || !strings.HasPrefix(r.header.Get("Location"), "/v2/acme/prod/web/manifests/sha256:") {
		t.Fatalf("%d %s %s", r.status, r.header.Get("Location"), r.body)
	}
	if got := s.names("/acme/prod"); len(got) != 1 {
		t.Errorf("the index: %v", got)
	}
	if got := fmt.Sprint(s.tags("acme/prod/web")); got != "[1.0.0]" {
		t.Errorf("tags: %s", got)
	}
	digest := "sha256:" + digestOf(t, archive)
	if r := s.get("/v2/acme/prod/web/blobs/" + digest); !bytes.Equal(r.body, archive) {
		t.Errorf("blob: %d", r.status)
	}
	if r := s.get("/v2/acme/dev/web/blobs/" + digest); r.status != http.StatusNotFound {
		t.Errorf("the blob of another repository: %d", r.status)
	}
}

func TestTenantScopes(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	s := serve(t, store, server.Options{Depth: 1, Auth: &server.Auth{Tokens: true}})
	_, secret := token(t, store, "ci", time.Time{}, "read:team/*", "push:team/web*")
	post := func(path, name string) int {
		return s.do(http.MethodPost, path, bytes.NewReader(chartArchive(t, name, "1.0.0", "")), bearer(secret)).status
	}
	for path, want := range map[string]int{"/api/team/charts web": 201, "/api/team/charts db": 403, "/api/other/charts web": 403, "/api/charts web": 403} {
		where, name, _ := strings.Cut(path, " ")
		if got := post(where, name); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	_, all := token(t, store, "admin", time.Time{}, "read", "push")
	if r := s.do(http.MethodPost, "/api/other/charts", bytes.NewReader(chartArchive(t, "web", "1.0.0", "")), bearer(all)); r.status != http.StatusCreated {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if got := s.names("/other", bearer(secret)); len(got) > 0 {
		t.Errorf("a token sees another repository: %v", got)
	}
	if got := s.names("/team", bearer(secret)); len(got) != 1 {
		t.Errorf("a token does not see its own: %v", got)
	}
	if got := fmt.Sprint(s.catalog(bearer(secret))); got != "[team/web]" {
		t.Errorf("catalog: %s", got)
	}
	if r := s.get("/team/index.yaml"); r.status != http.StatusUnauthorized {
		t.Errorf("without a token: %d", r.status)
	}
}

// TestTenantsAtOnce starts many repositories at once from two servers of a store.
func TestTenantsAtOnce(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	servers := []*tester{serve(t, store, server.Options{Depth: 1, Shared: true}), serve(t, store, server.Options{Depth: 1, Shared: true})}
	var group sync.WaitGroup
	for i := range 24 {
		group.Go(func() {
			archive := chartArchive(t, "web", fmt.Sprintf("1.0.%d", i), "")
			r := servers[i%2].do(http.MethodPost, fmt.Sprintf("/api/org-%d/charts", i%3), bytes.NewReader(archive))
			if r.status != http.StatusCreated {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
	group.Wait()
	for _, s := range servers {
		for i := range 3 {
			x, _, _ := repo.Parse("index.yaml", s.get(fmt.Sprintf("/org-%d/index.yaml", i)).body)
			if x == nil || len(x.Entries["web"]) != 8 {
				t.Errorf("org-%d: %v", i, x)
			}
		}
	}
}
