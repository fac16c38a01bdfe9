package blob_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"gantry/repo/blob"
	"gantry/testdata/objectstore"
)

func openS3(t *testing.T, o blob.S3Options) *blob.Bucket {
	t.Helper()
	return opened(t, blob.OpenS3, o)
}

func refuseS3(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>the test says so</Message></Error>", code)
}

// TestS3Alone runs the suite on a server that refuses conditional writes.
func TestS3Alone(t *testing.T) {
	t.Parallel()
	front := faults(t, objectstore.Start(t), func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPut && (r.Header.Get("If-Match") != "" || r.Header.Get("If-None-Match") != "") {
			refuseS3(w, http.StatusNotImplemented, "NotImplemented")
			return
		}
		next.ServeHTTP(w, r)
	})
	o := blob.S3Options{Bucket: objectstore.Bucket, Endpoint: front}
	wantErr(t, blob.Probe(t.Context(), openS3(t, o)), blob.ErrUnconditional)
	var n atomic.Int64
	suite(t, func(t *testing.T) (store, again blob.Store) {
		t.Helper()
		o := blob.S3Options{Bucket: objectstore.Bucket, Prefix: strconv.FormatInt(n.Add(1), 10), Endpoint: front, Alone: true}
		s := openS3(t, o)
		return s, s
	})
}

func TestS3Opens(t *testing.T) {
	t.Parallel()
	server := objectstore.Start(t)
	if _, err := blob.OpenS3(t.Context(), blob.S3Options{Bucket: "no-such-bucket", Endpoint: server.URL}); err == nil || !strings.Contains(err.Error(), "no-such-bucket") {
		t.Errorf("a bucket that is not there: %v", err)
	}
	if _, err := blob.OpenS3(t.Context(), blob.S3Options{Bucket: objectstore.Bucket}); !errors.Is(err, blob.ErrNoRegion) {
		t.Errorf("no region: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := blob.OpenS3(ctx, blob.S3Options{Bucket: objectstore.Bucket, Endpoint: server.URL}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestParseS3(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]blob.S3Options{
		"s3://charts":       {Bucket: "charts"},
		"s3://charts/":      {Bucket: "charts"},
		"s3://charts/a/b/":  {Bucket: "charts", Prefix: "a/b"},
		"s3://my.charts/a":  {Bucket: "my.charts", Prefix: "a"},
		"s3://charts/org-1": {Bucket: "charts", Prefix: "org-1"},
	} {
		if got, err := blob.ParseS3(text); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "charts", "s3:charts", "s3://", "s3:///a", "gs://charts", "s3://charts/../a", "s3://charts/a b", "s3://u:p@charts", "s3://charts?x=1", "s3://charts#x"} {
		if got, err := blob.ParseS3(text); err == nil {
			t.Errorf("%q passes as %+v", text, got)
		}
	}
}
