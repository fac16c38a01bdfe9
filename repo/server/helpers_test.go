package server_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gantry/repo"
	"gantry/repo/blob"
	"gantry/repo/server"
)

// file is an entry of an archive; the zero kind is a regular file.
type file struct {
	name, text string
	kind       byte
	link       string
}

// pack makes an archive of exactly these entries.
func pack(tb testing.TB, files ...file) []byte {
	tb.Helper()
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	archive := tar.NewWriter(zip)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.text)), Typeflag: f.kind, Linkname: f.link}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := archive.WriteHeader(h); err != nil {
			tb.Fatal(err)
		}
		if _, err := io.WriteString(archive, f.text); err != nil {
			tb.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), zip.Close()); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// chartArchive makes a chart whose values tell two archives of one version
// apart.
func chartArchive(tb testing.TB, name, version, values string) []byte {
	tb.Helper()
	return pack(tb,
		file{name: name + "/Chart.yaml", text: fmt.Sprintf("apiVersion: v2\nname: %s\nversion: %q\ndescription: a chart <for> tests\nappVersion: \"1.0\"\n", name, version)},
		file{name: name + "/values.yaml", text: values},
		file{name: name + "/templates/service.yaml", text: "kind: Service\n"},
	)
}

func digestOf(tb testing.TB, data []byte) string {
	tb.Helper()
	sum, _, err := repo.Digest(bytes.NewReader(data))
	if err != nil {
		tb.Fatal(err)
	}
	return sum
}

// clock advances by a second whenever it is asked.
func clock() func() time.Time {
	var n atomic.Int64
	return func() time.Time {
		return time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n.Add(1)) * time.Second)
	}
}

type tester struct {
	testing.TB
	*httptest.Server
	handler *server.Server
}

// serve starts a server over a store.
func serve(tb testing.TB, store blob.Store, options server.Options) *tester {
	tb.Helper()
	if options.Now == nil {
		options.Now = clock()
	}
	if options.TempDir == "" {
		options.TempDir = tb.TempDir()
	}
	handler, err := server.New(tb.Context(), store, options)
	if err != nil {
		tb.Fatal(err)
	}
	return over(tb, handler)
}

// over lets clients reach a server.
func over(tb testing.TB, handler *server.Server) *tester {
	tb.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.Listener, s.Config.ConnContext = server.Conns(s.Listener)
	s.Start()
	tb.Cleanup(s.Close)
	return &tester{TB: tb, Server: s, handler: handler}
}

type reply struct {
	status int
	header http.Header
	body   []byte
}

// problem reads the body of an error.
func (r reply) problem(tb testing.TB) (code, message, hint string) {
	tb.Helper()
	var p struct{ Code, Message, Hint, Error string }
	if err := json.Unmarshal(r.body, &p); err != nil {
		tb.Fatalf("the answer %d is not JSON: %q", r.status, r.body)
	}
	if p.Error != p.Message {
		tb.Errorf("clients of ChartMuseum read %q, others %q", p.Error, p.Message)
	}
	return p.Code, p.Message, p.Hint
}

// do sends a request. The headers come as "Name: value".
func (s *tester) do(method, path string, body io.Reader, headers ...string) reply {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), method, s.URL+path, body)
	if err != nil {
		s.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	// Without this the client would ask for gzip by itself and hide it.
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	return reply{status: resp.StatusCode, header: resp.Header, body: data}
}

func (s *tester) get(path string, headers ...string) reply {
	s.Helper()
	return s.do(http.MethodGet, path, nil, headers...)
}

func (s *tester) upload(archive []byte) reply {
	s.Helper()
	return s.do(http.MethodPost, "/api/charts", bytes.NewReader(archive))
}

// publish uploads and insists.
func (s *tester) publish(archive []byte) {
	s.Helper()
	if r := s.upload(archive); r.status != http.StatusCreated {
		s.Fatalf("upload: %d %s", r.status, r.body)
	}
}

// index reads the index as a client does.
func (s *tester) index() *repo.Index {
	s.Helper()
	r := s.get("/index.yaml")
	x, list, err := repo.Parse("index.yaml", r.body)
	if err != nil || len(list) > 0 {
		s.Fatalf("%v %v\n%s", err, list, r.body)
	}
	return x
}

// listed returns the charts of the index as NAME-VERSION.
func (s *tester) listed() []string {
	s.Helper()
	x := s.index()
	var all []string
	for _, name := range x.Names() {
		for _, e := range x.Entries[name] {
			all = append(all, e.Name+"-"+e.Version)
		}
	}
	return all
}

// faulty is a store that fails when its hook says so.
type faulty struct {
	blob.Store
	hook func(op, key string) error
}

func (f faulty) Get(ctx context.Context, key string) ([]byte, string, error) {
	if err := f.hook("get", key); err != nil {
		return nil, "", err
	}
	return f.Store.Get(ctx, key)
}

func (f faulty) PutIfAbsent(ctx context.Context, key string, body io.ReadSeeker) (string, error) {
	if err := f.hook("put", key); err != nil {
		return "", err
	}
	etag, err := f.Store.PutIfAbsent(ctx, key, body)
	return etag, errors.Join(err, f.hook("after-put", key))
}

func (f faulty) PutIfMatch(ctx context.Context, key, etag string, body io.ReadSeeker) (string, error) {
	if err := f.hook("put", key); err != nil {
		return "", err
	}
	etag, err := f.Store.PutIfMatch(ctx, key, etag, body)
	return etag, errors.Join(err, f.hook("after-put", key))
}

func (f faulty) Put(ctx context.Context, key string, body io.ReadSeeker) (string, error) {
	if err := f.hook("put", key); err != nil {
		return "", err
	}
	return f.Store.Put(ctx, key, body)
}

// Delete tells the hook and goes on.
func (f faulty) Delete(ctx context.Context, key string) error {
	if err := f.hook("delete", key); err != nil {
		return err
	}
	return f.Store.Delete(ctx, key)
}

func (f faulty) List(ctx context.Context, folder, after string) iter.Seq2[blob.Info, error] {
	if err := f.hook("list", folder); err != nil {
		return func(yield func(blob.Info, error) bool) { yield(blob.Info{}, err) }
	}
	return f.Store.List(ctx, folder, after)
}

// decode reads a body of JSON.
func (s *tester) decode(r reply, into any) {
	s.Helper()
	if err := json.Unmarshal(r.body, into); err != nil || r.status != http.StatusOK {
		s.Fatalf("%d %s: %v", r.status, r.body, err)
	}
}
