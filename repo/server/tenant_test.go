package server_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
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
		"/@chart/web": {"web"}, "/@stable/@prefix/w": {"web"},
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

// TestTenantPages walks from the list of all repositories to a chart of one.
func TestTenantPages(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	s := serve(t, store, server.Options{Depth: 2, Inspector: fake{}})
	hasAll(t, s.page("/", http.StatusOK), "There are no charts yet", "gantry chart push mychart "+s.URL+"/team/stable")
	for path, name := range map[string]string{"/api/acme/prod/charts": "web", "/api/acme/dev/charts": "web", "/api/other/prod/charts": "db", "/api/charts": "root"} {
		if r := s.do(http.MethodPost, path, bytes.NewReader(chartArchive(t, name, "1.0.0", ""))); r.status != http.StatusCreated {
			t.Fatalf("%s: %d %s", path, r.status, r.body)
		}
	}
	hasAll(t, s.page("/", http.StatusOK), "4 charts", `<a href="/acme/prod/">acme/prod</a>`, `<a href="/other/prod/">`,
		`<a href="/acme/dev/chart/web"><span class="soft">acme/dev/</span>web</a>`, `<a href="/chart/root">root</a>`)
	hasAll(t, s.page("/?q=db", http.StatusOK), "1 chart for", "/other/prod/chart/db")
	below := s.page("/acme/", http.StatusOK)
	hasAll(t, below, "acme/ 2 charts", "/acme/dev/chart/web", `<a href="/">Show all repositories</a>`)
	if strings.Contains(below, "other/prod") {
		t.Error("a repository of somebody else is listed")
	}
	home := s.page("/acme/prod/", http.StatusOK)
	hasAll(t, home, "1 chart", `<a class="where" href="/acme/prod/">acme/prod</a>`, "gantry repo add acme-prod "+s.URL+"/acme/prod",
		`<a href="/acme/prod/chart/web">web</a>`, `href="/assets/page.css?`, `action="/acme/prod/"`)
	s.get("/acme/prod/charts/web-1.0.0.tgz")
	hasAll(t, s.page("/acme/prod/chart/web", http.StatusOK), "helm install web acme-prod/web <span>--version 1.0.0</span>",
		"/acme/prod/web <span>--version 1.0.0</span> <span>--plain-http</span>", `href="/acme/prod/charts/web-1.0.0.tgz"`, `href="/acme/prod/chart/web/1.0.0/versions"`, "<dt>Downloads</dt><dd>1</dd>")
	hasAll(t, s.page("/acme/prod/chart/wen", http.StatusNotFound), "There is no chart wen.", `href="/acme/prod/">All charts</a>`, `href="/">All repositories</a>`)
	hasAll(t, s.page("/acme/none/", http.StatusOK), "There are no charts yet", "gantry chart push mychart "+s.URL+"/acme/none")
	s.page("/none/", http.StatusNotFound)

	if r := s.get("/acme/prod", "Accept: text/html"); r.status != http.StatusMovedPermanently || r.header.Get("Location") != "/acme/prod/" {
		t.Errorf("without a slash: %d %v", r.status, r.header)
	}
	for _, path := range []string{"/acme/prod", "/acme/", "/acme"} {
		if r := s.get(path); r.status != http.StatusNotFound {
			t.Errorf("a program is answered %d at %s", r.status, path)
		}
	}
}

// TestTenantPagesScopes wants the pages to show what somebody may read, and no
// repository besides.
func TestTenantPagesScopes(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	s := serve(t, store, server.Options{Depth: 1, Auth: &server.Auth{Tokens: true}})
	_, all := token(t, store, "all", time.Time{}, "read", "push")
	for _, team := range []string{"ours", "theirs"} {
		if r := s.do(http.MethodPost, "/api/"+team+"/charts", bytes.NewReader(chartArchive(t, team+"-web", "1.0.0", "")), bearer(all)); r.status != http.StatusCreated {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	_, some := token(t, store, "some", time.Time{}, "read:ours/*")
	for path, want := range map[string]int{"/": 200, "/ours/": 200, "/theirs/": 200, "/theirs/chart/theirs-web": 404} {
		r := s.get(path, bearer(some), "Accept: text/html")
		if r.status != want || strings.Contains(string(r.body), "theirs-web</a>") || strings.Contains(string(r.body), `href="/theirs/">theirs</a></li>`) {
			t.Errorf("%s: %d\n%s", path, r.status, r.body)
		}
	}
	if r := s.get("/ours/", "Accept: text/html"); r.status != http.StatusUnauthorized || strings.Contains(string(r.body), "ours-web") {
		t.Errorf("without a token: %d", r.status)
	}
}

// TestTenantsOfStrangers lets people without a right to publish try to make
// repositories, and those who may not even read look for some.
func TestTenantsOfStrangers(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	_, reader := token(t, store, "reader", time.Time{}, "read")
	_, neighbour := token(t, store, "neighbour", time.Time{}, "push:acme/dev/*", "read")
	_, owner := token(t, store, "owner", time.Time{}, "push:acme/p*d/web")
	var asked atomic.Int64
	watched := faulty{store, func(op, key string) error {
		if op == "list" && strings.HasPrefix(key, "acme/") {
			asked.Add(1)
		}
		return nil
	}}
	s := serve(t, watched, server.Options{Depth: 2, Auth: &server.Auth{Tokens: true}})
	web := chartArchive(t, "web", "1.0.0", "")
	for _, path := range []string{"/api/acme/prod/charts", "/acme/prod/api/charts", "/v2/acme/prod/web/blobs/uploads/"} {
		for header, want := range map[string]int{
			"None: ": http.StatusUnauthorized, bearer("gantry_wrong"): http.StatusUnauthorized,
			bearer(reader): http.StatusForbidden, bearer(neighbour): http.StatusForbidden,
		} {
			if r := s.do(http.MethodPost, path, bytes.NewReader(web), header); r.status != want {
				t.Errorf("%s with %.12s: %d %s, want %d", path, header, r.status, r.body, want)
			}
		}
	}
	for range s.holds("gantry/repositories/", store) {
		t.Error("who may not publish there has made a repository")
	}
	asked.Store(0)
	if r := s.get("/acme/other/index.yaml"); r.status != http.StatusUnauthorized || asked.Load() > 0 {
		t.Errorf("a stranger gets %d, and the store was asked %d times", r.status, asked.Load())
	}
	if r := s.do(http.MethodPost, "/api/acme/prod/charts", bytes.NewReader(web), bearer(owner)); r.status != http.StatusCreated {
		t.Errorf("the owner: %d %s", r.status, r.body)
	}
	if got := s.names("/acme/prod", bearer(reader)); len(got) != 1 {
		t.Errorf("published: %v", got)
	}
}

// holds returns the keys directly below a folder of a store.
func (s *tester) holds(folder string, store blob.Store) []string {
	s.Helper()
	var keys []string
	for info, err := range store.List(s.Context(), folder, "") {
		if err != nil {
			s.Fatal(err)
		}
		keys = append(keys, info.Key)
	}
	return keys
}
