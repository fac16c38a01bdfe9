package server_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gantry/repo/blob"
	"gantry/repo/server"
)

func TestUploadRefuses(t *testing.T) {
	t.Parallel()
	limits := server.DefaultLimits()
	limits.Archive, limits.Unpacked, limits.File, limits.Files = 256<<10, 8<<20, 3<<20, 100
	s := serve(t, &blob.Memory{}, server.Options{Limits: limits})
	const meta = "apiVersion: v2\nname: web\nversion: 1.0.0\n"
	good := chartArchive(t, "web", "1.0.0", "")
	chartYAML := file{name: "web/Chart.yaml", text: meta}
	withMeta := func(text string) []byte { return pack(t, file{name: "web/Chart.yaml", text: text}) }
	many := []file{chartYAML}
	for i := range 200 {
		many = append(many, file{name: fmt.Sprintf("web/%d", i)})
	}
	for _, tc := range []struct {
		name    string
		body    []byte
		status  int
		code    string
		message string
	}{
		{"nothing", nil, 400, "chart-invalid", "gzip"},
		{"a web page", []byte("<html>"), 400, "chart-invalid", "gzip"},
		{"half an archive", good[:len(good)/2], 400, "chart-invalid", "damaged"},
		{"a lost checksum", good[:len(good)-3], 400, "chart-invalid", "damaged"},
		{"a flipped bit", flip(good), 400, "chart-invalid", "damaged"},
		{"no Chart.yaml", pack(t, file{name: "web/values.yaml"}), 400, "chart-invalid", "no Chart.yaml"},
		{"Chart.yaml at the root", pack(t, file{name: "Chart.yaml", text: meta}), 400, "chart-invalid", "beside"},
		{"Chart.yaml is not YAML", withMeta("a: [\n"), 400, "chart-invalid", "Chart.yaml"},
		{"values.yaml is not YAML", chartArchive(t, "web", "1.0.0", "a: ["), 400, "chart-invalid", "values.yaml"},
		{"a chart within that is none", pack(t, chartYAML, file{name: "web/charts/db/values.yaml"}), 400, "chart-invalid", "charts/db"},
		{"no name", withMeta("version: 1.0.0\n"), 400, "chart-invalid", "name"},
		{"no version", withMeta("name: web\n"), 400, "chart-invalid", "version"},
		{"not a version", withMeta("name: web\nversion: latest\n"), 400, "chart-invalid", "version"},
		{"half a version", withMeta("name: web\nversion: \"1.0\"\n"), 400, "chart-invalid", "SemVer"},
		{"a version with a path", withMeta("name: web\nversion: 1.0.0-../../x\n"), 400, "chart-invalid", "version"},
		{"a name with a path", withMeta("name: ../web\nversion: 1.0.0\n"), 400, "chart-invalid", "name"},
		{"another name than the folder", withMeta("name: shop\nversion: 1.0.0\n"), 400, "chart-invalid", `"shop" and its folder "web"`},
		{"a name that holds a version", pack(t, file{name: "web-1.0.0/Chart.yaml", text: "name: web-1.0.0\nversion: 2.0.0\n"}), 400, "chart-invalid", "contains a version"},
		{"a second folder", pack(t, chartYAML, file{name: "other/x"}), 400, "chart-invalid", "outside"},
		{"a path that climbs", pack(t, chartYAML, file{name: "web/../../etc/passwd"}), 400, "chart-invalid", "not a path"},
		{"an absolute path", pack(t, chartYAML, file{name: "/etc/passwd"}), 400, "chart-invalid", "not a path"},
		{"a path of Windows", pack(t, chartYAML, file{name: `web\..\x`}), 400, "chart-invalid", "not a path"},
		{"a drive", pack(t, chartYAML, file{name: "c:/x"}), 400, "chart-invalid", "not a path"},
		{"a symbolic link", pack(t, chartYAML, file{name: "web/x", kind: tar.TypeSymlink, link: "/etc/passwd"}), 400, "chart-invalid", "link"},
		{"a hard link", pack(t, chartYAML, file{name: "web/x", kind: tar.TypeLink, link: "web/Chart.yaml"}), 400, "chart-invalid", "link"},
		{"a device", pack(t, chartYAML, file{name: "web/x", kind: tar.TypeChar}), 400, "chart-invalid", "neither"},
		{"two Chart.yaml", pack(t, chartYAML, chartYAML), 400, "chart-invalid", "twice"},
		{"too many files", pack(t, many...), 413, "too-large", "100 files"},
		{"a file that is too large", pack(t, chartYAML, file{name: "web/x", text: strings.Repeat(incompressible(16<<10), 200)}), 413, "too-large", "web/x"},
		{"a zip bomb in one file", pack(t, chartYAML, file{name: "web/x", text: strings.Repeat("\x00", 3<<20)}), 413, "too-large", "unpacks"},
		{"a zip bomb behind the archive", append(slices.Clone(good), pack(t, file{name: "x", text: strings.Repeat("\x00", 30<<20)})...), 413, "too-large", "unpacks"},
		{"a large archive", []byte(incompressible(300 << 10)), 413, "too-large", "256 KiB"},
		{"a Chart.yaml that is too large", withMeta(meta + "description: " + strings.Repeat("x", 1<<20)), 413, "too-large", "unpacks"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := s.upload(tc.body)
			code, message, hint := r.problem(t)
			if r.status != tc.status || code != tc.code || !strings.Contains(message, tc.message) || hint == "" {
				t.Errorf("got %d %s", r.status, r.body)
			}
		})
	}
	if got := s.listed(); len(got) > 0 {
		t.Errorf("published all the same: %v", got)
	}
	s.publish(good)
}

