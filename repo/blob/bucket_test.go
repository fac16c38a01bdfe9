package blob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"gantry/repo/blob"
	"gantry/testdata/objectstore"
)

// bucketKind is a kind of object store.
type bucketKind struct {
	start  func(testing.TB) *objectstore.Server
	open   func(t *testing.T, endpoint, prefix string) *blob.Bucket
	refuse func(w http.ResponseWriter, status int, code string)
}

func bucketKinds() map[string]bucketKind {
	return map[string]bucketKind{
		"s3": {objectstore.Start, func(t *testing.T, endpoint, prefix string) *blob.Bucket {
			t.Helper()
			return openS3(t, blob.S3Options{Bucket: objectstore.Bucket, Prefix: prefix, Endpoint: endpoint})
		}, refuseS3},
		"gcs": {objectstore.StartGoogle, func(t *testing.T, endpoint, prefix string) *blob.Bucket {
			t.Helper()
			return openGCS(t, blob.GCSOptions{Bucket: objectstore.Bucket, Prefix: prefix, Emulator: endpoint})
		}, refuseGCS},
		"azure": {objectstore.StartAzure, func(t *testing.T, endpoint, prefix string) *blob.Bucket {
			t.Helper()
			return openAzure(t, azureAt(endpoint, prefix))
		}, refuseAzure},
	}
}

// opened opens a bucket of a kind.
func opened[Options any](t *testing.T, open func(context.Context, Options) (*blob.Bucket, error), o Options) *blob.Bucket {
	t.Helper()
	s, err := open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestBucket holds each kind to the contract, and to what becomes of it when requests
// fail.
func TestBucket(t *testing.T) {
	t.Parallel()
	for name, kind := range bucketKinds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Run("suite", func(t *testing.T) {
				t.Parallel()
				server := kind.start(t)
				var n atomic.Int64
				suite(t, func(t *testing.T) (store, again blob.Store) {
					t.Helper()
					prefix := fmt.Sprintf("test/%d", n.Add(1))
					return kind.open(t, server.URL, prefix), kind.open(t, server.URL, prefix)
				})
			})
			for name, test := range map[string]func(*testing.T, bucketKind){
				"faults": bucketFaults, "down": bucketDown, "write once more": bucketWriteOnceMore,
				"delete lost": bucketDeleteLost, "resumes": bucketResumes, "without ranges": bucketWithoutRanges,
			} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(t, kind)
				})
			}
		})
	}
}

// isWrite tells the requests that write an object, and isList those that list them.
func isWrite(r *http.Request) bool {
	return r.Method == http.MethodPut || r.Method == http.MethodPost
}

func isList(r *http.Request) bool {
	return r.URL.Path == "/"+objectstore.Bucket || r.Method == http.MethodGet && (strings.HasSuffix(r.URL.Path, "/o") || r.URL.Query().Get("comp") == "list")
}

// faults puts a proxy in front of a server, which may answer in its place.
func faults(t *testing.T, server *objectstore.Server, fault func(http.ResponseWriter, *http.Request, http.Handler)) string {
	t.Helper()
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	account := target.Path // of Azure, which is part of what is asked for
	target.Path = ""
	proxy := &httputil.ReverseProxy{
		// The signature covers the host, so it stays as the client had it.
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fault(w, r, proxy) }))
	t.Cleanup(front.Close)
	return front.URL + account
}

// bucketFaults has every fifth request fail, in turn in all the ways of a store
// under stress, and wants the suite's promises kept nevertheless.
func bucketFaults(t *testing.T, kind bucketKind) {
	t.Helper()
	var n atomic.Int64
	front := faults(t, kind.start(t), func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		i := n.Add(1)
		if i%5 != 0 || isList(r) {
			next.ServeHTTP(w, r)
			return
		}
		way := i / 5 % 5
		if r.Method == http.MethodDelete {
			way %= 2 // a deletion without an answer is an error: bucketDeleteLost
		}
		switch way {
		case 0:
			kind.refuse(w, http.StatusServiceUnavailable, "SlowDown")
		case 1:
			kind.refuse(w, http.StatusInternalServerError, "InternalError")
		case 2: // it is done, but nobody learns of it
			next.ServeHTTP(httptest.NewRecorder(), r)
			hangUp(w)
		case 3: // half an answer
			truncate(w, r, next)
		case 4:
			if !isWrite(r) {
				next.ServeHTTP(w, r)
				return
			}
			kind.refuse(w, http.StatusConflict, "ConditionalRequestConflict")
		}
	})
	s, again := kind.open(t, front, ""), kind.open(t, front, "")
	f := fixture{T: t, store: s, again: again, rounds: 2}
	for _, test := range []func(fixture){life, oneCreator, oneReplacer, ledger} {
		test(f)
		for _, key := range []string{"key", "ledger", "a/b/c.json"} {
			if err := s.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
	}
	large := strings.Repeat("0123456789", 200_000)
	for i := range 10 {
		key := fmt.Sprintf("large/%d", i)
		create(t, s, key, large)
		if got := get(t, s, key); got != large {
			t.Errorf("read %d bytes of %d", len(got), len(large))
		}
	}
}

