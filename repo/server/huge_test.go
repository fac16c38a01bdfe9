package server_test

import (
	"io"
	"net/http"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"gantry/repo/blob"
	"gantry/repo/server"
)

// zeros is a body without an end that counts what is taken from it.
type zeros struct{ taken *atomic.Int64 }

func (z zeros) Read(p []byte) (int, error) {
	clear(p)
	z.taken.Add(int64(len(p)))
	return len(p), nil
}

// TestHugeUploads sends a gigabyte by every way that takes a body. One that says how
// much it is is refused before it is read, and any other at the limit; neither is
// held in memory, nor written to disk beyond the limit. It measures the process, and so
// does not run beside other tests.
func TestHugeUploads(t *testing.T) { //nolint:paralleltest // it measures the process
	const gigabyte = 1 << 30
	limits := server.DefaultLimits()
	s := serve(t, &blob.Memory{}, server.Options{Limits: limits})
	const form = "Content-Type: multipart/form-data; boundary=x"
	const part = "--x\r\nContent-Disposition: form-data; name=\"chart\"; filename=\"a.tgz\"\r\n\r\n"
	session := func() string { return s.do(http.MethodPost, "/v2/web/blobs/uploads/", nil).header.Get("Location") }
	digest := "?digest=sha256:" + strings.Repeat("0", 64)
	for _, tt := range []struct {
		name, method, path, header, before string
	}{
		{"an upload", http.MethodPost, "/api/charts", "X: y", ""},
		{"a form", http.MethodPost, "/api/charts", form, part},
		{"a signature", http.MethodPost, "/api/prov", "X: y", ""},
		{"a part of a blob", http.MethodPatch, session(), "X: y", ""},
		{"a blob", http.MethodPut, session() + digest, "X: y", ""},
		{"a blob at once", http.MethodPost, "/v2/web/blobs/uploads/" + digest, "X: y", ""},
		{"a manifest", http.MethodPut, "/v2/web/manifests/1.0.0", "X: y", ""},
	} {
		for _, announced := range []bool{true, false} {
			var taken atomic.Int64
			spooled, allocated := s.uploadedBytes(), allocations()
			body := io.MultiReader(strings.NewReader(tt.before), io.LimitReader(zeros{&taken}, gigabyte))
			req, err := http.NewRequestWithContext(t.Context(), tt.method, s.URL+tt.path, body)
			if err != nil {
				t.Fatal(err)
			}
			if announced {
				req.ContentLength = gigabyte + int64(len(tt.before))
			}
			name, value, _ := strings.Cut(tt.header, ": ")
			req.Header.Set(name, value)
			status := statusOf(req)
			if status < 400 || status >= 500 {
				t.Errorf("%s: %d", tt.name, status)
			}
			most := limits.Archive + 1
			if announced && tt.name != "a manifest" {
				most = 0
			}
			if got := s.uploadedBytes() - spooled; got > float64(most) {
				t.Errorf("%s, announced %v: %.0f bytes were written to disk", tt.name, announced, got)
			}
			// What is under way in the buffers of the connection comes on top.
			if got := taken.Load(); got > most+16<<20 {
				t.Errorf("%s, announced %v: %d MiB were read", tt.name, announced, got>>20)
			}
			if got := allocations() - allocated; got > 24<<20 {
				t.Errorf("%s, announced %v: %d MiB went through memory", tt.name, announced, got>>20)
			}
		}
	}
	s.publish(chartArchive(t, "web", "1.0.0", ""))
}

// statusOf returns the status that a request is answered with, or 499 where the
// connection ends before: the client was still sending.
func statusOf(req *http.Request) int {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return 499
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// uploadedBytes is what was written to temporary files so far.
func (s *tester) uploadedBytes() float64 {
	s.Helper()
	m := regexp.MustCompile(`(?m)^gantry_upload_bytes_total (\S+)$`).FindStringSubmatch(string(s.get("/metrics").body))
	if m == nil {
		s.Fatal("there is no count of uploaded bytes")
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		s.Fatal(err)
	}
	return n
}

func allocations() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}
