package client_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gantry/repo"
	"gantry/repo/blob"
	"gantry/repo/client"
	"gantry/repo/server"
)

func now() time.Time { return time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC) }

// chartArchive makes a chart web; the values tell archives of one version apart.
func chartArchive(tb testing.TB, version, values string) []byte {
	tb.Helper()
	return namedArchive(tb, "web", version, values)
}

// namedArchive makes a chart of another name.
func namedArchive(tb testing.TB, name, version, values string) []byte {
	tb.Helper()
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	archive := tar.NewWriter(zip)
	for path, text := range map[string]string{
		"Chart.yaml":  fmt.Sprintf("apiVersion: v2\nname: %s\nversion: %q\n", name, version),
		"values.yaml": values,
	} {
		if err := archive.WriteHeader(&tar.Header{Name: name + "/" + path, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
			tb.Fatal(err)
		}
		if _, err := io.WriteString(archive, text); err != nil {
			tb.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), zip.Close()); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func digestOf(tb testing.TB, data []byte) string {
	tb.Helper()
	sum, _, err := repo.Digest(bytes.NewReader(data))
	if err != nil {
		tb.Fatal(err)
	}
	return sum
}

// home is a person's machine: a client with folders of its own, which does not
// wait between tries but counts them.
type home struct {
	*client.Client
	paths  client.Paths
	pauses []time.Duration
}

func newHome(tb testing.TB, options ...client.Option) *home {
	tb.Helper()
	dir := tb.TempDir()
	h := &home{paths: client.Paths{
		Config:   filepath.Join(dir, "config", "repositories.yaml"),
		Cache:    filepath.Join(dir, "cache"),
		Registry: filepath.Join(dir, "config", "registry.json"),
	}}
	wait := client.WithWait(func(ctx context.Context, d time.Duration) error {
		h.pauses = append(h.pauses, d)
		return ctx.Err()
	})
	h.Client = client.New(h.paths, now, append([]client.Option{wait}, options...)...)
	return h
}

func (h *home) add(tb testing.TB, r client.Repository) {
	tb.Helper()
	err := h.Configure(tb.Context(), func(all []client.Repository) ([]client.Repository, error) { return append(all, r), nil })
	if err != nil {
		tb.Fatal(err)
	}
}

// write puts an archive into a file of its own.
func write(tb testing.TB, name string, data []byte) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// serve starts gantry's own server, with something in front of it if need be.
func serve(tb testing.TB, options server.Options, front func(http.Handler) http.Handler) *httptest.Server {
	tb.Helper()
	options.Now, options.TempDir = now, tb.TempDir()
	handler, err := server.New(tb.Context(), &blob.Memory{}, options)
	if err != nil {
		tb.Fatal(err)
	}
	var h http.Handler = handler
	if front != nil {
		h = front(h)
	}
	s := httptest.NewServer(h)
	tb.Cleanup(s.Close)
	return s
}

func (h *home) push(tb testing.TB, r client.Repository, archive []byte) {
	tb.Helper()
	if err := h.Push(tb.Context(), r, write(tb, "chart.tgz", archive), false); err != nil {
		tb.Fatal(err)
	}
}