func flip(data []byte) []byte {
	other := slices.Clone(data)
	other[len(other)-6] ^= 1 // the checksum
	return other
}

// incompressible returns text that gzip cannot shrink much.
func incompressible(n int) string {
	x := uint64(88172645463325252)
	raw := make([]byte, n)
	for i := range raw {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		raw[i] = byte(x)
	}
	return base64.StdEncoding.EncodeToString(raw)[:n]
}

func TestUploadBreaksOff(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	s := serve(t, store, server.Options{})
	archive := chartArchive(t, "web", "1.0.0", "")
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /api/charts HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", len(archive))
	if _, err := conn.Write(archive[:len(archive)/2]); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !bytes.Contains(answer, []byte("upload-incomplete")) {
		t.Errorf("got %q, %v", answer, err)
	}
	if got := s.listed(); len(got) > 0 {
		t.Errorf("published all the same: %v", got)
	}
	s.publish(archive)
}

// provenance returns a .prov file in form; whose key made the signature is not
// the server's affair.
func provenance(version, digest string) string {
	return fmt.Sprintf(`-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA512

apiVersion: v2
name: web
version: %s

...
files:
  web-%s.tgz: sha256:%s
-----BEGIN PGP SIGNATURE-----

wsBcBAEBCgAQBQJdy0ReCRCEO7+YH8GHYgAAfhUIADx3pHHLLINv0MFkiEYpX/Kd
=Szm4
-----END PGP SIGNATURE-----
`, version, version, digest)
}

