package client_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gantry/repo/client"
	"gantry/repo/server"
)

// TestUpdateFetchesChangedCharts wants of a large repository, after an upload, the
// list of sums and the one chart, and the same bytes in the cache that everybody
// else fetches.
func TestUpdateFetchesChangedCharts(t *testing.T) {
	t.Parallel()
	var (
		mu    sync.Mutex
		asked []string
	)
	s := serve(t, server.Options{}, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				mu.Lock()
				asked = append(asked, r.URL.Path)
				mu.Unlock()
			}
			next.ServeHTTP(w, r)
		})
	})
	h := newHome(t)
	r := client.Repository{Name: "local", URL: s.URL}
	h.push(t, r, chartArchive(t, "1.0.0", ""))
	update := func(wantChanged bool, want ...string) {
		t.Helper()
		asked = nil
		_, changed, err := h.Update(t.Context(), r)
		if err != nil || changed != wantChanged {
			t.Errorf("changed %v, %v, want %v", changed, err, wantChanged)
		}
		if diff := cmp.Diff(want, asked); diff != "" {
			t.Errorf("asked for (-want +got):\n%s", diff)
		}
		have, err := os.ReadFile(filepath.Join(h.paths.Cache, "local-index.yaml"))
		if err != nil || !bytes.Equal(have, body(t, s.URL+"/index.yaml")) {
			t.Errorf("the cache has other bytes than the server: %v\n%s", err, have)
		}
	}
	update(true, "/index.yaml")
	update(false, "/index-charts.json")
	h.push(t, r, chartArchive(t, "1.1.0", ""))
	update(true, "/index-charts.json", "/@chart/web/index.yaml")
	update(false, "/index-charts.json")
	h.push(t, r, chartArchive(t, "1.2.0", ""))
	if err := os.Remove(filepath.Join(h.paths.Cache, "local-index.yaml")); err != nil {
		t.Fatal(err)
	}
	update(true, "/index.yaml")
}

// TestUpdateOfStrangeServers has servers whose list is nonsense, or lies: the
// whole index is fetched then.
func TestUpdateOfStrangeServers(t *testing.T) {
	t.Parallel()
	const index = `{"apiVersion":"v1","entries":{"web":[{"name":"web","version":"1.%d.0","urls":["web.tgz"]}]}}`
	for name, list := range map[string]string{
		"no JSON":        `<html>`,
		"empty":          `{}`,
		"other sums":     `{"head":"{\"apiVersion\":\"v1\",\"entries\":{","tail":"}}","charts":[{"name":"web","sum":"00"}]}`,
		"unknown charts": `{"head":"{","tail":"}","charts":[{"name":"../../x","sum":"00"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := 0
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("ETag", `"`+strconv.Itoa(n)+`"`)
				switch r.URL.Path {
				case "/index.yaml":
					n++
					w.Header().Set("ETag", `"`+strconv.Itoa(n)+`"`)
					w.Header().Set("X-Index-Charts", "index-charts.json")
					fmt.Fprintf(w, index, n)
				case "/index-charts.json":
					fmt.Fprint(w, list)
				default:
					http.NotFound(w, r)
				}
			}))
			t.Cleanup(s.Close)
			h := newHome(t)
			for want := 1; want < 3; want++ {
				x, changed, err := h.Update(t.Context(), client.Repository{Name: "local", URL: s.URL})
				if err != nil || !changed || x.Entries["web"][0].Version != fmt.Sprintf("1.%d.0", want) {
					t.Errorf("%d: changed %v, %v", want, changed, err)
				}
			}
		})
	}
}

// TestDownloadGoesOn cuts the connection: what has come is kept, and only if it
// is still the same content.
func TestDownloadGoesOn(t *testing.T) {
	t.Parallel()
	archive := chartArchive(t, "1.0.0", strings.Repeat("a: b\n", 100))
	for name, c := range map[string]struct {
		etags []string
		want  []string
	}{
		"the same content": {[]string{`"1"`, `"1"`, `"1"`}, []string{"", "bytes=50-", "bytes=100-"}},
		"another one":      {[]string{`"1"`, `"2"`, `"2"`}, []string{"", "bytes=50-", "bytes=50-"}},
		"without a tag":    {[]string{"", "", ""}, []string{"", "", ""}},
		"a weak tag":       {[]string{`W/"1"`, `W/"1"`, `W/"1"`}, []string{"", "", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked []string
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				etag := c.etags[len(asked)]
				asked = append(asked, r.Header.Get("Range"))
				if etag != "" {
					w.Header().Set("ETag", etag)
				}
				from := 0
				if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err == nil && r.Header.Get("If-Range") == etag {
					w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(archive)-1, len(archive)))
					w.Header().Set("Content-Length", strconv.Itoa(len(archive)-from))
					w.WriteHeader(http.StatusPartialContent)
				} else {
					from = 0
					w.Header().Set("Content-Length", strconv.Itoa(len(archive)))
				}
				if len(asked) < 3 {
					_, _ = w.Write(archive[from : from+50])
					return // the connection ends before the answer does
				}
				_, _ = w.Write(archive[from:])
			}))
			t.Cleanup(s.Close)
			h := newHome(t)
			dir := t.TempDir()
			file, err := h.Download(t.Context(), client.Chart{
				Name: "web", Version: "1.0.0", Digest: digestOf(t, archive), URL: s.URL + "/web-1.0.0.tgz", Repository: client.Repository{URL: s.URL},
			}, dir)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, archive) {
				t.Errorf("%d bytes of %d came, %v", len(got), len(archive), err)
			}
			if diff := cmp.Diff(c.want, asked); diff != "" {
				t.Errorf("ranges (-want +got):\n%s", diff)
			}
			if left, _ := os.ReadDir(dir); len(left) != 1 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func body(tb testing.TB, target string) []byte {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, target, nil)
	if err != nil {
		tb.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// TestNewest wants the newest releases to follow the index, whoever writes it.
func TestNewest(t *testing.T) {
	t.Parallel()
	s := serve(t, server.Options{}, nil)
	h := newHome(t)
	r := client.Repository{Name: "local", URL: s.URL}
	if _, err := h.Newest("local"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before the first update: %v", err)
	}
	want := func(versions ...string) {
		t.Helper()
		for range 2 { // made, and read again
			n, err := h.Newest("local")
			var got []string
			for _, c := range n.Charts {
				got = append(got, c.Version)
			}
			if diff := cmp.Diff(versions, got); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		}
	}
	for _, version := range []string{"1.0.0", "1.10.0", "1.9.0", "2.0.0-rc.1"} {
		h.push(t, r, chartArchive(t, version, ""))
	}
	if _, _, err := h.Update(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	want("1.10.0")
	text := "apiVersion: v1\nentries: {web: [{name: web, version: 3.0.0, urls: [a]}], early: [{name: early, version: 1.0.0-rc.1, urls: [b]}]}\n"
	if err := os.WriteFile(filepath.Join(h.paths.Cache, "local-index.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	want("3.0.0")
}
