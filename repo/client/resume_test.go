package client_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gantry/repo/client"
)

// TestDownloadGoesOnInAnotherRun breaks off so often that a run gives up, and lets the
// next one ask for the rest: of the same content, and from the start of another one.
func TestDownloadGoesOnInAnotherRun(t *testing.T) {
	t.Parallel()
	archive := chartArchive(t, "1.0.0", strings.Repeat("# words that gzip makes short, but not to nothing\n", 3000)+digestOf(t, []byte("x")))
	var broken atomic.Bool
	var sent atomic.Int64
	etag := `"first"`
	mux := http.NewServeMux()
	mux.HandleFunc("/index.yaml", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(indexOf("web.tgz", digestOf(t, archive))))
	})
	mux.HandleFunc("/web.tgz", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", etag)
		if broken.Load() {
			w.Header().Set("Content-Length", strconv.Itoa(len(archive)))
			_, _ = w.Write(archive[:len(archive)/2])
			return
		}
		counted := &countedWriter{w, &sent}
		http.ServeContent(counted, r, "", time.Time{}, bytes.NewReader(archive))
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	h := newHome(t)
	h.add(t, client.Repository{Name: "up", URL: s.URL})
	found, err := h.Find(t.Context(), "up/web", "")
	if err != nil {
		t.Fatal(err)
	}
	partials := func() (names []string) {
		entries, err := os.ReadDir(filepath.Join(h.paths.Cache, "gantry-partial"))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	whole := func() {
		t.Helper()
		dir := t.TempDir()
		file, err := h.Download(t.Context(), found, dir)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, archive) {
			t.Errorf("%d bytes of %d arrive: %v", len(got), len(archive), err)
		}
		if left := partials(); len(left) > 0 {
			t.Errorf("left over: %v", left)
		}
		if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
			t.Errorf("beside the archive: %v %v", all, err)
		}
	}
	breakOff := func() {
		t.Helper()
		broken.Store(true)
		defer broken.Store(false)
		dir := t.TempDir()
		if _, err := h.Download(t.Context(), found, dir); err == nil {
			t.Fatal("half an archive passes")
		}
		if all, err := os.ReadDir(dir); err != nil || len(all) > 0 {
			t.Errorf("half an archive is in the way: %v %v", all, err)
		}
		if left := partials(); len(left) != 2 {
			t.Fatalf("kept for the next run: %v", left)
		}
	}

	breakOff()
	whole()
	if rest := int64(len(archive) - len(archive)/2); sent.Load() != rest {
		t.Errorf("the next run fetched %d bytes, and %d were missing", sent.Load(), rest)
	}

	breakOff()
	etag = `"second"`
	sent.Store(0)
	whole()
	if sent.Load() != int64(len(archive)) {
		t.Errorf("of another content %d bytes were fetched", sent.Load())
	}

	breakOff()
	for _, name := range partials() {
		if strings.HasSuffix(name, ".part") {
			if err := os.WriteFile(filepath.Join(h.paths.Cache, "gantry-partial", name), []byte("something else"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	whole() // parts that do not belong together are fetched anew

	breakOff()
	for _, name := range partials() {
		if strings.HasSuffix(name, ".part") {
			if err := os.WriteFile(filepath.Join(h.paths.Cache, "gantry-partial", name), append(bytes.Clone(archive), "more"...), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	whole()
}

// TestDownloadOfASilentServer gets half of an archive, and then nothing: it is asked for
// the rest.
func TestDownloadOfASilentServer(t *testing.T) {
	t.Parallel()
	archive := chartArchive(t, "1.0.0", strings.Repeat("# words\n", 500))
	mux := http.NewServeMux()
	mux.HandleFunc("/index.yaml", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(indexOf("web.tgz", digestOf(t, archive))))
	})
	mux.HandleFunc("/web.tgz", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"one"`)
		if r.Header.Get("Range") != "" {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(archive))
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(archive)))
		_, _ = w.Write(archive[:len(archive)/2])
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done() // until the client has had enough
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	h := newHome(t, client.WithPatience(250*time.Millisecond))
	h.add(t, client.Repository{Name: "up", URL: s.URL})
	found, err := h.Find(t.Context(), "up/web", "")
	if err != nil {
		t.Fatal(err)
	}
	file, err := h.Download(t.Context(), found, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, archive) {
		t.Errorf("%d bytes of %d arrive: %v", len(got), len(archive), err)
	}
}

// countedWriter counts what is sent of a body.
type countedWriter struct {
	http.ResponseWriter

	n *atomic.Int64
}

func (w *countedWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.n.Add(int64(n))
	return n, err
}
