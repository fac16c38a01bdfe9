package server_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"gantry/repo/blob"
	"gantry/repo/server"
)

// mined is a store that panics when an object is opened, or when it has been read so far.
type mined struct {
	*blob.Memory

	opens, reads atomic.Bool
}

func (m *mined) Open(ctx context.Context, key string) (*blob.Object, error) {
	if m.opens.Load() {
		panic("the mine at " + key)
	}
	o, err := m.Memory.Open(ctx, key)
	if err == nil && m.reads.Load() {
		o.ReadSeekCloser = &minedReader{ReadSeekCloser: o.ReadSeekCloser}
	}
	return o, err
}

type minedReader struct {
	io.ReadSeekCloser

	read bool
}

func (r *minedReader) Read(p []byte) (int, error) {
	if r.read {
		panic("the mine behind the first part")
	}
	r.read = true
	return r.ReadSeekCloser.Read(p[:min(1, len(p))])
}

// TestPanic answers the request whose handler panics, or cuts its connection when some of
// the answer is sent, and tells of it. The others go on.
func TestPanic(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	store := &mined{Memory: &blob.Memory{}}
	s := serve(t, store, server.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	s.publish(chartArchive(t, "web", "1.0.0", ""))
	store.opens.Store(true)
	r := s.get("/charts/web-1.0.0.tgz")
	if code, message, hint := r.problem(t); r.status != http.StatusInternalServerError || code != "internal" || strings.Contains(message, "mine") || !strings.Contains(hint, "log") {
		t.Errorf("%d %s", r.status, r.body)
	}
	store.opens.Store(false)
	store.reads.Store(true)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/charts/web-1.0.0.tgz", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := s.Client().Do(req); err == nil {
		_, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err == nil {
			t.Error("a part of an archive comes as the whole")
		}
	}
	store.reads.Store(false)
	if r := s.get("/charts/web-1.0.0.tgz"); r.status != http.StatusOK {
		t.Errorf("the next request: %d %s", r.status, r.body)
	}
	s.Close()
	for _, want := range []string{"the mine at ", "the mine behind", "panic_test.go", "level=ERROR", "status=500"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, log.String())
		}
	}
}
