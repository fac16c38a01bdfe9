package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"gantry/repo"
	"gantry/repo/client"
	"gantry/repo/server"
)

// catalogRegistry is our own server, with two charts and an image below one path and a
// chart below another.
type catalogRegistry struct {
	http.Handler

	// catalog answers instead of the server, if there is one.
	catalog atomic.Pointer[http.HandlerFunc]
	// asked counts requests for manifests, and tags for lists of tags.
	asked, tags atomic.Int64
}

func (c *catalogRegistry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch catalog := c.catalog.Load(); {
	case r.URL.Path == "/v2/_catalog" && catalog != nil:
		(*catalog)(w, r)
		return
	case r.URL.Path == "/v2/_catalog":
		// Every name is a page of its own.
		q := r.URL.Query()
		q.Set("n", "1")
		r.URL.RawQuery = q.Encode()
	case r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/manifests/"):
		c.asked.Add(1)
	case strings.HasSuffix(r.URL.Path, "/tags/list"):
		c.tags.Add(1)
	}
	c.Handler.ServeHTTP(w, r)
}

func newCatalogRegistry(t *testing.T) (c *catalogRegistry, h *home, host string) {
	t.Helper()
	c = &catalogRegistry{}
	s := serve(t, server.Options{Depth: 2}, func(inner http.Handler) http.Handler { c.Handler = inner; return c })
	h = newHome(t, client.WithPlainHTTP(true))
	host = "oci://" + strings.TrimPrefix(s.URL, "http://")
	for _, at := range []string{"prod/web@1.0.0", "prod/web@1.1.0", "prod/db@0.1.0", "dev/web@9.0.0"} {
		below, chart, _ := strings.Cut(at, "/")
		name, version, _ := strings.Cut(chart, "@")
		archive := namedArchive(t, name, version, "")
		if _, _, err := h.PushOCI(t.Context(), host+"/acme/"+below, write(t, "chart.tgz", archive), false); err != nil {
			t.Fatal(err)
		}
	}
	put := func(path, kind string, body []byte) {
		t.Helper()
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, path, bytes.NewReader(body))
		if kind == "" {
			r.Method = http.MethodPost
			kind = "application/octet-stream"
		}
		r.Header.Set("Content-Type", kind)
		if c.ServeHTTP(w, r); w.Code != http.StatusCreated {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	const kind = "application/vnd.oci.image.manifest.v1+json"
	config := []byte("{}")
	sum := "sha256:" + digestOf(t, config)
	put("/v2/acme/prod/image/blobs/uploads/?digest="+sum, "", config)
	for i := range 20 {
		part := map[string]any{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": sum, "size": 2}
		body, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": kind, "config": part, "layers": []any{part}, "annotations": map[string]string{"n": strconv.Itoa(i)}})
		if err != nil {
			t.Fatal(err)
		}
		put(fmt.Sprintf("/v2/acme/prod/image/manifests/1.%d.0", i), kind, body)
	}
	return c, h, host
}

func names(x *repo.Index) string {
	var all []string
	for _, name := range x.Names() {
		all = append(all, fmt.Sprintf("%s:%d", name, len(x.Entries[name])))
	}
	return strings.Join(all, " ")
}

// TestOCIPath makes one index of the charts below a path.
func TestOCIPath(t *testing.T) {
	t.Parallel()
	c, h, host := newCatalogRegistry(t)
	prod := client.Repository{Name: "prod", URL: host + "/acme/prod"}
	index, changed, err := h.Update(t.Context(), prod)
	if err != nil || !changed || names(index) != "db:1 web:2" {
		t.Fatalf("%+v, %v, %v", index, changed, err)
	}
	if got := index.Entries["web"][1].URLs[0]; got != prod.URL+"/web:1.0.0" {
		t.Errorf("it is at %s", got)
	}
	// Three charts, and as many versions of the image.
	if got := c.asked.Load(); got != 6 {
		t.Errorf("%d manifests were asked for", got)
	}
	c.asked.Store(0)
	if _, changed, err := h.Update(t.Context(), prod); changed || err != nil || c.asked.Load() > 0 {
		t.Errorf("nothing is new, and %d manifests were asked for: %v %v", c.asked.Load(), changed, err)
	}
	if _, _, err := h.PushOCI(t.Context(), prod.URL, write(t, "web.tgz", namedArchive(t, "web", "2.0.0", "")), false); err != nil {
		t.Fatal(err)
	}
	c.asked.Store(0)
	if index, changed, err := h.Update(t.Context(), prod); !changed || err != nil || names(index) != "db:1 web:3" || c.asked.Load() != 4 {
		t.Errorf("one is new, and %d manifests were asked for: %v %v", c.asked.Load(), changed, err)
	}

	c.tags.Store(0)
	if index, _, err := h.UpdateCharts(t.Context(), prod, []string{"w*", "x*"}); err != nil || names(index) != "web:3" || c.tags.Load() != 2 {
		t.Errorf("by a pattern: %+v, %v, %d lists of tags", index, err, c.tags.Load())
	}
	web := client.Repository{Name: "web", URL: host + "/acme/dev/web"}
	for _, patterns := range [][]string{nil, {"web"}, {"other"}} {
		if index, _, err := h.UpdateCharts(t.Context(), web, patterns); err != nil || names(index) != "web:1" {
			t.Errorf("a chart is no path: %+v, %v", index, err)
		}
	}
	for url, want := range map[string]string{
		host:                    "further down there is " + host + "/acme/",
		host + "/":              "further down there is " + host + "/acme/",
		host + "/acme":          "further down there is " + host + "/acme/prod",
		host + "/nothing":       "has none right below it",
		host + "/acme/prod:1":   "leave out the tag",
		"oci://":                "is not a chart",
		host + "/acme/dev/web/": "", // a slash at the end is none
	} {
		_, _, err := h.Update(t.Context(), client.Repository{Name: "other", URL: url})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
	}
	entry := index.Entries["web"][0]
	found, err := h.At(t.Context(), prod, entry)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Download(t.Context(), found, t.TempDir()); err != nil {
		t.Error(err)
	}
}

// TestOCIPathWithoutCatalog wants the names of charts where a registry lists nothing.
func TestOCIPathWithoutCatalog(t *testing.T) {
	t.Parallel()
	c, h, host := newCatalogRegistry(t)
	prod := client.Repository{Name: "prod", URL: host + "/acme/prod"}
	for _, status := range []int{401, 403, 404, 405} {
		no := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		c.catalog.Store(&no)
		for _, patterns := range [][]string{nil, {"web", "d*"}} {
			_, _, err := h.UpdateCharts(t.Context(), prod, patterns)
			if none, ok := errors.AsType[*client.NoCatalogError](err); !ok || none.URL != prod.URL {
				t.Errorf("%d: %v", status, err)
			}
		}
		if index, _, err := h.UpdateCharts(t.Context(), prod, []string{"web", "db", "web"}); err != nil || names(index) != "db:1 web:2" {
			t.Errorf("%d: %+v, %v", status, index, err)
		}
	}
	if _, _, err := h.UpdateCharts(t.Context(), prod, []string{"web", "wbe"}); err == nil || !strings.Contains(err.Error(), "wbe") {
		t.Errorf("a name that there is not: %v", err)
	}
	if _, _, err := h.UpdateCharts(t.Context(), prod, []string{"../dev/web"}); err == nil {
		t.Error("a path passes as a name")
	}
	broken := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	c.catalog.Store(&broken)
	_, _, err := h.Update(t.Context(), prod)
	if _, ok := errors.AsType[*client.NoCatalogError](err); ok || err == nil {
		t.Errorf("a catalog that fails: %v", err)
	}
}

// TestOCICatalogIsHostile meets catalogs that never end, lead elsewhere and lie.
func TestOCICatalogIsHostile(t *testing.T) {
	t.Parallel()
	c, h, host := newCatalogRegistry(t)
	prod := client.Repository{Name: "prod", URL: host + "/acme/prod"}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("another host was asked") }))
	t.Cleanup(elsewhere.Close)
	var many []string
	for i := range 2001 {
		many = append(many, fmt.Sprintf("acme/prod/c%d", i))
	}
	for name, tc := range map[string]struct {
		link  string
		names []string
		want  string
	}{
		"no end":       {`</v2/_catalog?last=a>; rel="next"`, []string{"a"}, client.ErrTooLarge.Error()},
		"another host": {`<` + elsewhere.URL + `/v2/_catalog>; rel="next"`, nil, "origin"},
		"too many":     {"", many, client.ErrTooLarge.Error()},
		"no names":     {"", []string{"acme/prod/", "acme/prod/../dev/web", "acme/prod/WEB", "acme/prod/a b", "acme/prod/" + strings.Repeat("x/", 99), "", "/"}, "has none right below it"},
		"lies":         {"", []string{"acme/prod/gone", "acme/prod/web"}, ""},
	} {
		answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if tc.link != "" {
				w.Header().Set("Link", tc.link)
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"repositories": tc.names})
		})
		c.catalog.Store(&answer)
		index, _, err := h.Update(t.Context(), prod)
		if tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v", name, err)
		}
		if tc.want == "" && (err != nil || !slices.Equal(index.Names(), []string{"web"})) {
			t.Errorf("%s: %+v, %v", name, index, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	c.catalog.Store(nil)
	if _, _, err := h.Update(ended, prod); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
