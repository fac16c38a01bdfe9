package client_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"gantry/repo/client"
	"gantry/repo/server"
)

// cutRegistry is our own server, whose archives break off while it is told so, and which
// can be worse than it is.
type cutRegistry struct {
	http.Handler

	archive string // the path of its blob
	size    int64
	// broken breaks archives off after an eighth.
	broken atomic.Bool
	// noRanges sends everything, whatever is asked for.
	noRanges atomic.Bool
	// otherPart sends another part than the one that is asked for.
	otherPart atomic.Bool
	// lies sends another content.
	lies atomic.Bool
	// sent counts what is sent of archives.
	sent atomic.Int64
}

func (c *cutRegistry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != c.archive || r.Method != http.MethodGet {
		c.Handler.ServeHTTP(w, r)
		return
	}
	if c.noRanges.Load() {
		r.Header.Del("Range")
	}
	if c.otherPart.Load() && r.Header.Get("Range") != "" {
		r.Header.Set("Range", "bytes=1-")
	}
	c.Handler.ServeHTTP(&cutWriter{ResponseWriter: w, registry: c, left: c.size / 8}, r)
}

type cutWriter struct {
	http.ResponseWriter

	registry *cutRegistry
	left     int64
}

func (w *cutWriter) WriteHeader(status int) {
	w.Header().Del("ETag") // many registries have none
	w.ResponseWriter.WriteHeader(status)
}

func (w *cutWriter) Write(p []byte) (int, error) {
	if w.registry.lies.Load() {
		p = bytes.Repeat([]byte("x"), len(p))
	}
	cut := w.registry.broken.Load()
	if cut {
		p = p[:min(int64(len(p)), w.left)]
	}
	n, err := w.ResponseWriter.Write(p)
	w.left -= int64(n)
	w.registry.sent.Add(int64(n))
	if cut && w.left == 0 {
		_ = http.NewResponseController(w.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, err
}

// TestOCIDownloadGoesOn breaks off the download from a registry so often that a run gives
// up, and lets the next one ask for the rest.
func TestOCIDownloadGoesOn(t *testing.T) {
	t.Parallel()
	archive := chartArchive(t, "1.0.0", strings.Repeat("# words that gzip makes short, but not to nothing\n", 3000)+"# "+digestOf(t, []byte("x")))
	cut := &cutRegistry{archive: "/v2/web/blobs/sha256:" + digestOf(t, archive), size: int64(len(archive))}
	s := serve(t, server.Options{}, func(h http.Handler) http.Handler { cut.Handler = h; return cut })
	// What is at another host is asked for as well.
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/blobs/") {
			http.Redirect(w, r, strings.Replace(s.URL, "127.0.0.1", "localhost", 1)+r.URL.Path, http.StatusTemporaryRedirect)
			return
		}
		cut.Handler.ServeHTTP(w, r)
	}))
	t.Cleanup(door.Close)
	h := newHome(t, client.WithPlainHTTP(true))
	h.push(t, client.Repository{Name: "http", URL: s.URL}, archive)
	got := func(base string) ([]byte, error) {
		t.Helper()
		found, err := h.Find(t.Context(), "oci://"+strings.TrimPrefix(base, "http://")+"/web", "1.0.0")
		if err != nil {
			t.Fatal(err)
		}
		cut.sent.Store(0)
		dir := t.TempDir()
		file, err := h.Download(t.Context(), found, dir)
		if err != nil {
			if all, readErr := os.ReadDir(dir); readErr != nil || len(all) > 0 {
				t.Errorf("a part of an archive is in the way: %v %v", all, readErr)
			}
			return nil, err
		}
		data, err := os.ReadFile(file)
		return data, err
	}
	// A run asks three times.
	rest, all := int64(len(archive)-3*(len(archive)/8)), int64(len(archive))
	for _, tc := range []struct {
		name string
		base string
		set  *atomic.Bool
		sent int64
	}{
		{"the rest alone", s.URL, nil, rest},
		{"the rest from another host", door.URL, nil, rest},
		{"a server without ranges", s.URL, &cut.noRanges, all},
		{"a server that sends another part", s.URL, &cut.otherPart, all + all - 1},
	} {
		cut.broken.Store(true)
		_, err := got(tc.base)
		if _, ok := errors.AsType[*client.UnreachableError](err); !ok {
			t.Fatalf("%s: a part of an archive passes: %v", tc.name, err)
		}
		cut.broken.Store(false)
		if tc.set != nil {
			tc.set.Store(true)
		}
		data, err := got(tc.base)
		if err != nil || !bytes.Equal(data, archive) {
			t.Errorf("%s: %d bytes of %d arrive: %v", tc.name, len(data), len(archive), err)
		}
		// What a server sends that nobody reads may be counted or not.
		if sent := cut.sent.Load(); sent > tc.sent || sent < tc.sent && tc.set != &cut.otherPart {
			t.Errorf("%s: %d bytes were fetched, want %d", tc.name, sent, tc.sent)
		}
		if tc.set != nil {
			tc.set.Store(false)
		}
		if left, err := os.ReadDir(filepath.Join(h.paths.Cache, "gantry-partial")); err != nil || len(left) > 0 {
			t.Errorf("%s: left over: %v %v", tc.name, left, err)
		}
	}
}

// TestOCIDownloadStartsAnew keeps the half of another content, which the digest tells of.
func TestOCIDownloadStartsAnew(t *testing.T) {
	t.Parallel()
	archive := chartArchive(t, "1.0.0", strings.Repeat("# words\n", 500))
	cut := &cutRegistry{archive: "/v2/web/blobs/sha256:" + digestOf(t, archive), size: int64(len(archive))}
	s := serve(t, server.Options{}, func(h http.Handler) http.Handler { cut.Handler = h; return cut })
	h := newHome(t, client.WithPlainHTTP(true))
	h.push(t, client.Repository{Name: "http", URL: s.URL}, archive)
	found, err := h.Find(t.Context(), "oci://"+strings.TrimPrefix(s.URL, "http://")+"/web", "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	cut.broken.Store(true)
	cut.lies.Store(true)
	if _, err := h.Download(t.Context(), found, t.TempDir()); err == nil {
		t.Fatal("a part of an archive passes")
	}
	cut.broken.Store(false)
	if _, err := h.Download(t.Context(), found, t.TempDir()); !errors.Is(err, client.ErrDigest) {
		t.Errorf("another content passes: %v", err)
	}
	cut.broken.Store(true)
	if _, err := h.Download(t.Context(), found, t.TempDir()); err == nil {
		t.Fatal("a part of an archive passes")
	}
	cut.broken.Store(false)
	cut.lies.Store(false)
	file, err := h.Download(t.Context(), found, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, archive) {
		t.Errorf("%d bytes of %d arrive: %v", len(got), len(archive), err)
	}
}
