package server_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"gantry/repo"
	"gantry/repo/blob"
	"gantry/repo/server"
)

func TestPublishAndRead(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{Version: "1.2.3"})
	first := chartArchive(t, "web", "1.0.0", "a: 1\n")
	s.publish(first)
	s.publish(chartArchive(t, "web", "1.10.0", ""))
	s.publish(chartArchive(t, "web", "1.9.0", ""))
	s.publish(chartArchive(t, "db", "0.1.0-rc.1+build.5", ""))
	if diff := cmp.Diff([]string{"db-0.1.0-rc.1+build.5", "web-1.10.0", "web-1.9.0", "web-1.0.0"}, s.listed()); diff != "" {
		t.Errorf("index (-want +got):\n%s", diff)
	}
	e, err := s.index().Find("web", "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	if e.Digest != digestOf(t, first) || e.Description != "a chart <for> tests" || e.AppVersion != "1.0" || e.Created.IsZero() {
		t.Errorf("the entry is incomplete: %+v", e)
	}
	r := s.get("/" + e.URLs[0])
	if r.status != http.StatusOK || !bytes.Equal(r.body, first) || r.header.Get("Content-Type") != "application/gzip" {
		t.Errorf("download: %d %v", r.status, r.header)
	}
	for _, path := range []string{"/charts/db-0.1.0-rc.1+build.5.tgz", "/charts/db-0.1.0-rc.1%2Bbuild.5.tgz"} {
		if r := s.get(path); r.status != http.StatusOK {
			t.Errorf("%s: %d", path, r.status)
		}
	}
	if got := string(s.get("/info").body); got != `{"charts":2,"version":"1.2.3","versions":4}`+"\n" {
		t.Errorf("info: %s", got)
	}
}

func TestIndexForms(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	check := func(t *testing.T) {
		t.Helper()
		plain := s.get("/index.yaml")
		if !json.Valid(plain.body) || plain.header.Get("Content-Type") != "application/json" {
			t.Errorf("the default is not JSON: %s", plain.body)
		}
		want, _, err := repo.Parse("json", plain.body)
		if err != nil {
			t.Fatal(err)
		}
		tags := map[string]bool{plain.header.Get("ETag"): true}
		for _, form := range [][]string{
			{"/index.yaml?format=json", "Accept: application/yaml"},
			{"/index.yaml?format=yaml"},
			{"/index.yaml", "Accept: application/yaml"},
			{"/index.yaml", "Accept-Encoding: br, gzip;q=0.5"},
			{"/index.yaml?format=yaml", "Accept-Encoding: gzip"},
			{"/index.yaml", "Accept-Encoding: gzip, zstd"},
			{"/index.yaml?format=yaml", "Accept-Encoding: gzip;q=0.3, zstd;q=0.4"},
		} {
			r := s.get(form[0], form[1:]...)
			body := r.body
			if coding := r.header.Get("Content-Encoding"); coding != "" {
				if coding == "zstd" {
					body = unzstd(t, body)
				} else {
					body = gunzip(t, body)
				}
				if strings.HasPrefix(form[0], "/index.yaml?format=yaml") == json.Valid(body) {
					t.Errorf("%v: wrong form", form)
				}
				tags[r.header.Get("ETag")] = true
			}
			got, list, err := repo.Parse("other", body)
			if err != nil || len(list) > 0 {
				t.Fatalf("%v: %v %v\n%s", form, err, list, body)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%v says something else:\n%s", form, diff)
			}
			tag := r.header.Get("ETag")
			if again := s.get(form[0], append(form[1:], `If-None-Match: "x", W/`+tag)...); again.status != http.StatusNotModified || len(again.body) > 0 {
				t.Errorf("%v: got %d with the tag, want 304", form, again.status)
			}
			head := s.do(http.MethodHead, form[0], nil, form[1:]...)
			if head.status != http.StatusOK || head.header.Get("ETag") != tag || head.header.Get("Content-Length") != strconv.Itoa(len(r.body)) {
				t.Errorf("%v: HEAD says %d %v", form, head.status, head.header)
			}
		}
		if len(tags) != 5 {
			t.Errorf("different bodies share a strong tag: %v", tags)
		}
	}
	t.Run("empty", check)
	s.publish(chartArchive(t, "web", "1.0.0", ""))
	t.Run("one chart", check)
	for i := range 7 {
		s.publish(chartArchive(t, fmt.Sprintf("chart-%d", i), "1.0.0", ""))
		s.publish(chartArchive(t, "web", fmt.Sprintf("1.%d.0-rc.1", i), ""))
	}
	t.Run("several charts", check)
	if r := s.get("/index.yaml?format=xml"); r.status != http.StatusBadRequest {
		t.Errorf("an unknown format: %d", r.status)
	}
}

