package blob_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"gantry/repo/blob"
	"gantry/testdata/objectstore"
)

func openGCS(t *testing.T, o blob.GCSOptions) *blob.Bucket {
	t.Helper()
	return opened(t, blob.OpenGCS, o)
}

func refuseGCS(w http.ResponseWriter, status int, code string) {
	message := "the test says so"
	if code == "NoSuchBucket" { // Google's code is notFound in either case
		code, message = "notFound", "The specified bucket does not exist."
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"code":%d,"message":%q,"errors":[{"reason":%q}]}}`, status, message, code)
}

func TestGCSOpens(t *testing.T) {
	t.Parallel()
	server := objectstore.StartGoogle(t)
	_, err := blob.OpenGCS(t.Context(), blob.GCSOptions{Bucket: "no-such-bucket", Emulator: server.URL})
	if !errors.Is(err, blob.ErrNoBucket) || !strings.Contains(err.Error(), "gs://no-such-bucket/") {
		t.Errorf("a bucket that is not there: %v", err)
	}
	openGCS(t, blob.GCSOptions{Bucket: objectstore.Bucket, Emulator: strings.TrimPrefix(server.URL, "http://")})
	for _, emulator := range []string{"ftp://127.0.0.1", "http://", "http://a b"} {
		if _, err := blob.OpenGCS(t.Context(), blob.GCSOptions{Bucket: objectstore.Bucket, Emulator: emulator}); err == nil || !strings.Contains(err.Error(), "STORAGE_EMULATOR_HOST") {
			t.Errorf("%s: %v", emulator, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := blob.OpenGCS(ctx, blob.GCSOptions{Bucket: objectstore.Bucket, Emulator: server.URL}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestGCSWithoutCredentials looks for them where there are none.
func TestGCSWithoutCredentials(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "missing.json"))
	_, err := blob.OpenGCS(t.Context(), blob.GCSOptions{Bucket: objectstore.Bucket})
	wantErr(t, err, blob.ErrCredentials)
}

// TestGCSRefusals wants what the server says to be told, in short, and none of it to
// pass for an object that is not there.
func TestGCSRefusals(t *testing.T) {
	t.Parallel()
	var answer atomic.Pointer[http.HandlerFunc]
	front := faults(t, objectstore.StartGoogle(t), func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if a := answer.Load(); a != nil {
			(*a)(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
	s := openGCS(t, blob.GCSOptions{Bucket: objectstore.Bucket, Emulator: front})
	create(t, s, "key", "x")
	text := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		want   error
		text   string
	}{
		"no rights":   {text(http.StatusForbidden, `{"error":{"message":"you lack storage.objects.create","errors":[{"reason":"forbidden"}]}}`), fs.ErrPermission, "403 forbidden: you lack storage.objects.create"},
		"no token":    {text(http.StatusUnauthorized, "Invalid Credentials"), blob.ErrCredentials, "401 Unauthorized: Invalid Credentials"},
		"no bucket":   {text(http.StatusNotFound, `{"error":{"message":"The specified bucket does not exist."}}`), blob.ErrNoBucket, "does not exist"},
		"a redirect":  {text(http.StatusFound, ""), nil, "302"},
		"a long text": {text(http.StatusBadRequest, strings.Repeat("long ", 10_000)), nil, "long …"},
		"a page":      {text(http.StatusOK, "<html>"), nil, "not that of Google"},
		"an object":   {text(http.StatusOK, "{}"), nil, "not that of Google"},
	} {
		answer.Store(&tc.answer)
		_, err := s.Put(t.Context(), "key", body("y"))
		if err == nil || tc.want != nil && !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) || len(err.Error()) > 1200 {
			t.Errorf("%s: got %v", name, err)
		}
		answer.Store(nil)
	}
	unsized := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Goog-Generation", "7")
		_ = http.NewResponseController(w).Flush()
	})
	answer.Store(&unsized)
	if _, err := s.Open(t.Context(), "key"); err == nil || !strings.Contains(err.Error(), "no size") {
		t.Errorf("an answer without a size: %v", err)
	}
}

// TestGCSLists reads a listing of many pages, and one that never ends.
func TestGCSLists(t *testing.T) {
	t.Parallel()
	var endless atomic.Bool
	var pages atomic.Int64
	front := faults(t, objectstore.StartGoogle(t), func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if !isList(r) {
			next.ServeHTTP(w, r)
			return
		}
		if endless.Load() {
			_, _ = io.WriteString(w, `{"nextPageToken":"again"}`)
			return
		}
		pages.Add(1)
		q := r.URL.Query()
		q.Set("maxResults", "3")
		r.URL.RawQuery = q.Encode()
		next.ServeHTTP(w, r)
	})
	s := openGCS(t, blob.GCSOptions{Bucket: objectstore.Bucket, Emulator: front})
	for i := range 10 {
		create(t, s, fmt.Sprintf("folder/%02d", i), "x")
		create(t, s, fmt.Sprintf("folder/%02d/below", i), "x")
	}
	pages.Store(0)
	var got []string
	for info, err := range s.List(t.Context(), "folder/", "folder/02") {
		wantErr(t, err, nil)
		got = append(got, strings.TrimPrefix(info.Key, "folder/"))
	}
	if strings.Join(got, " ") != "03 04 05 06 07 08 09" || pages.Load() < 3 {
		t.Errorf("%d pages of %v", pages.Load(), got)
	}
	endless.Store(true)
	var last error
	for _, err := range s.List(t.Context(), "", "") {
		last = err
	}
	if last == nil {
		t.Error("the same page for ever is no error")
	}
}

// TestGCSCompressed reads what was uploaded with an encoding as it is stored.
func TestGCSCompressed(t *testing.T) {
	t.Parallel()
	server := objectstore.StartGoogle(t)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = io.WriteString(w, strings.Repeat("unpacked ", 1000))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		server.URL+"/upload/storage/v1/b/"+objectstore.Bucket+"/o?uploadType=media&name=web-1.0.0.tgz&contentEncoding=gzip", bytes.NewReader(packed.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	s := openGCS(t, blob.GCSOptions{Bucket: objectstore.Bucket, Emulator: server.URL})
	if got := get(t, s, "web-1.0.0.tgz"); got != packed.String() {
		t.Errorf("%d bytes of %d arrived", len(got), packed.Len())
	}
}

// TestGCSAsksForGenerations looks at what a write and its metadata say on the wire.
func TestGCSAsksForGenerations(t *testing.T) {
	t.Parallel()
	var conditions []string
	var said []byte
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isList(r) {
			_, _ = io.WriteString(w, "{}")
			return
		}
		conditions = append(conditions, r.FormValue("name")+" "+r.URL.Query().Get("ifGenerationMatch"))
		said, _ = io.ReadAll(r.Body)
		_, _ = io.WriteString(w, `{"generation":"17"}`)
	}))
	t.Cleanup(front.Close)
	s := openGCS(t, blob.GCSOptions{Bucket: "b", Prefix: "p/q", Emulator: front.URL})
	etag := create(t, s, "a+b/c@d", "content")
	if _, err := s.PutIfMatch(t.Context(), "key", etag, body("next")); err != nil {
		t.Error(err)
	}
	if _, err := s.Put(t.Context(), "key", body("any")); err != nil {
		t.Error(err)
	}
	// 0 would be the condition that there is no object.
	for _, none := range []string{"0", "-1", "seven", `"17"`} {
		_, err := s.PutIfMatch(t.Context(), "key", none, body("no"))
		wantErr(t, err, blob.ErrMismatch)
	}
	if got := strings.Join(conditions, ", "); got != "p/q/a+b/c@d 0, p/q/key 17, p/q/key " {
		t.Errorf("the conditions are %s", got)
	}
	parts := strings.Split(string(said), "\r\n\r\n")
	if len(parts) != 3 {
		t.Fatalf("%d parts: %q", len(parts), said)
	}
	var meta struct {
		MD5Hash, CacheControl string
		Metadata              map[string]string
	}
	if err := json.Unmarshal([]byte(strings.Split(parts[1], "\r\n")[0]), &meta); err != nil {
		t.Fatal(err)
	}
	if meta.MD5Hash == "" || meta.CacheControl != "no-store" || meta.Metadata["gantry-writer"] == "" || !strings.HasPrefix(parts[2], "any\r\n--") {
		t.Errorf("got %+v and %q", meta, parts[2])
	}
}

func TestParseGCS(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]blob.GCSOptions{
		"gs://charts":         {Bucket: "charts"},
		"gs://my_charts/a/b/": {Bucket: "my_charts", Prefix: "a/b"},
	} {
		if got, err := blob.ParseGCS(text); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "charts", "gs://", "s3://charts", "gs://charts/../a", "gs://u:p@charts", "gs://charts?x=1"} {
		if got, err := blob.ParseGCS(text); err == nil {
			t.Errorf("%q passes as %+v", text, got)
		}
	}
}