func hangUp(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = conn.Close()
	}
}

// truncate answers with the head and the first half of the body.
func truncate(w http.ResponseWriter, r *http.Request, next http.Handler) {
	rec := httptest.NewRecorder()
	next.ServeHTTP(rec, r)
	maps.Copy(w.Header(), rec.Header())
	if rec.Body.Len() == 0 {
		hangUp(w)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(rec.Body.Len()))
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes()[:rec.Body.Len()/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// bucketDown wants a store that stays down to be told from one without the
// object, in bounded time.
func bucketDown(t *testing.T, kind bucketKind) {
	t.Helper()
	var status atomic.Int64
	var code atomic.Value
	front := faults(t, kind.start(t), func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if n := int(status.Load()); n != 0 {
			kind.refuse(w, n, code.Load().(string))
			return
		}
		next.ServeHTTP(w, r)
	})
	s := kind.open(t, front, "")
	etag := create(t, s, "key", "x")
	for _, tc := range []struct {
		status int
		code   string
		want   error
	}{
		{http.StatusForbidden, "AccessDenied", fs.ErrPermission},
		{http.StatusInsufficientStorage, "XMinioStorageFull", syscall.ENOSPC},
		{http.StatusNotFound, "NoSuchBucket", nil},
		{http.StatusServiceUnavailable, "SlowDown", nil},
	} {
		code.Store(tc.code)
		status.Store(int64(tc.status))
		_, _, getErr := s.Get(t.Context(), "key")
		_, absentErr := s.PutIfAbsent(t.Context(), "new", body("x"))
		_, matchErr := s.PutIfMatch(t.Context(), "key", etag, body("y"))
		for op, err := range map[string]error{"get": getErr, "create": absentErr, "replace": matchErr} {
			if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("%s: %s: got %v, want %v", tc.code, op, err, tc.want)
			}
			for _, wrong := range []error{blob.ErrNotFound, blob.ErrExists, blob.ErrMismatch} {
				if errors.Is(err, wrong) {
					t.Errorf("%s: %s passes for %v", tc.code, op, wrong)
				}
			}
		}
		status.Store(0)
		if got := get(t, s, "key"); got != "x" {
			t.Errorf("%s: it left %q", tc.code, got)
		}
	}
}

// bucketWriteOnceMore wants a write whose answer was lost to succeed, and to lose
// to a write of somebody else.
func bucketWriteOnceMore(t *testing.T, kind bucketKind) {
	t.Helper()
	var lose atomic.Bool
	var between func()
	front := faults(t, kind.start(t), func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if isWrite(r) && lose.CompareAndSwap(true, false) {
			if between == nil {
				next.ServeHTTP(httptest.NewRecorder(), r)
			} else {
				between()
			}
			kind.refuse(w, http.StatusInternalServerError, "InternalError")
			return
		}
		next.ServeHTTP(w, r)
	})
	s := kind.open(t, front, "")
	lose.Store(true)
	first, err := s.PutIfAbsent(t.Context(), "key", body("one"))
	if err != nil {
		t.Fatalf("it does not know its own object: %v", err)
	}
	lose.Store(true)
	second, err := s.PutIfMatch(t.Context(), "key", first, body("two"))
	if err != nil {
		t.Fatalf("it does not know its own object: %v", err)
	}
	between = func() { _, _ = s.PutIfMatch(t.Context(), "key", second, body("somebody else's")) }
	lose.Store(true)
	_, err = s.PutIfMatch(t.Context(), "key", second, body("three"))
	wantErr(t, err, blob.ErrMismatch)
	between = func() { _, _ = s.PutIfAbsent(t.Context(), "other", body("somebody else's")) }
	lose.Store(true)
	_, err = s.PutIfAbsent(t.Context(), "other", body("four"))
	wantErr(t, err, blob.ErrExists)
	for _, key := range []string{"key", "other"} {
		if got := get(t, s, key); got != "somebody else's" {
			t.Errorf("%s: got %q", key, got)
		}
	}
}