func unzstd(t *testing.T, data []byte) []byte {
	t.Helper()
	d, err := zstd.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	plain, err := io.ReadAll(d)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// gunzip insists on a single member, for some clients stop after the first.
func gunzip(t *testing.T, data []byte) []byte {
	t.Helper()
	in := bytes.NewReader(data)
	zip, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	zip.Multistream(false)
	plain, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	if in.Len() != 0 {
		t.Errorf("%d bytes follow the first member", in.Len())
	}
	return plain
}

func TestIndexTagFollowsContent(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	s := serve(t, store, server.Options{})
	tag := func(s *tester) string { return s.get("/index.yaml").header.Get("ETag") }
	empty := tag(s)
	s.publish(chartArchive(t, "web", "1.0.0", ""))
	one := tag(s)
	if one == empty {
		t.Error("an upload does not change the tag")
	}
	if replica := serve(t, store, server.Options{}); tag(replica) != one {
		t.Error("another server of the same store has another tag")
	}
	s.do(http.MethodDelete, "/api/charts/web/1.0.0", nil)
	if tag(s) != empty {
		t.Error("an empty repository has more than one tag")
	}
}

// TestUploadSaysWhere follows the Location of an upload.
func TestUploadSaysWhere(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{Depth: 2})
	for i, path := range []string{"/api/charts", "/api/acme/prod/charts", "/acme/prod/api/charts"} {
		archive := chartArchive(t, "web", fmt.Sprintf("1.0.%d+linux", i), "")
		r := s.do(http.MethodPost, path, bytes.NewReader(archive))
		base, err := url.Parse(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		where, err := base.Parse(r.header.Get("Location"))
		if err != nil || r.status != http.StatusCreated {
			t.Fatalf("%s: %d %v", path, r.status, err)
		}
		if got := s.get(where.Path); !bytes.Equal(got.body, archive) {
			t.Errorf("%s: %d at %s", path, got.status, where)
		}
	}
}

// TestDamagedContentIsNotServed cuts off archives in the store.
func TestDamagedContentIsNotServed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := directory(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "old-1.0.0.tgz"), chartArchive(t, "old", "1.0.0", ""), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, store, server.Options{})
	web := chartArchive(t, "web", "1.0.0", "")
	s.publish(web)
	digest := digestOf(t, web)
	for _, file := range []string{"old-1.0.0.tgz", filepath.Join("gantry/blobs/sha256", digest[:2], digest)} {
		if err := os.Truncate(filepath.Join(dir, file), 10); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"/charts/old-1.0.0.tgz", "/charts/web-1.0.0.tgz", "/v2/web/blobs/sha256:" + digest} {
		if r := s.get(path); r.status != http.StatusInternalServerError || !bytes.Contains(r.body, []byte("content-damaged")) {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
}

func TestDownloadConditions(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	archive := chartArchive(t, "web", "1.0.0", "")
	s.publish(archive)
	const path = "/charts/web-1.0.0.tgz"
	r := s.get(path)
	if got := r.header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
		t.Errorf("Cache-Control: %s", got)
	}
	if r := s.get(path, "If-None-Match: "+r.header.Get("ETag")); r.status != http.StatusNotModified {
		t.Errorf("with the tag: %d", r.status)
	}
	part := s.get(path, "Range: bytes=10-19")
	if part.status != http.StatusPartialContent || !bytes.Equal(part.body, archive[10:20]) {
		t.Errorf("range: %d %q", part.status, part.body)
	}
	head := s.do(http.MethodHead, path, nil)
	if head.status != http.StatusOK || head.header.Get("Content-Length") != strconv.Itoa(len(archive)) {
		t.Errorf("HEAD: %d %v", head.status, head.header)
	}
}

