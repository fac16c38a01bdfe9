package client_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"gantry/repo/client"
	"gantry/repo/server"
)

// TestOCIIndex makes an index of a chart in a registry that is our own server, which
// asks for a password and keeps its blobs at another host.
func TestOCIIndex(t *testing.T) {
	t.Parallel()
	var leaked atomic.Bool
	var asked atomic.Int64
	var elsewhere *httptest.Server
	registry := serve(t, server.Options{Auth: &server.Auth{User: "ci", Password: "s3cret"}}, func(h http.Handler) http.Handler {
		elsewhere = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "" {
				leaked.Store(true)
			}
			r.SetBasicAuth("ci", "s3cret") // it knows its own way to the blobs
			h.ServeHTTP(w, r)
		}))
		t.Cleanup(elsewhere.Close)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/sha256:") {
				// Another name is another host.
				http.Redirect(w, r, strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1)+r.URL.Path, http.StatusTemporaryRedirect)
				return
			}
			if r.Method == http.MethodGet && r.Header.Get("Authorization") != "" {
				asked.Add(1)
			}
			h.ServeHTTP(w, r)
		})
	})
	host := strings.TrimPrefix(registry.URL, "http://")
	h := newHome(t, client.WithPlainHTTP(true))
	r := client.Repository{Name: "up", URL: "oci://" + host + "/web"}
	_, _, err := h.Update(t.Context(), r)
	if status, ok := errors.AsType[*client.StatusError](err); !ok || status.Status != http.StatusUnauthorized {
		t.Errorf("without a password: %v", err)
	}
	if err := h.Login(t.Context(), host, "ci", "s3cret"); err != nil {
		t.Fatal(err)
	}
	first := chartArchive(t, "1.0.0", "")
	h.push(t, client.Repository{Name: "http", URL: registry.URL, Username: "ci", Password: "s3cret"}, first)
	push := func(version string) {
		t.Helper()
		if _, _, err := h.PushOCI(t.Context(), "oci://"+host, write(t, "web.tgz", chartArchive(t, version, "")), false); err != nil {
			t.Fatal(err)
		}
	}
	push("1.1.0+build.7")

	index, changed, err := h.Update(t.Context(), r)
	if err != nil || !changed || len(index.Entries["web"]) != 2 {
		t.Fatalf("%+v, %v, %v", index, changed, err)
	}
	newest := index.Entries["web"][0]
	if newest.Version != "1.1.0+build.7" || newest.URLs[0] != r.URL+":1.1.0_build.7" || newest.Digest == "" {
		t.Errorf("%+v", newest)
	}
	if got := index.Entries["web"][1]; got.Digest != digestOf(t, first) || got.APIVersion != "v2" {
		t.Errorf("%+v", got)
	}

	before := asked.Load()
	if _, changed, err := h.Update(t.Context(), r); changed || err != nil || asked.Load()-before > 1 {
		t.Errorf("nothing is new, and it took %d requests: %v %v", asked.Load()-before, changed, err)
	}
	push("1.2.0")
	before = asked.Load()
	index, changed, err = h.Update(t.Context(), r)
	if err != nil || !changed || len(index.Entries["web"]) != 3 || asked.Load()-before > 2 {
		t.Errorf("one is new, and it took %d requests: %v %v", asked.Load()-before, changed, err)
	}

	found, err := h.At(t.Context(), r, index.Entries["web"][2])
	if err != nil {
		t.Fatal(err)
	}
	file, err := h.Download(t.Context(), found, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, first) {
		t.Errorf("another archive arrives: %v", err)
	}
	index.Entries["web"][2].Digest = strings.Repeat("0", 64)
	if _, err := h.At(t.Context(), r, index.Entries["web"][2]); !errors.Is(err, client.ErrDigest) {
		t.Errorf("a tag that has moved: %v", err)
	}
	if leaked.Load() {
		t.Error("the password went to another host")
	}
	for _, url := range []string{"oci://" + host + "/none", "oci://" + host + "/web:1.0.0"} {
		if _, _, err := h.Update(t.Context(), client.Repository{Name: "bad", URL: url}); err == nil {
			t.Errorf("%s has an index", url)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := h.Update(ended, r); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestOCIIndexPassesOver wants tags that are no charts to be passed over, whatever
// they say, and a registry that fails to be an error.
func TestOCIIndexPassesOver(t *testing.T) {
	t.Parallel()
	const helmChart = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
	reg := &registry{manifests: map[string][]byte{}, blobs: map[string][]byte{}}
	reg.push(t, "1.0.0", chartArchive(t, "1.0.0", ""), "application/vnd.oci.image.layer.v1.tar+gzip")
	reg.push(t, "1.1.0", chartArchive(t, "1.1.0", ""), helmChart) // its configuration is the archive
	reg.tags = append(reg.tags, "latest", "9.9.9")
	var down atomic.Bool
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() && strings.Contains(r.URL.Path, "/manifests/") {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		reg.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	h := newHome(t, client.WithPlainHTTP(true))
	r := client.Repository{Name: "up", URL: "oci://" + strings.TrimPrefix(s.URL, "http://") + "/team/web"}
	down.Store(true)
	if _, _, err := h.Update(t.Context(), r); err == nil {
		t.Error("a registry that fails has an index")
	}
	down.Store(false)
	index, _, err := h.Update(t.Context(), r)
	if err != nil || len(index.Entries) != 0 {
		t.Errorf("%+v %v", index, err)
	}
}