// TestAliasesAreNotWrittenOut refuses charts and signatures of a few bytes that would be
// gigabytes in memory.
func TestAliasesAreNotWrittenOut(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	long := strings.Repeat("y", 100_000)
	bomb := "a: &a " + long + "\nb: [" + strings.Repeat("*a, ", 50_000) + "]\n"
	metadata := "apiVersion: v2\nname: web\nversion: 1.0.0\n"
	for name, archive := range map[string][]byte{
		"values":   chartArchive(t, "web", "1.0.0", bomb),
		"metadata": pack(t, file{name: "web/Chart.yaml", text: metadata + bomb}),
		"a chart within": pack(t, file{name: "web/Chart.yaml", text: metadata},
			file{name: "web/charts/db/Chart.yaml", text: strings.Replace(metadata, "web", "db", 1)}, file{name: "web/charts/db/values.yaml", text: bomb}),
	} {
		r := s.do(http.MethodPost, "/api/charts", bytes.NewReader(archive))
		if code, message, _ := r.problem(t); r.status != http.StatusRequestEntityTooLarge || code != "too-large" || !strings.Contains(message, "aliases") {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	signature := strings.Replace(provenance("1.0.0", strings.Repeat("0", 64)), "files:", bomb+"files:", 1)
	r := s.do(http.MethodPost, "/api/prov", strings.NewReader(signature))
	if code, message, _ := r.problem(t); code != "provenance-invalid" || !strings.Contains(message, "aliases") {
		t.Errorf("a signature: %d %s", r.status, r.body)
	}
}

func form(t *testing.T, fields map[string]string) (body io.Reader, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, text := range fields {
		part, err := w.CreateFormFile(name, name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(part, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b, "Content-Type: " + w.FormDataContentType()
}

func TestProvenance(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	archive := chartArchive(t, "web", "1.0.0", "")
	sum := digestOf(t, archive)
	right := provenance("1.0.0", sum)
	post := func(path string, fields map[string]string) reply {
		t.Helper()
		body, kind := form(t, fields)
		return s.do(http.MethodPost, path, body, kind)
	}
	for name, tc := range map[string]struct {
		path   string
		fields map[string]string
		code   string
	}{
		"the signature of another content": {"/api/charts", map[string]string{"chart": string(archive), "prov": provenance("1.0.0", strings.Repeat("0", 64))}, "provenance-invalid"},
		"the signature of another version": {"/api/charts", map[string]string{"chart": string(archive), "prov": provenance("1.0.1", sum)}, "provenance-invalid"},
		"not a signature":                  {"/api/charts", map[string]string{"chart": string(archive), "prov": "hello"}, "provenance-invalid"},
		"an unknown field":                 {"/api/charts", map[string]string{"charts": string(archive)}, "field-unknown"},
		"a form with nothing":              {"/api/charts", map[string]string{}, "chart-missing"},
		"a form without a chart":           {"/api/charts", map[string]string{"prov": right}, "chart-not-found"},
		"of a chart that is not there":     {"/api/prov", map[string]string{"prov": right}, "chart-not-found"},
		"a form without a signature":       {"/api/prov", map[string]string{}, "provenance-missing"},
	} {
		if code, _, _ := post(tc.path, tc.fields).problem(t); code != tc.code {
			t.Errorf("%s: got %s, want %s", name, code, tc.code)
		}
	}
	if got := s.listed(); len(got) > 0 {
		t.Fatalf("published all the same: %v", got)
	}

	if r := post("/api/charts", map[string]string{"chart": string(archive), "prov": right}); r.status != http.StatusCreated {
		t.Fatalf("both at once: %d %s", r.status, r.body)
	}
	if r := s.get("/charts/web-1.0.0.tgz.prov"); string(r.body) != right {
		t.Errorf("signature: %d %s", r.status, r.body)
	}

	other := chartArchive(t, "web", "1.1.0", "")
	s.publish(other)
	if code, _, _ := s.get("/charts/web-1.1.0.tgz.prov").problem(t); code != "chart-not-found" {
		t.Errorf("an unsigned chart: %s", code)
	}
	late := provenance("1.1.0", digestOf(t, other))
	for _, path := range []string{"/api/charts", "/api/prov"} {
		if r := post(path, map[string]string{"prov": late}); r.status != http.StatusCreated || string(r.body) != `{"saved":true}`+"\n" {
			t.Errorf("afterwards, as a form to %s: %d %s", path, r.status, r.body)
		}
	}
	if r := s.do(http.MethodPost, "/api/prov", strings.NewReader(late)); r.status != http.StatusCreated {
		t.Errorf("afterwards: %d %s", r.status, r.body)
	}
	if r := s.get("/charts/web-1.1.0.tgz.prov"); string(r.body) != late {
		t.Errorf("signature: %d %s", r.status, r.body)
	}
	wrong := provenance("1.1.0", sum)
	if code, _, _ := s.do(http.MethodPost, "/api/prov", strings.NewReader(wrong)).problem(t); code != "provenance-invalid" {
		t.Errorf("a wrong one afterwards: %s", code)
	}
}

// TestConcurrentUploads races uploads of one version over two servers of one
// store, and uploads of different versions beside them.
func TestConcurrentUploads(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	servers := []*tester{serve(t, store, server.Options{}), serve(t, store, server.Options{})}
	const rounds, writers = 10, 6
	for round := range rounds {
		version := fmt.Sprintf("1.%d.0", round)
		var group sync.WaitGroup
		var won atomic.Int32
		var winner atomic.Value
		for i := range writers {
			same := chartArchive(t, "web", version, fmt.Sprint("writer: ", i))
			own := chartArchive(t, "web", fmt.Sprintf("2.%d.%d", round, i), "")
			s := servers[i%2]
			group.Go(func() {
				switch r := s.upload(same); r.status {
				case http.StatusCreated:
					won.Add(1)
					winner.Store(same)
				case http.StatusConflict:
				default:
					t.Errorf("got %d %s", r.status, r.body)
				}
			})
			group.Go(func() {
				if r := s.upload(own); r.status != http.StatusCreated {
					t.Errorf("got %d %s", r.status, r.body)
				}
			})
		}
		group.Wait()
		if won.Load() != 1 {
			t.Fatalf("%s: %d uploads won, want exactly one", version, won.Load())
		}
		for _, s := range servers {
			if err := s.handler.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := s.get("/charts/web-" + version + ".tgz").body; !bytes.Equal(got, winner.Load().([]byte)) {
				t.Error("what is served is not what won")
			}
		}
	}
	for _, s := range append(servers, serve(t, store, server.Options{})) {
		if got := len(s.index().Entries["web"]); got != rounds*(writers+1) {
			t.Errorf("%d versions are listed, want %d", got, rounds*(writers+1))
		}
	}
}

var errKilled = errors.New("killed")

// TestKilledAnywhere ends an upload at every operation on the store in turn, as
// a kill would, and starts another server: what was acknowledged is there, what
// was not is there wholly or not at all, and can be uploaded again.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	for step := range 20 {
		memory := &blob.Memory{}
		before := serve(t, memory, server.Options{})
		kept := chartArchive(t, "web", "1.0.0", "")
		before.publish(kept)

		var ops, armed atomic.Int32
		dying := serve(t, faulty{memory, func(string, string) error {
			if armed.Load() == 1 && int(ops.Add(1)) > step {
				return errKilled
			}
			return nil
		}}, server.Options{})
		armed.Store(1)
		archive := chartArchive(t, "web", "1.1.0", "")
		acknowledged := dying.upload(archive).status == http.StatusCreated

		after := serve(t, memory, server.Options{})
		want := []string{"web-1.0.0"}
		if slices.Contains(after.listed(), "web-1.1.0") {
			want = []string{"web-1.1.0", "web-1.0.0"}
			if got := after.get("/charts/web-1.1.0.tgz"); !bytes.Equal(got.body, archive) {
				t.Errorf("step %d: listed, but not whole", step)
			}
		} else if acknowledged {
			t.Errorf("step %d: acknowledged, but lost", step)
		}
		if diff := cmp.Diff(want, after.listed()); diff != "" {
			t.Errorf("step %d (-want +got):\n%s", step, diff)
		}
		after.publish(archive)
		if acknowledged {
			if step < 2 {
				t.Errorf("an upload with %d operations cannot be durable", step)
			}
			return
		}
	}
	t.Error("the upload never came to its end")
}

// TestKilledBetweenContentAndIndex is the one moment that matters most.
func TestKilledBetweenContentAndIndex(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := directory(t, dir)
	var armed atomic.Bool
	dying := serve(t, faulty{store, func(op, key string) error {
		if armed.Load() && op == "put" && strings.HasPrefix(key, "gantry/index/") {
			return errKilled
		}
		return nil
	}}, server.Options{})
	armed.Store(true)
	lost := chartArchive(t, "web", "1.0.0", "lost: 1")
	r := dying.upload(lost)
	if code, _, _ := r.problem(t); r.status != http.StatusServiceUnavailable || code != "storage-failed" || r.header.Get("Retry-After") != "2" {
		t.Errorf("got %d %s", r.status, r.body)
	}
	if strings.Contains(string(r.body), errKilled.Error()) {
		t.Error("the answer tells what is for the log")
	}
	after := serve(t, directory(t, dir), server.Options{})
	if got := after.listed(); len(got) > 0 {
		t.Errorf("half an upload is visible: %v", got)
	}
	if r := after.get("/charts/web-1.0.0.tgz"); r.status != http.StatusNotFound {
		t.Errorf("half an upload can be downloaded: %d", r.status)
	}
	after.publish(chartArchive(t, "web", "1.0.0", "another: content may take the version"))
}

func TestStorageFaults(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err    error
		status int
		code   string
	}{
		"full":      {syscall.ENOSPC, http.StatusInsufficientStorage, "storage-full"},
		"read only": {syscall.EROFS, http.StatusForbidden, "storage-read-only"},
		"broken":    {errors.New("503 slow down"), http.StatusServiceUnavailable, "storage-failed"},
	} {
		var armed atomic.Bool
		s := serve(t, faulty{&blob.Memory{}, func(string, string) error {
			if armed.Load() {
				return tc.err
			}
			return nil
		}}, server.Options{})
		s.publish(chartArchive(t, "web", "1.0.0", ""))
		armed.Store(true)
		r := s.upload(chartArchive(t, "web", "1.1.0", ""))
		if code, _, _ := r.problem(t); r.status != tc.status || code != tc.code {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
		if r := s.do(http.MethodDelete, "/api/charts/web/1.0.0", nil); r.status != tc.status {
			t.Errorf("%s: delete: %d %s", name, r.status, r.body)
		}
		if got := s.listed(); len(got) != 1 {
			t.Errorf("%s: reading stopped as well: %v", name, got)
		}
		if r := s.get("/readyz"); r.status == http.StatusOK {
			t.Errorf("%s: the server says that it is ready", name)
		}
		armed.Store(false)
		s.publish(chartArchive(t, "web", "1.1.0", ""))
	}
}

func TestReadOnlyFolderIsServed(t *testing.T) {
	t.Parallel()
	memory := &blob.Memory{}
	for _, version := range []string{"1.0.0", "1.1.0"} {
		if _, err := memory.PutIfAbsent(t.Context(), "web-"+version+".tgz", bytes.NewReader(chartArchive(t, "web", version, ""))); err != nil {
			t.Fatal(err)
		}
	}
	s := serve(t, faulty{memory, func(op, _ string) error {
		if op == "put" {
			return syscall.EROFS
		}
		return nil
	}}, server.Options{})
	want := []string{"web-1.1.0", "web-1.0.0"}
	if diff := cmp.Diff(want, s.listed()); diff != "" {
		t.Error(diff)
	}
	if code, _, _ := s.upload(chartArchive(t, "web", "2.0.0", "")).problem(t); code != "storage-read-only" {
		t.Errorf("upload: %s", code)
	}
	if code, _, _ := s.do(http.MethodDelete, "/api/charts/web/1.0.0", nil).problem(t); code != "storage-read-only" {
		t.Errorf("delete: %s", code)
	}
	if err := s.handler.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, s.listed()); diff != "" {
		t.Error(diff)
	}
}

// TestStorageRefusesToBeRead tells a store that may not be read from one that may not
// be written.
func TestStorageRefusesToBeRead(t *testing.T) {
	t.Parallel()
	memory := &blob.Memory{}
	serve(t, memory, server.Options{}).publish(chartArchive(t, "web", "1.0.0", ""))
	s := serve(t, unreadable{memory}, server.Options{})
	r := s.get("/charts/web-1.0.0.tgz")
	if code, message, _ := r.problem(t); r.status != http.StatusServiceUnavailable || code != "storage-failed" {
		t.Errorf("%d %s: %s", r.status, code, message)
	}
}

// unreadable keeps its contents from those who have lost the right to them.
type unreadable struct{ blob.Store }

func (unreadable) Open(context.Context, string) (*blob.Object, error) { return nil, fs.ErrPermission }

// TestClientLeaves counts a request whose client does not wait for its answer as no
// failure of the server.
func TestClientLeaves(t *testing.T) {
	t.Parallel()
	memory := &blob.Memory{}
	serve(t, memory, server.Options{}).publish(chartArchive(t, "web", "1.0.0", ""))
	var log bytes.Buffer
	ctx, leave := context.WithCancel(t.Context())
	handler, err := server.New(t.Context(), leaving{memory, leave}, server.Options{Now: clock(), Log: slog.New(slog.NewJSONHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/charts/web-1.0.0.tgz", "/v2/web/manifests/1.0.0"} {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil))
	}
	if got := strings.Count(log.String(), `"level":"INFO","msg":"request"`); got != 2 || strings.Contains(log.String(), "ERROR") {
		t.Errorf("the log says\n%s", &log)
	}
}

// leaving is a store that is so slow that the client leaves.
type leaving struct {
	blob.Store
	leave func()
}

func (l leaving) Open(ctx context.Context, _ string) (*blob.Object, error) {
	l.leave()
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestDamagedRecordStopsTheStart(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{", `{"chart":"other","versions":[]}`, `{"chart":"web","versions":[{"version":"1.0.0"}]}`} {
		memory := &blob.Memory{}
		if _, err := memory.PutIfAbsent(t.Context(), "gantry/index/web.json", strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		_, err := server.New(t.Context(), memory, server.Options{Now: clock()})
		if err == nil || !strings.Contains(err.Error(), "gantry/index/web.json") {
			t.Errorf("%q: got %v, want an error that names the record", text, err)
		}
	}
}

func TestBasicAuth(t *testing.T) {
	t.Parallel()
	archive := chartArchive(t, "web", "1.0.0", "")
	for _, anonymousRead := range []bool{false, true} {
		var log bytes.Buffer
		s := serve(t, &blob.Memory{}, server.Options{
			Auth: &server.Auth{User: "ci", Password: "s3cret", AnonymousRead: anonymousRead},
			Log:  slog.New(slog.NewTextHandler(&log, nil)),
		})
		credential := func(text string) string {
			return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(text))
		}
		right := credential("ci:s3cret")
		for _, header := range []string{"X-None: 1", credential("ci:wrong"), credential("x:s3cret"), credential("ci:"), "Authorization: Bearer s3cret"} {
			r := s.do(http.MethodPost, "/api/charts", bytes.NewReader(archive), header)
			if code, _, _ := r.problem(t); r.status != http.StatusUnauthorized || code != "unauthorized" || r.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s: upload: %d", header, r.status)
			}
			want := http.StatusUnauthorized
			if anonymousRead && header == "X-None: 1" {
				want = http.StatusOK // who gives a wrong password is told
			}
			if r := s.get("/index.yaml", header); r.status != want {
				t.Errorf("%s: index: %d, want %d", header, r.status, want)
			}
		}
		if r := s.do(http.MethodPost, "/api/charts", bytes.NewReader(archive), right); r.status != http.StatusCreated {
			t.Errorf("with the password: %d %s", r.status, r.body)
		}
		r := s.get("/charts/web-1.0.0.tgz", right)
		if got := r.header.Get("Cache-Control"); strings.HasPrefix(got, "private") == anonymousRead {
			t.Errorf("Cache-Control: %s", got)
		}
		if r := s.get("/livez"); r.status != http.StatusOK {
			t.Errorf("a probe without the password: %d", r.status)
		}
		s.Close()
		if strings.Contains(log.String(), "s3cret") || !strings.Contains(log.String(), "user=ci") {
			t.Errorf("the log tells too much or too little:\n%s", log.String())
		}
	}
}