// bucketDeleteLost wants a deletion whose answer was lost to be an error and never
// to be sent again: somebody may have created the object anew.
func bucketDeleteLost(t *testing.T, kind bucketKind) {
	t.Helper()
	var fault atomic.Pointer[http.HandlerFunc]
	var sent atomic.Int64
	front := faults(t, kind.start(t), func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method != http.MethodDelete {
			next.ServeHTTP(w, r)
			return
		}
		sent.Add(1)
		if answer := fault.Swap(nil); answer != nil {
			next.ServeHTTP(httptest.NewRecorder(), r)
			(*answer)(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
	s := kind.open(t, front, "")
	answer := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { kind.refuse(w, status, "InternalError") }
	}
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		sent   int64
		fails  bool
	}{
		"no answer":            {func(w http.ResponseWriter, _ *http.Request) { hangUp(w) }, 1, true},
		"a gateway gave up":    {answer(http.StatusGatewayTimeout), 1, true},
		"the server failed":    {answer(http.StatusInternalServerError), 2, false},
		"the server is loaded": {answer(http.StatusServiceUnavailable), 2, false},
	} {
		create(t, s, "key", "x")
		sent.Store(0)
		fault.Store(&tc.answer)
		err := s.Delete(t.Context(), "key")
		if got := sent.Load(); got != tc.sent || (err != nil) != tc.fails {
			t.Errorf("%s: sent %d times, want %d: %v", name, got, tc.sent, err)
		}
	}
}

// bucketResumes reads an object over connections that break off, from the middle
// and after it was replaced.
func bucketResumes(t *testing.T, kind bucketKind) {
	t.Helper()
	server := kind.start(t)
	var cut atomic.Bool
	var mu sync.Mutex
	var ranges []string
	front := faults(t, server, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/big") {
			mu.Lock()
			ranges = append(ranges, r.Header.Get("Range")+r.Header.Get("X-Ms-Range"))
			mu.Unlock()
			if cut.CompareAndSwap(true, false) {
				truncate(w, r, next)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
	s := kind.open(t, front, "")
	want := []byte(strings.Repeat("0123456789", 100_000))
	etag, err := s.PutIfAbsent(t.Context(), "big", bytes.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	open := func() *blob.Object {
		o, err := s.Open(t.Context(), "big")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = o.Close() })
		return o
	}
	cut.Store(true)
	if got, err := io.ReadAll(open()); err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d bytes of %d, %v", len(got), len(want), err)
	}
	if !slices.Equal(ranges, []string{"", "bytes=500000-"}) {
		t.Errorf("asked for %q", ranges)
	}
	o := open()
	if _, err := o.Seek(-7, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(o); err != nil || string(got) != "3456789" {
		t.Errorf("the end is %q, %v", got, err)
	}
	if _, err := o.Seek(-1, io.SeekStart); err == nil {
		t.Error("it goes to before the start")
	}
	cut.Store(true)
	o = open()
	if _, err := s.PutIfMatch(t.Context(), "big", etag, body("another")); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(o); err == nil {
		t.Errorf("two contents were mixed to %d bytes", len(got))
	}
}

// bucketWithoutRanges reads on from a server that begins every answer anew.
func bucketWithoutRanges(t *testing.T, kind bucketKind) {
	t.Helper()
	var cut atomic.Bool
	var whole *httptest.ResponseRecorder
	front := faults(t, kind.start(t), func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/big") {
			next.ServeHTTP(w, r)
			return
		}
		if whole == nil {
			whole = httptest.NewRecorder()
			next.ServeHTTP(whole, r)
		}
		maps.Copy(w.Header(), whole.Header())
		w.WriteHeader(whole.Code)
		_, _ = w.Write(whole.Body.Bytes()[:500])
		if cut.CompareAndSwap(false, true) {
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write(whole.Body.Bytes()[500:])
	})
	s := kind.open(t, front, "")
	create(t, s, "big", strings.Repeat("0123456789", 100))
	o, err := s.Open(t.Context(), "big")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if got, err := io.ReadAll(o); err == nil || len(got) > 500 {
		t.Errorf("read %d bytes of half an answer, %v", len(got), err)
	}
}
