package mirror_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gantry/repo/blob"
	"gantry/repo/mirror"
	"gantry/repo/server"
)

// through starts a server that fetches from an upstream what is asked for.
func through(t *testing.T, store blob.Store, from mirror.Through) *server.Server {
	t.Helper()
	from.Dir = t.TempDir()
	s, err := server.New(t.Context(), store, server.Options{Now: time.Now, TempDir: t.TempDir(), Upstream: from})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ask(ctx context.Context, s *server.Server, method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequestWithContext(ctx, method, path, nil))
	return w
}

func wantStatus(t *testing.T, s *server.Server, want int, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if w := ask(t.Context(), s, http.MethodGet, path); w.Code != want {
			t.Errorf("%s: %d %s, want %d", path, w.Code, w.Body, want)
		}
	}
}

// listed returns whether the index lists versions.
func listed(t *testing.T, s *server.Server) string {
	t.Helper()
	return ask(t.Context(), s, http.MethodGet, "/index.yaml").Body.String()
}

func TestThrough(t *testing.T) {
	t.Parallel()
	from, store := newServer(t), &blob.Memory{}
	for _, version := range []string{"1.0.0", "1.1.0", "1.2.0"} {
		upload(t, from, "web", version, "")
	}
	upload(t, from, "db", "9.0.0", "it would be taken for ours")
	var fetched, down, lies atomic.Int64
	c, r := upstream(t, from, func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case strings.HasSuffix(r.URL.Path, ".prov"):
			return false
		case down.Load() > 0:
			w.WriteHeader(http.StatusForbidden)
			return true
		case lies.Load() > 0:
			_, _ = w.Write([]byte("something else"))
			return true
		}
		fetched.Add(1)
		return false
	})
	way := mirror.Through{Client: c, From: r}
	s := through(t, store, way)
	upload(t, s, "db", "1.0.0", "ours")
	if err := s.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	index := listed(t, s)
	if strings.Count(index, `"name":"web"`) != 3 || strings.Contains(index, "9.0.0") {
		t.Errorf("the index is %s", index)
	}
	if _, there := s.Published("web", "1.0.0"); there || fetched.Load() > 0 {
		t.Error("it was fetched before anybody asked")
	}

	t.Log("what is asked for is fetched once, by whichever door")
	var group sync.WaitGroup
	for range 5 {
		group.Go(func() { wantStatus(t, s, http.StatusOK, "/charts/web-1.0.0.tgz") })
	}
	group.Wait()
	wantStatus(t, s, http.StatusOK, "/charts/web-1.0.0.tgz", "/v2/web/manifests/1.1.0")
	if got := fetched.Load(); got != 2 {
		t.Errorf("fetched %d times, want 2", got)
	}
	if listed(t, s) != index {
		t.Error("fetching changed the index")
	}
	report, err := server.Check(t.Context(), store, server.CheckOptions{})
	if err != nil || len(report.Findings) > 0 || report.Versions != 4 {
		t.Errorf("%+v, %v", report, err)
	}

	t.Log("another content than the index says is not served")
	lies.Store(1)
	wantStatus(t, s, http.StatusBadGateway, "/charts/web-1.2.0.tgz")
	lies.Store(0)

	t.Log("without the upstream, what is here is served")
	down.Store(1)
	s = through(t, store, way)
	wantStatus(t, s, http.StatusOK, "/charts/web-1.0.0.tgz", "/charts/web-1.1.0.tgz", "/charts/db-1.0.0.tgz")
	wantStatus(t, s, http.StatusBadGateway, "/charts/web-1.2.0.tgz", "/v2/web/manifests/1.2.0")
	if listed(t, s) != index {
		t.Error("another start changed the index")
	}
	alone := newServerOver(t, store)
	wantStatus(t, alone, http.StatusNotFound, "/charts/web-1.2.0.tgz")
	down.Store(0)

	t.Log("what is deleted stays away; what the upstream takes back goes, unless it is here")
	if w := ask(t.Context(), s, http.MethodDelete, "/api/charts/web/1.1.0"); w.Code != http.StatusOK {
		t.Fatalf("delete: %d %s", w.Code, w.Body)
	}
	for _, version := range []string{"1.0.0", "1.2.0"} {
		ask(t.Context(), from, http.MethodDelete, "/api/charts/web/"+version)
	}
	if err := s.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, s, http.StatusOK, "/charts/web-1.0.0.tgz")
	wantStatus(t, s, http.StatusNotFound, "/charts/web-1.1.0.tgz", "/charts/web-1.2.0.tgz")
}

func newServerOver(t *testing.T, store blob.Store) *server.Server {
	t.Helper()
	s, err := server.New(t.Context(), store, server.Options{Now: time.Now, TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