func TestChartMuseumAPI(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	if got := string(s.get("/api/charts").body); got != "{}\n" {
		t.Errorf("an empty repository: %s", got)
	}
	s.publish(chartArchive(t, "web", "1.0.0", ""))
	s.publish(chartArchive(t, "web", "2.0.0-rc.1", ""))
	s.publish(chartArchive(t, "beta", "0.1.0-rc.1", ""))

	var all map[string][]repo.Entry
	if err := json.Unmarshal(s.get("/api/charts").body, &all); err != nil || len(all) != 2 || len(all["web"]) != 2 {
		t.Errorf("all charts: %v %v", all, err)
	}
	var list []repo.Entry
	if err := json.Unmarshal(s.get("/api/charts/web").body, &list); err != nil || len(list) != 2 || list[0].Version != "2.0.0-rc.1" {
		t.Errorf("one chart: %v %v", list, err)
	}
	for path, want := range map[string]string{
		"/api/charts/web/1.0.0": "1.0.0", "/api/charts/web/latest": "1.0.0", "/api/charts/beta/latest": "0.1.0-rc.1",
		"/api/charts/web/v1.0.0": "1.0.0", "/api/charts/web/1": "1.0.0", "/api/charts/web/%5E1.0": "1.0.0", "/api/charts/web/%3E=1.0.0-0": "2.0.0-rc.1",
	} {
		var e repo.Entry
		if err := json.Unmarshal(s.get(path).body, &e); err != nil || e.Version != want {
			t.Errorf("%s: %v %v, want %s", path, e.Version, err, want)
		}
	}
	for path, want := range map[string]int{
		"/api/charts/web": 200, "/api/charts/web/1.0.0": 200, "/api/charts/web/1.0.1": 404, "/api/charts/wbe": 404, "/api/charts/Web": 404,
		"/api/charts/web/%5E3": 404, "/api/charts/web/newest": 404, "/api/charts/wbe/%5E1": 404,
		"/api/charts/web/" + strings.Repeat("1%7C%7C", 20) + "1": 200, "/api/charts/web/" + strings.Repeat("1%7C%7C", 40) + "1": 404,
	} {
		if r := s.do(http.MethodHead, path, nil); r.status != want {
			t.Errorf("HEAD %s: %d, want %d", path, r.status, want)
		}
	}
	if _, _, hint := s.get("/api/charts/wbe").problem(t); hint != "did you mean web?" {
		t.Errorf("hint: %s", hint)
	}
	for _, version := range []string{"latest", "1", "%5E1.0"} { // what is deleted is named
		if r := s.do(http.MethodDelete, "/api/charts/web/"+version, nil); r.status != http.StatusNotFound {
			t.Errorf("delete %s: %d %s", version, r.status, r.body)
		}
	}
	if r := s.do(http.MethodDelete, "/api/charts/web/1.0.0", nil); r.status != http.StatusOK || string(r.body) != `{"deleted":true}`+"\n" {
		t.Errorf("delete: %d %s", r.status, r.body)
	}
	if r := s.do(http.MethodDelete, "/api/charts/web/1.0.0", nil); r.status != http.StatusNotFound {
		t.Errorf("delete again: %d", r.status)
	}
	if r := s.get("/charts/web-1.0.0.tgz"); r.status != http.StatusNotFound {
		t.Errorf("a deleted chart: %d", r.status)
	}
	s.publish(chartArchive(t, "web", "1.0.0", "other: content"))
}

