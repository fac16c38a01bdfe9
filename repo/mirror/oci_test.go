package mirror_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gantry/repo/blob"
	"gantry/repo/client"
	"gantry/repo/mirror"
	"gantry/repo/server"
)

// registry serves a repository as a registry, with a hook before it, and returns a
// chart in it as an upstream.
func registry(t *testing.T, s *server.Server, chart string, hook func(w http.ResponseWriter, r *http.Request) (done bool)) mirror.Through {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !hook(w, r) {
			s.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(web.Close)
	dir := t.TempDir()
	c := client.New(client.Paths{Config: dir + "/repositories.yaml", Cache: dir, Registry: dir + "/registry.json"}, time.Now, client.WithPlainHTTP(true))
	return mirror.Through{Client: c, From: client.Repository{Name: "upstream", URL: strings.Replace(web.URL, "http://", "oci://", 1) + "/" + chart}}
}

// TestSyncOfRegistry copies a chart of a registry, without asking again for what is there.
func TestSyncOfRegistry(t *testing.T) {
	t.Parallel()
	from, to := newServer(t), newServer(t)
	for _, version := range []string{"1.0.0", "1.1.0+build.7", "2.0.0-rc.1"} {
		upload(t, from, "web", version, "")
	}
	upload(t, from, "db", "1.0.0", "")
	var blobs atomic.Int64
	way := registry(t, from, "web", func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/blobs/") {
			blobs.Add(1)
		}
		return false
	})
	for i, want := range []map[string]int{{mirror.Copied: 2}, {mirror.Present: 2}} {
		steps, err := mirror.Sync(t.Context(), way.Client, way.From, to, mirror.Options{Select: mirror.Selection{Stable: true}})
		if err != nil {
			t.Fatal(err)
		}
		for what, n := range want {
			if got := done(steps); got[what] != n || len(steps) != n {
				t.Errorf("run %d: %v", i+1, steps)
			}
		}
	}
	// A configuration of each version, and an archive of those that were chosen.
	if got := blobs.Load(); got != 5 {
		t.Errorf("%d blobs were fetched, want 5", got)
	}
	for _, version := range []string{"1.0.0", "1.1.0+build.7"} {
		theirs, _ := from.Published("web", version)
		if ours, there := to.Published("web", version); !there || ours != theirs {
			t.Errorf("%s: %q and %q", version, ours, theirs)
		}
	}
	if _, there := to.Published("db", "1.0.0"); there {
		t.Error("another chart of the registry was copied")
	}
}

// TestThroughRegistry serves a chart of a registry, fetched when somebody asks for it,
// and nothing that is not what was listed.
func TestThroughRegistry(t *testing.T) {
	t.Parallel()
	from, store := newServer(t), &blob.Memory{}
	upload(t, from, "web", "1.0.0", "")
	upload(t, from, "web", "1.1.0", "")
	var down, lies atomic.Bool
	way := registry(t, from, "web", func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case down.Load():
			w.WriteHeader(http.StatusForbidden)
			return true
		case lies.Load() && strings.Contains(r.URL.Path, "/blobs/"):
			_, _ = w.Write([]byte("something else"))
			return true
		}
		return false
	})
	s := through(t, store, way)
	if err := s.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	index := listed(t, s)
	if strings.Count(index, `"name":"web"`) != 2 {
		t.Errorf("the index is %s", index)
	}
	if _, there := s.Published("web", "1.0.0"); there {
		t.Error("it was fetched before anybody asked")
	}
	lies.Store(true)
	wantStatus(t, s, http.StatusBadGateway, "/charts/web-1.0.0.tgz")
	lies.Store(false)
	wantStatus(t, s, http.StatusOK, "/charts/web-1.0.0.tgz", "/v2/web/manifests/1.0.0")
	down.Store(true)
	if err := s.Follow(t.Context()); err == nil {
		t.Error("a registry that is down is followed")
	}
	s = through(t, store, way)
	wantStatus(t, s, http.StatusOK, "/charts/web-1.0.0.tgz")
	wantStatus(t, s, http.StatusBadGateway, "/charts/web-1.1.0.tgz")
	if listed(t, s) != index {
		t.Error("another start changed the index")
	}
}

// TestSyncOfPath copies the charts below a path, of a registry that lists them and of one
// that does not.
func TestSyncOfPath(t *testing.T) {
	t.Parallel()
	from := newServer(t)
	for _, name := range []string{"web", "db", "cache"} {
		upload(t, from, name, "1.0.0", "")
	}
	var silent atomic.Bool
	way := registry(t, from, "", func(w http.ResponseWriter, r *http.Request) bool {
		if silent.Load() && r.URL.Path == "/v2/_catalog" {
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}
		return false
	})
	to := newServer(t)
	steps, err := mirror.Sync(t.Context(), way.Client, way.From, to, mirror.Options{Select: mirror.Selection{Charts: []string{"*b"}}})
	if err != nil || len(steps) != 2 || done(steps)[mirror.Copied] != 2 {
		t.Errorf("%v %v", steps, err)
	}
	silent.Store(true)
	if _, err := mirror.Sync(t.Context(), way.Client, way.From, to, mirror.Options{}); err == nil {
		t.Error("a registry that lists nothing is copied")
	}
	steps, err = mirror.Sync(t.Context(), way.Client, way.From, to, mirror.Options{Select: mirror.Selection{Charts: []string{"web", "cache"}}})
	if err != nil || len(steps) != 2 || done(steps)[mirror.Copied] != 1 || done(steps)[mirror.Present] != 1 {
		t.Errorf("%v %v", steps, err)
	}
}

// TestThroughPath serves the charts below a path that are chosen.
func TestThroughPath(t *testing.T) {
	t.Parallel()
	from := newServer(t)
	for _, name := range []string{"web", "db", "cache"} {
		upload(t, from, name, "1.0.0", "")
	}
	way := registry(t, from, "", func(http.ResponseWriter, *http.Request) bool { return false })
	store := &blob.Memory{}
	if err := through(t, store, way).Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	way.Charts = []string{"db", "c*"}
	s := through(t, store, way)
	if err := s.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, s, http.StatusOK, "/charts/db-1.0.0.tgz", "/charts/cache-1.0.0.tgz")
	wantStatus(t, s, http.StatusNotFound, "/charts/web-1.0.0.tgz")
}
