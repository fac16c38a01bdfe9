package server_test

import (
	"bytes"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gantry/repo/blob"
	"gantry/repo/server"
)

var uuid = regexp.MustCompile(`/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// digestBy returns the digest of content by an algorithm.
func digestBy(t *testing.T, algorithm string, data []byte) string {
	t.Helper()
	if algorithm == "sha512" {
		return fmt.Sprintf("sha512:%x", sha512.Sum512(data))
	}
	return "sha256:" + digestOf(t, data)
}

// begin begins an upload and returns its location.
func (s *tester) begin(name string) string {
	s.Helper()
	r := s.do(http.MethodPost, "/v2/"+name+"/blobs/uploads/", nil, "Content-Length: 0")
	at := r.header.Get("Location")
	if r.status != http.StatusAccepted || !uuid.MatchString(at) {
		s.Fatalf("begin an upload: %d %q", r.status, at)
	}
	return at
}

// chunks uploads content in three parts, the last one in the end if it is meant to be.
func (s *tester) chunks(name, digest string, data []byte, ranges, putLast bool) reply {
	s.Helper()
	at, step := s.begin(name), len(data)/3+1
	for from := 0; from < len(data); from += step {
		to := min(from+step, len(data))
		headers := []string{octets}
		if ranges {
			headers = append(headers, fmt.Sprintf("Content-Range: %d-%d", from, to-1))
		}
		if putLast && to == len(data) {
			return s.do(http.MethodPut, at+"?digest="+digest, bytes.NewReader(data[from:to]), headers...)
		}
		last := fmt.Sprintf("0-%d", to-1)
		r := s.do(http.MethodPatch, at, bytes.NewReader(data[from:to]), headers...)
		if r.status != http.StatusAccepted || r.header.Get("Range") != last {
			s.Fatalf("a part to %d: %d %v %s", to, r.status, r.header, r.body)
		}
		at = r.header.Get("Location")
		if r := s.get(at); r.status != http.StatusNoContent || r.header.Get("Range") != last || r.header.Get("Location") == "" {
			s.Fatalf("the state at %d: %d %v", to, r.status, r.header)
		}
	}
	return s.do(http.MethodPut, at+"?digest="+digest, nil, octets)
}

// unsized hides how long content is.
func unsized(data []byte) io.Reader { return io.MultiReader(bytes.NewReader(data)) }

// TestOCIUploads pushes blobs in every way that the specification has, by every digest,
// into stores of both kinds.
func TestOCIUploads(t *testing.T) {
	t.Parallel()
	const name = "org/app"
	type way = func(s *tester, digest string, data []byte) reply
	session := func(s *tester, digest string, data []byte) reply {
		return s.do(http.MethodPut, s.begin(name)+"?digest="+digest, bytes.NewReader(data), octets)
	}
	mounted := func(query string) way {
		return func(s *tester, digest string, data []byte) reply {
			s.do(http.MethodPut, s.begin("org/other")+"?digest="+digest, bytes.NewReader(data), octets)
			return s.do(http.MethodPost, "/v2/"+name+"/blobs/uploads/?mount="+digest+query, nil)
		}
	}
	inParts := func(ranges, putLast bool) way {
		return func(s *tester, digest string, data []byte) reply {
			return s.chunks(name, digest, data, ranges, putLast)
		}
	}
	ways := map[string]way{
		"POST then PUT": session,
		"a single POST": func(s *tester, digest string, data []byte) reply {
			return s.do(http.MethodPost, "/v2/"+name+"/blobs/uploads/?digest="+digest, bytes.NewReader(data), octets)
		},
		"parts":                                 inParts(true, false),
		"parts, the last in PUT":                inParts(true, true),
		"parts without ranges":                  inParts(false, false),
		"parts without ranges, the last in PUT": inParts(false, true),
		"a stream": func(s *tester, digest string, data []byte) reply {
			r := s.do(http.MethodPatch, s.begin(name), unsized(data), octets)
			if r.status != http.StatusAccepted {
				s.Errorf("a stream: %d %s", r.status, r.body)
			}
			return s.do(http.MethodPut, r.header.Get("Location")+"?digest="+digest, nil, octets)
		},
		"a mount":              mounted("&from=org/other"),
		"a mount of somewhere": mounted(""),
		"a mount of nothing, and an upload": func(s *tester, digest string, data []byte) reply {
			r := s.do(http.MethodPost, "/v2/"+name+"/blobs/uploads/?mount="+digest+"&from=org/other", nil)
			if r.status != http.StatusAccepted {
				s.Errorf("a mount of what is not there: %d %s", r.status, r.body)
			}
			return s.do(http.MethodPut, r.header.Get("Location")+"?digest="+digest, bytes.NewReader(data), octets)
		},
	}
	for kind, store := range map[string]blob.Store{"memory": &blob.Memory{}, "directory": directory(t, t.TempDir())} {
		s := serve(t, store, server.Options{})
		for _, algorithm := range []string{"sha256", "sha512"} {
			for what, push := range ways {
				contents := [][]byte{[]byte(kind + algorithm + what), bytes.Repeat([]byte(what), 100_000)}
				if !strings.HasPrefix(what, "a mount") {
					contents = append(contents, nil)
				}
				for _, data := range contents {
					digest := digestBy(t, algorithm, data)
					r := push(s, digest, data)
					t.Logf("%s, %s, %d bytes: %d", what, digest[:10], len(data), r.status)
					s.pulls(name, digest, data, r)
				}
				if strings.HasPrefix(what, "a mount") {
					continue // it has no content of its own
				}
				wrong := digestBy(t, algorithm, []byte("not "+what))
				if r := push(s, wrong, []byte(what)); r.status != http.StatusBadRequest || r.ociCode(t) != "DIGEST_INVALID" {
					t.Errorf("%s: another content than the digest says: %d %s", what, r.status, r.body)
				}
				if r := s.get("/v2/" + name + "/blobs/" + wrong); r.status != http.StatusNotFound {
					t.Errorf("%s: it was kept: %d", what, r.status)
				}
			}
		}
	}
}

// pulls wants a blob to be there that was pushed.
func (s *tester) pulls(name, digest string, data []byte, pushed reply) {
	s.Helper()
	at := pushed.header.Get("Location")
	if pushed.status != http.StatusCreated || pushed.header.Get("Docker-Content-Digest") != digest || at != "/v2/"+name+"/blobs/"+digest {
		s.Errorf("push: %d %v %s", pushed.status, pushed.header, pushed.body)
		return
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		r := s.do(method, at, nil)
		whole := bytes.Equal(r.body, data) || method == http.MethodHead && len(r.body) == 0
		if r.status != http.StatusOK || !whole || r.header.Get("Content-Length") != strconv.Itoa(len(data)) || r.header.Get("Docker-Content-Digest") != digest {
			s.Errorf("%s: %d %v", method, r.status, r.header)
		}
	}
}

// TestOCISHA512 keeps manifests and blobs by SHA-512, and looks after them as after others.
func TestOCISHA512(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := directory(t, dir)
	s := serve(t, store, server.Options{})
	const name = "org/app"
	push := func(data []byte) string {
		t.Helper()
		digest := digestBy(t, "sha512", data)
		if r := s.do(http.MethodPost, "/v2/"+name+"/blobs/uploads/?digest="+digest, bytes.NewReader(data), octets); r.status != http.StatusCreated {
			t.Fatalf("%d %s", r.status, r.body)
		}
		return digest
	}
	image := func(text, subject string) string {
		return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":%s,"layers":[%s]%s}`, manifestType,
			descriptor("application/vnd.test.config", push([]byte("{}")), 2), descriptor("text/plain", push([]byte(text)), len(text)), subject)
	}
	put := func(manifest, kind, subject string) string {
		t.Helper()
		digest := digestBy(t, "sha512", []byte(manifest))
		at := "/v2/" + name + "/manifests/" + digest
		r := s.do(http.MethodPut, at, strings.NewReader(manifest), "Content-Type: "+kind)
		if r.status != http.StatusCreated || r.header.Get("Docker-Content-Digest") != digest || r.header.Get("Location") != at || r.header.Get("OCI-Subject") != subject {
			t.Fatalf("%d %v %s", r.status, r.header, r.body)
		}
		if r := s.get(at); r.status != http.StatusOK || string(r.body) != manifest || r.header.Get("Docker-Content-Digest") != digest {
			t.Errorf("%d %v %s", r.status, r.header, r.body)
		}
		return digest
	}
	first := image("one", "")
	sum := put(first, manifestType, "")
	put(fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, indexType, descriptor(manifestType, sum, len(first))), indexType, "")
	signature := put(image("signature", `,"subject":`+descriptor(manifestType, sum, len(first))), manifestType, sum)
	if got := s.referrers(name, sum); !slices.Equal(got, []string{signature}) {
		t.Errorf("it is signed by %v", got)
	}
	if r := s.get("/v2/" + name + "/manifests/sha256:" + digestOf(t, []byte(first))); r.status != http.StatusNotFound {
		t.Errorf("by the digest that nobody gave it: %d", r.status)
	}

	lost := push([]byte("an upload that came to nothing"))
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	if report, err := server.Check(t.Context(), store, server.CheckOptions{}); err != nil || len(report.Findings) > 0 || report.Unreferenced != 1 {
		t.Errorf("%+v, %v", report, err)
	}
	if deleted, waiting := collect(t, store, server.CollectOptions{Now: now, Grace: time.Hour}); len(deleted) > 0 || !slices.Equal(waiting, []string{lost}) {
		t.Errorf("deleted %v, waiting %v", deleted, waiting)
	}
	push([]byte("an upload that came to nothing")) // is wanted again, and waits once more
	if deleted, waiting := collect(t, store, server.CollectOptions{Now: now.Add(2 * time.Hour), Grace: time.Hour}); len(deleted) > 0 || !slices.Equal(waiting, []string{lost}) {
		t.Errorf("deleted %v, waiting %v", deleted, waiting)
	}
	if deleted, _ := collect(t, store, server.CollectOptions{Now: now, Offline: true}); !slices.Equal(deleted, []string{lost}) {
		t.Errorf("deleted %v", deleted)
	}
	for info, err := range store.List(t.Context(), "gantry/unnamed/", "") {
		t.Errorf("a mark stays: %s %v", info.Key, err)
	}
	if got := s.get("/v2/" + name + "/manifests/" + sum); string(got.body) != first {
		t.Errorf("what is named is gone: %d", got.status)
	}
	if err := os.WriteFile(filepath.Join(dir, "gantry/blobs/sha512", strings.TrimPrefix(sum, "sha512:")), []byte(first+" "), 0o600); err != nil {
		t.Fatal(err)
	}
	report, err := server.Check(t.Context(), store, server.CheckOptions{})
	if err != nil || len(report.Findings) != 1 || report.Findings[0].Code != "content-damaged" || !strings.Contains(report.Findings[0].Message, sum) {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestOCIChartSHA512 refuses a chart whose digests the index cannot have.
func TestOCIChartSHA512(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	archive := chartArchive(t, "web", "1.0.0", "")
	manifest := s.chartManifest("web", archive)
	r := s.putManifest("web", digestBy(t, "sha512", manifest), manifest)
	if r.status != http.StatusBadRequest || r.ociCode(t) != "UNSUPPORTED" {
		t.Errorf("the manifest: %d %s", r.status, r.body)
	}
	long := digestBy(t, "sha512", archive)
	s.do(http.MethodPost, "/v2/web/blobs/uploads/?digest="+long, bytes.NewReader(archive), octets)
	var m ocispec.Manifest
	if err := json.Unmarshal(manifest, &m); err != nil {
		t.Fatal(err)
	}
	manifest = bytes.Replace(manifest, []byte(m.Layers[0].Digest), []byte(long), 1)
	if r := s.putManifest("web", "1.0.0", manifest); r.status != http.StatusBadRequest || r.ociCode(t) != "UNSUPPORTED" {
		t.Errorf("the archive: %d %s", r.status, r.body)
	}
	if got := s.listed(); len(got) > 0 {
		t.Errorf("the index lists %v", got)
	}
}