func TestVersionsDoNotChange(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	first := chartArchive(t, "web", "1.0.0", "a: 1")
	s.publish(first)
	tag := s.get("/index.yaml").header.Get("ETag")
	s.publish(first) // a client that lost the answer asks again
	if got := s.get("/index.yaml").header.Get("ETag"); got != tag {
		t.Error("the same upload twice changes the index")
	}
	for _, path := range []string{"/api/charts", "/api/charts?force", "/api/charts?force=true"} {
		r := s.do(http.MethodPost, path, bytes.NewReader(chartArchive(t, "web", "1.0.0", "a: 2")))
		if code, _, _ := r.problem(t); r.status != http.StatusConflict || code != "version-exists" {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	if r := s.get("/charts/web-1.0.0.tgz"); !bytes.Equal(r.body, first) {
		t.Error("the content has changed")
	}
	r := s.upload(chartArchive(t, "Web", "1.0.0", ""))
	if code, _, _ := r.problem(t); code != "name-collides" {
		t.Errorf("a name that differs in case: %d %s", r.status, r.body)
	}
}

func TestOverwrite(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{Overwrite: true})
	s.publish(chartArchive(t, "web", "1.0.0", "a: 1"))
	second := chartArchive(t, "web", "1.0.0", "a: 2")
	if r := s.upload(second); r.status != http.StatusConflict {
		t.Errorf("without force: %d", r.status)
	}
	if r := s.do(http.MethodPost, "/api/charts?force", bytes.NewReader(second)); r.status != http.StatusCreated {
		t.Errorf("with force: %d %s", r.status, r.body)
	}
	r := s.get("/charts/web-1.0.0.tgz")
	if !bytes.Equal(r.body, second) || r.header.Get("Cache-Control") != "public, no-cache" {
		t.Errorf("after force: %v", r.header)
	}
	if got := s.listed(); len(got) != 1 {
		t.Errorf("listed: %v", got)
	}
}

func TestUnknownRoutes(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	for _, tc := range []struct {
		method, path string
		status       int
		code, allow  string
	}{
		{http.MethodGet, "/nothing", 404, "not-found", ""},
		{http.MethodGet, "/charts/", 404, "not-found", ""},
		{http.MethodGet, "/charts/web-1.0.0.zip", 404, "chart-not-found", ""},
		{http.MethodGet, "/charts/web-1.0.0.tgz", 404, "chart-not-found", ""},
		{http.MethodGet, "/charts/..%2f..%2fetc%2fpasswd", 404, "chart-not-found", ""},
		{http.MethodPut, "/api/charts", 405, "method-not-allowed", "GET, POST"},
		{http.MethodPost, "/index.yaml", 405, "method-not-allowed", "GET"},
		{http.MethodPatch, "/api/charts/a/1.0.0", 405, "method-not-allowed", "GET, DELETE"},
	} {
		r := s.do(tc.method, tc.path, nil)
		code, message, hint := r.problem(t)
		if r.status != tc.status || code != tc.code || message == "" || hint == "" || r.header.Get("Allow") != tc.allow {
			t.Errorf("%s %s: %d %v %s", tc.method, tc.path, r.status, r.header, r.body)
		}
	}
	for _, path := range []string{"/health", "/livez", "/readyz"} {
		if r := s.get(path); r.status != http.StatusOK {
			t.Errorf("%s: %d", path, r.status)
		}
	}
}

// TestAdoptsMany writes the record of a chart that has many archives once, and tells of a
// file that is none once, however often it looks.
func TestAdoptsMany(t *testing.T) {
	t.Parallel()
	memory := &blob.Memory{}
	const many = 50
	add := func(name string, data []byte) {
		t.Helper()
		if _, err := memory.Put(t.Context(), name, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range many {
		for _, name := range []string{"web", "api"} {
			add(fmt.Sprintf("%s-1.%d.0.tgz", name, i), chartArchive(t, name, fmt.Sprintf("1.%d.0", i), ""))
		}
	}
	add("a-copy-1.0.0.tgz", chartArchive(t, "web", "1.0.0", "first: by name"))
	add("broken-1.0.0.tgz", []byte("no archive"))
	var writes atomic.Int64
	var log bytes.Buffer
	s := serve(t, faulty{memory, func(op, key string) error {
		if op == "put" && strings.HasPrefix(key, "gantry/index/") {
			writes.Add(1)
		}
		return nil
	}}, server.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	for range 2 {
		if err := s.handler.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(s.listed()); got != 2*many || writes.Load() != 2 {
		t.Errorf("%d versions in %d writes", got, writes.Load())
	}
	if r := s.get("/charts/web-1.0.0.tgz"); !bytes.Equal(r.body, chartArchive(t, "web", "1.0.0", "first: by name")) {
		t.Error("of two files with one version the first is not taken")
	}
	for _, file := range []string{"broken-1.0.0.tgz", "web-1.0.0.tgz"} {
		if got := strings.Count(log.String(), "file="+file); got != 1 {
			t.Errorf("%s is told of %d times:\n%s", file, got, &log)
		}
	}
	for i := range many - 1 {
		if err := memory.Delete(t.Context(), fmt.Sprintf("api-1.%d.0.tgz", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.handler.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := len(s.listed()); got != many+1 || writes.Load() != 3 {
		t.Errorf("when files are gone: %d versions in %d writes", got, writes.Load())
	}
}

func TestAdoptsAFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	web := chartArchive(t, "web", "1.0.0", "")
	put("web-1.0.0.tgz", web)
	put("web-1.0.0.tgz.prov", []byte("a signature"))
	put("short-1.0.tgz", chartArchive(t, "short", "1.0", ""))
	put("notes.txt", []byte("not a chart"))
	put("index.yaml", []byte("apiVersion: v1\nentries: {}\n"))
	put("broken-1.0.0.tgz", web[:len(web)/2])
	put("with space-1.0.0.tgz", web)

	s := serve(t, directory(t, dir), server.Options{})
	if diff := cmp.Diff([]string{"short-1.0", "web-1.0.0"}, s.listed()); diff != "" {
		t.Fatalf("adopted (-want +got):\n%s", diff)
	}
	if r := s.get("/charts/web-1.0.0.tgz"); !bytes.Equal(r.body, web) {
		t.Error("the content differs")
	}
	if r := s.get("/charts/web-1.0.0.tgz.prov"); string(r.body) != "a signature" {
		t.Errorf("signature: %d %s", r.status, r.body)
	}
	s.publish(chartArchive(t, "web", "1.1.0", ""))
	if r := s.upload(chartArchive(t, "web", "1.0.0", "other: 1")); r.status != http.StatusConflict {
		t.Errorf("an adopted version was replaced: %d", r.status)
	}
	if r := s.do(http.MethodDelete, "/api/charts/short/1.0", nil); r.status != http.StatusOK {
		t.Errorf("delete: %d", r.status)
	}

	t.Log("another start: one file was added, one taken away, one deleted over the API")
	put("new-0.1.0.tgz", chartArchive(t, "new", "0.1.0", ""))
	if err := os.Remove(filepath.Join(dir, "web-1.0.0.tgz")); err != nil {
		t.Fatal(err)
	}
	want := []string{"new-0.1.0", "web-1.1.0"}
	if diff := cmp.Diff(want, serve(t, directory(t, dir), server.Options{}).listed()); diff != "" {
		t.Errorf("after another start (-want +got):\n%s", diff)
	}
	if err := s.handler.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, s.listed()); diff != "" {
		t.Errorf("after a refresh (-want +got):\n%s", diff)
	}
	put("web-1.0.0.tgz", web)
	if err := s.handler.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(append(want, "web-1.0.0"), s.listed()); diff != "" {
		t.Errorf("a file came back (-want +got):\n%s", diff)
	}
}

func directory(tb testing.TB, dir string) *blob.Directory {
	tb.Helper()
	d, err := blob.OpenDirectory(dir)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = d.Close() })
	return d
}

// TestListingInParts reads the charts page by page, as clients of ChartMuseum do.
func TestListingInParts(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{Now: clock()})
	for _, name := range []string{"c", "a", "b"} {
		s.publish(chartArchive(t, name, "1.0.0", ""))
	}
	for query, want := range map[string]string{
		"":                  "a b c",
		"?limit=2":          "a b",
		"?offset=2&limit=2": "c",
		"?offset=1":         "b c",
		"?offset=9":         "",
		"?limit=99":         "a b c",
	} {
		charts := map[string]json.RawMessage{}
		r := s.do(http.MethodGet, "/api/charts"+query, nil)
		if err := json.Unmarshal(r.body, &charts); err != nil || r.status != http.StatusOK {
			t.Fatalf("%s: %d %s: %v", query, r.status, r.body, err)
		}
		if got := strings.Join(slices.Sorted(maps.Keys(charts)), " "); got != want {
			t.Errorf("%s: %s", query, got)
		}
	}
	for _, query := range []string{"?limit=0", "?limit=x", "?offset=-1", "?limit="} {
		r := s.do(http.MethodGet, "/api/charts"+query, nil)
		if code, _, _ := r.problem(t); r.status != http.StatusBadRequest || code != "query-invalid" {
			t.Errorf("%s: %d %s", query, r.status, code)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, o := range []server.Options{{}, {Now: clock(), Auth: &server.Auth{User: "ci"}}} {
		if _, err := server.New(t.Context(), &blob.Memory{}, o); err == nil {
			t.Errorf("%+v passes", o)
		}
	}
	if got := fmt.Sprintf("%v %s", server.Secret("s3cret"), server.Secret("s3cret")); strings.Contains(got, "s3cret") {
		t.Errorf("a secret prints as %s", got)
	}
}
