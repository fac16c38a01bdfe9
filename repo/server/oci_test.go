package server_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gantry/repo/blob"
	"gantry/repo/server"
)

const (
	manifestType = ocispec.MediaTypeImageManifest
	octets       = "Content-Type: application/octet-stream"
	isManifest   = "Content-Type: " + manifestType
)

// ociCode returns the code of an error in the form of the specification.
func (r reply) ociCode(t *testing.T) string {
	t.Helper()
	var body struct {
		Errors []struct{ Code, Message string }
	}
	if err := json.Unmarshal(r.body, &body); err != nil || len(body.Errors) != 1 || body.Errors[0].Message == "" {
		t.Errorf("%d: not an error of the specification: %q", r.status, r.body)
		return ""
	}
	return body.Errors[0].Code
}

// pushBlob uploads a blob by POST and PUT and returns its digest.
func (s *tester) pushBlob(name string, data []byte) string {
	s.Helper()
	sum := "sha256:" + digestOf(s, data)
	begun := s.do(http.MethodPost, "/v2/"+name+"/blobs/uploads/", nil)
	if begun.status != http.StatusAccepted {
		s.Fatalf("begin an upload: %d %s", begun.status, begun.body)
	}
	r := s.do(http.MethodPut, begun.header.Get("Location")+"?digest="+sum, bytes.NewReader(data), octets)
	if r.status != http.StatusCreated || r.header.Get("Docker-Content-Digest") != sum || r.header.Get("Location") == "" {
		s.Fatalf("finish an upload: %d %v %s", r.status, r.header, r.body)
	}
	return sum
}

func descriptor(mediaType, digest string, size int) string {
	return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d}`, mediaType, digest, size)
}

// artifactManifest makes a manifest of one layer, and uploads what it is made of.
func (s *tester) artifactManifest(name, text, subject string) []byte {
	s.Helper()
	config, layer := []byte("{}"), []byte(text)
	more := ""
	if subject != "" {
		more = `,"subject":` + descriptor(manifestType, subject, 1) + `,"annotations":{"note":"signed"}`
	}
	return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"artifactType":"application/vnd.test+json","config":%s,"layers":[%s]%s}`,
		manifestType, descriptor("application/vnd.oci.empty.v1+json", s.pushBlob(name, config), len(config)),
		descriptor("text/plain", s.pushBlob(name, layer), len(layer)), more)
}

func (s *tester) putManifest(name, reference string, data []byte) reply {
	s.Helper()
	return s.do(http.MethodPut, "/v2/"+name+"/manifests/"+reference, bytes.NewReader(data), isManifest)
}

func (s *tester) tags(name string) []string {
	s.Helper()
	var list struct {
		Name string
		Tags []string
	}
	r := s.get("/v2/" + name + "/tags/list")
	if err := json.Unmarshal(r.body, &list); err != nil || r.status != http.StatusOK || list.Name != name {
		s.Fatalf("tags: %d %s", r.status, r.body)
	}
	return list.Tags
}

// TestOCIBlobs holds to the sections Pull and Push of the specification as far as
// they are about blobs.
func TestOCIBlobs(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	const name = "org/team/app"
	if r := s.get("/v2/"); r.status != http.StatusOK {
		t.Errorf("the end-1 request: %d", r.status)
	}
	data := []byte("0123456789")
	sum := s.pushBlob(name, data)
	path := "/v2/" + name + "/blobs/" + sum
	r := s.get(path)
	if r.status != http.StatusOK || !bytes.Equal(r.body, data) || r.header.Get("Docker-Content-Digest") != sum {
		t.Errorf("GET: %d %v %q", r.status, r.header, r.body)
	}
	head := s.do(http.MethodHead, path, nil)
	if head.status != http.StatusOK || head.header.Get("Content-Length") != "10" || head.header.Get("Docker-Content-Digest") != sum {
		t.Errorf("HEAD: %d %v", head.status, head.header)
	}
	part := s.get(path, "Range: bytes=3-5")
	if part.status != http.StatusPartialContent || string(part.body) != "345" {
		t.Errorf("Range: %d %q", part.status, part.body)
	}
	if r := s.get(path, "Range: bytes=50-60"); r.status != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("a range beyond the end: %d", r.status)
	}
	missing := "sha256:" + strings.Repeat("0", 64)
	for path, want := range map[string]struct {
		status int
		code   string
	}{
		"/v2/" + name + "/blobs/" + missing:                {404, "BLOB_UNKNOWN"},
		"/v2/" + name + "/blobs/sha256:xyz":                {400, "DIGEST_INVALID"},
		"/v2/" + name + "/blobs/md5:abc":                   {404, "BLOB_UNKNOWN"},
		"/v2/" + name + "/blobs/none":                      {400, "DIGEST_INVALID"},
		"/v2/UPPER/blobs/" + missing:                       {400, "NAME_INVALID"},
		"/v2/a..b/blobs/" + missing:                        {400, "NAME_INVALID"},
		"/v2/" + strings.Repeat("a/", 200) + "a/tags/list": {400, "NAME_INVALID"},
		"/v2/none/tags/list":                               {404, "NAME_UNKNOWN"},
		"/v2/none/manifests/latest":                        {404, "NAME_UNKNOWN"},
		"/v2/" + name + "/nothing/x":                       {404, "UNSUPPORTED"},
		"/v2/" + name + "/blobs/uploads/UNKNOWN":           {404, "BLOB_UPLOAD_UNKNOWN"},
	} {
		if r := s.get(path); r.status != want.status || r.ociCode(t) != want.code {
			t.Errorf("%s: %d %s, want %d %s", path, r.status, r.body, want.status, want.code)
		}
	}
	once := s.do(http.MethodPost, "/v2/"+name+"/blobs/uploads/?digest=sha256:"+digestOf(t, []byte("once")), strings.NewReader("once"), octets)
	if once.status != http.StatusCreated || s.get(once.header.Get("Location")).status != http.StatusOK {
		t.Errorf("a single POST: %d %s", once.status, once.body)
	}
	wrong := s.do(http.MethodPost, "/v2/"+name+"/blobs/uploads/?digest="+missing, strings.NewReader("x"), octets)
	if wrong.status != http.StatusBadRequest || wrong.ociCode(t) != "DIGEST_INVALID" {
		t.Errorf("another content than the digest says: %d %s", wrong.status, wrong.body)
	}
	mounted := s.do(http.MethodPost, "/v2/other/blobs/uploads/?mount="+sum+"&from="+name, nil)
	if mounted.status != http.StatusCreated || s.get(mounted.header.Get("Location")).status != http.StatusOK {
		t.Errorf("a mount: %d %v", mounted.status, mounted.header)
	}
	if r := s.do(http.MethodPost, "/v2/other/blobs/uploads/?mount="+missing+"&from="+name, nil); r.status != http.StatusAccepted || r.header.Get("Location") == "" {
		t.Errorf("a mount of what is not there: %d", r.status)
	}
	if r := s.do(http.MethodDelete, path, nil); r.status != http.StatusMethodNotAllowed || r.ociCode(t) != "UNSUPPORTED" {
		t.Errorf("DELETE of a blob: %d", r.status)
	}
}

// TestOCIUploadInParts goes on with an upload at another server of the store.
func TestOCIUploadInParts(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	servers := []*tester{serve(t, store, server.Options{}), serve(t, store, server.Options{})}
	a, b := servers[0], servers[1]
	place := a.do(http.MethodPost, "/v2/app/blobs/uploads/", nil).header.Get("Location")
	if r := b.get(place); r.status != http.StatusNoContent || r.header.Get("Range") != "0-0" || r.header.Get("Location") == "" {
		t.Errorf("the state of an empty upload: %d %v", r.status, r.header)
	}
	patch := func(s *tester, text, contentRange string) reply {
		t.Helper()
		headers := []string{octets}
		if contentRange != "" {
			headers = append(headers, "Content-Range: "+contentRange)
		}
		return s.do(http.MethodPatch, place, strings.NewReader(text), headers...)
	}
	if r := patch(b, "01234", "0-4"); r.status != http.StatusAccepted || r.header.Get("Range") != "0-4" || r.header.Get("Location") == "" {
		t.Errorf("the first part: %d %v", r.status, r.header)
	}
	for _, bad := range []string{"0-4", "6-10", "4-8", "x-y", "9"} {
		if r := patch(a, "56789", bad); r.status != http.StatusRequestedRangeNotSatisfiable || r.header.Get("Range") != "0-4" {
			t.Errorf("%s: a part out of order: %d %v", bad, r.status, r.header)
		}
	}
	if r := patch(a, "567", "5-9"); r.status != http.StatusBadRequest {
		t.Errorf("a part that is shorter than its range: %d", r.status)
	}
	longer := a.do(http.MethodPatch, place, unsized([]byte("56789abc")), octets, "Content-Range: 5-9")
	if longer.status != http.StatusBadRequest || longer.header.Get("Range") != "0-4" {
		t.Errorf("a stream that is longer than its range: %d %v", longer.status, longer.header)
	}
	if r := patch(a, "567", ""); r.status != http.StatusAccepted || r.header.Get("Range") != "0-7" {
		t.Errorf("a part without a range: %d %v", r.status, r.header)
	}
	if r := b.get(place); r.header.Get("Range") != "0-7" {
		t.Errorf("the state of the upload: %v", r.header)
	}
	sum := "sha256:" + digestOf(t, []byte("0123456789"))
	if r := b.do(http.MethodPut, place, strings.NewReader("89"), octets); r.status != http.StatusBadRequest {
		t.Errorf("an end without a digest: %d", r.status)
	}
	if r := a.do(http.MethodPut, place+"?digest="+sum, strings.NewReader("89"), octets, "Content-Range: 7-8"); r.status != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("an end out of order: %d", r.status)
	}
	r := b.do(http.MethodPut, place+"?digest="+sum, strings.NewReader("89"), octets, "Content-Range: 8-9")
	if r.status != http.StatusCreated {
		t.Fatalf("the end: %d %s", r.status, r.body)
	}
	if got := a.get(r.header.Get("Location")); string(got.body) != "0123456789" {
		t.Errorf("got %q", got.body)
	}
	if r := a.get(place); r.status != http.StatusNotFound || r.ociCode(t) != "BLOB_UPLOAD_UNKNOWN" {
		t.Errorf("a finished upload goes on: %d", r.status)
	}
	place = a.do(http.MethodPost, "/v2/app/blobs/uploads/", nil).header.Get("Location")
	patch(a, "x", "")
	if r := b.do(http.MethodDelete, place, nil); r.status != http.StatusNoContent {
		t.Errorf("cancel: %d", r.status)
	}
	for info, err := range store.List(t.Context(), "gantry/uploads/", "") {
		t.Errorf("%s is left over (%v)", info.Key, err)
	}
}

// TestOCIUploadInManyParts ends an upload that has as many parts as one may have, which
// the largest has in parts of the length that clients are told.
func TestOCIUploadInManyParts(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	place := s.do(http.MethodPost, "/v2/app/blobs/uploads/", nil).header.Get("Location")
	const parts = 1000
	for i := range parts {
		if r := s.do(http.MethodPatch, place, strings.NewReader("x"), octets); r.status != http.StatusAccepted {
			t.Fatalf("part %d: %d %s", i, r.status, r.body)
		}
	}
	if r := s.do(http.MethodPatch, place, strings.NewReader("x"), octets); r.status != http.StatusRequestEntityTooLarge || r.ociCode(t) != "SIZE_INVALID" {
		t.Errorf("one part more: %d %s", r.status, r.body)
	}
	sum := "sha256:" + digestOf(t, bytes.Repeat([]byte("x"), parts))
	if r := s.do(http.MethodPut, place+"?digest="+sum, nil); r.status != http.StatusCreated {
		t.Errorf("the end: %d %s", r.status, r.body)
	}
}

// TestOCIManifests holds to what the specification says of manifests, tags and
// what refers to manifests.
func TestOCIManifests(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	const name = "org/app"
	first := s.artifactManifest(name, "one", "")
	sum := "sha256:" + digestOf(t, first)
	r := s.putManifest(name, "v1", first)
	if r.status != http.StatusCreated || r.header.Get("Location") != "/v2/"+name+"/manifests/"+sum || r.header.Get("Docker-Content-Digest") != sum {
		t.Fatalf("PUT: %d %v %s", r.status, r.header, r.body)
	}
	for _, reference := range []string{"v1", sum} {
		got := s.get("/v2/" + name + "/manifests/" + reference)
		if got.status != http.StatusOK || !bytes.Equal(got.body, first) || got.header.Get("Content-Type") != manifestType || got.header.Get("Docker-Content-Digest") != sum {
			t.Errorf("GET %s: %d %v", reference, got.status, got.header)
		}
		head := s.do(http.MethodHead, "/v2/"+name+"/manifests/"+reference, nil)
		if head.status != http.StatusOK || head.header.Get("Content-Length") != strconv.Itoa(len(first)) || len(head.body) > 0 {
			t.Errorf("HEAD %s: %d %v", reference, head.status, head.header)
		}
	}
	second := s.artifactManifest(name, "two", "")
	for _, tag := range []string{"v1", "v10", "v2", "latest", "Z"} {
		if r := s.putManifest(name, tag, second); r.status != http.StatusCreated {
			t.Errorf("PUT %s: %d %s", tag, r.status, r.body)
		}
	}
	if got := s.get("/v2/" + name + "/manifests/v1"); !bytes.Equal(got.body, second) {
		t.Error("a tag did not move")
	}
	if diff := cmp.Diff([]string{"Z", "latest", "v1", "v10", "v2"}, s.tags(name)); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	page := s.get("/v2/" + name + "/tags/list?n=2&last=Z")
	if want := `</v2/org/app/tags/list?last=v1&n=2>; rel="next"`; page.header.Get("Link") != want || !bytes.Contains(page.body, []byte(`["latest","v1"]`)) {
		t.Errorf("a page: %v %s", page.header, page.body)
	}
	if r := s.get("/v2/" + name + "/tags/list?n=0"); r.status != http.StatusOK || !bytes.Contains(r.body, []byte(`"tags":[]`)) {
		t.Errorf("no tags at all: %d %s", r.status, r.body)
	}
	if r := s.get("/v2/" + name + "/tags/list?n=x"); r.status != http.StatusBadRequest {
		t.Errorf("not a number: %d", r.status)
	}
	if got := string(s.get("/v2/_catalog").body); got != `{"repositories":["org/app"]}`+"\n" {
		t.Errorf("catalog: %s", got)
	}
	if r := s.do(http.MethodDelete, "/v2/"+name+"/manifests/v10", nil); r.status != http.StatusAccepted {
		t.Errorf("DELETE of a tag: %d", r.status)
	}
	if r := s.do(http.MethodDelete, "/v2/"+name+"/manifests/"+"sha256:"+digestOf(t, second), nil); r.status != http.StatusAccepted {
		t.Errorf("DELETE of a manifest: %d", r.status)
	}
	if got := s.tags(name); len(got) != 0 {
		t.Errorf("tags of a deleted manifest: %v", got)
	}
	for _, reference := range []string{"v1", "sha256:" + digestOf(t, second)} {
		if r := s.get("/v2/" + name + "/manifests/" + reference); r.status != http.StatusNotFound || r.ociCode(t) != "MANIFEST_UNKNOWN" {
			t.Errorf("GET of what was deleted: %d", r.status)
		}
		if r := s.do(http.MethodDelete, "/v2/"+name+"/manifests/"+reference, nil); r.status != http.StatusNotFound {
			t.Errorf("DELETE once more: %d", r.status)
		}
	}
}

func TestOCIManifestsRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	good := s.artifactManifest("app", "one", "")
	missing := strings.Replace(string(good), digestOf(t, []byte("one")), strings.Repeat("0", 64), 1)
	for name, tc := range map[string]struct {
		reference, body, kind string
		status                int
		code                  string
	}{
		"not JSON":                 {"v1", "{", isManifest, 400, "MANIFEST_INVALID"},
		"without a version":        {"v1", `{"mediaType":"` + manifestType + `"}`, isManifest, 400, "MANIFEST_INVALID"},
		"without a kind":           {"v1", `{"schemaVersion":2}`, "X-None: 1", 400, "MANIFEST_INVALID"},
		"two kinds":                {"v1", string(good), "Content-Type: application/json", 400, "MANIFEST_INVALID"},
		"another digest":           {"sha256:" + strings.Repeat("0", 64), string(good), isManifest, 400, "DIGEST_INVALID"},
		"not a digest":             {"sha256:0", string(good), isManifest, 400, "DIGEST_INVALID"},
		"not a tag":                {"-x", string(good), isManifest, 400, "MANIFEST_INVALID"},
		"a tag that is too long":   {strings.Repeat("a", 129), string(good), isManifest, 400, "MANIFEST_INVALID"},
		"a blob that is not there": {"v1", missing, isManifest, 404, "MANIFEST_BLOB_UNKNOWN"},
		"a size that is wrong":     {"v1", strings.Replace(string(good), `"size":3`, `"size":4`, 1), isManifest, 400, "SIZE_INVALID"},
		"too large":                {"v1", strings.Repeat(" ", 5<<20), isManifest, 413, "SIZE_INVALID"},
	} {
		r := s.do(http.MethodPut, "/v2/app/manifests/"+tc.reference, strings.NewReader(tc.body), tc.kind)
		if r.status != tc.status || r.ociCode(t) != tc.code {
			t.Errorf("%s: %d %s, want %d %s", name, r.status, r.body, tc.status, tc.code)
		}
	}
	if r := s.do(http.MethodPost, "/v2/app/manifests/v1", nil); r.status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", r.status)
	}
}

func TestOCIReferrers(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	subject := s.artifactManifest("app", "subject", "")
	sum := "sha256:" + digestOf(t, subject)
	refer := func() ocispec.Index {
		t.Helper()
		r := s.get("/v2/app/referrers/" + sum)
		var index ocispec.Index
		if err := json.Unmarshal(r.body, &index); err != nil || r.status != http.StatusOK || r.header.Get("Content-Type") != ocispec.MediaTypeImageIndex || index.SchemaVersion != 2 || index.Manifests == nil {
			t.Fatalf("%d %v %s", r.status, r.header, r.body)
		}
		return index
	}
	if got := refer(); len(got.Manifests) != 0 {
		t.Errorf("nothing refers to it: %v", got)
	}
	t.Log("a signature may come before what it signs")
	signature := s.artifactManifest("app", "signature", sum)
	r := s.putManifest("app", "sha256:"+digestOf(t, signature), signature)
	if r.status != http.StatusCreated || r.header.Get("OCI-Subject") != sum {
		t.Fatalf("%d %v %s", r.status, r.header, r.body)
	}
	if r := s.putManifest("app", "v1", subject); r.header.Get("OCI-Subject") != "" {
		t.Error("it has no subject")
	}
	got := refer()
	if len(got.Manifests) != 1 || got.Manifests[0].ArtifactType != "application/vnd.test+json" || got.Manifests[0].Size != int64(len(signature)) || got.Manifests[0].Annotations["note"] != "signed" {
		t.Errorf("got %+v", got.Manifests)
	}
	filtered := s.get("/v2/app/referrers/" + sum + "?artifactType=other")
	if filtered.header.Get("OCI-Filters-Applied") != "artifactType" || !bytes.Contains(filtered.body, []byte(`"manifests":[]`)) {
		t.Errorf("filtered: %v %s", filtered.header, filtered.body)
	}
	if r := s.get("/v2/app/referrers/x"); r.status != http.StatusBadRequest {
		t.Errorf("not a digest: %d", r.status)
	}
	s.do(http.MethodDelete, "/v2/app/manifests/sha256:"+digestOf(t, signature), nil)
	if got := refer(); len(got.Manifests) != 0 {
		t.Errorf("it was deleted: %v", got)
	}
}

// chartManifest uploads an archive as Helm pushes it, and returns the manifest.
func (s *tester) chartManifest(name string, archive []byte) []byte {
	s.Helper()
	config := []byte(`{"name":"` + name + `"}`)
	return fmt.Appendf(nil, `{"schemaVersion":2,"config":%s,"layers":[%s],"annotations":{"org.opencontainers.image.created":"2026-05-01T00:00:00Z"}}`,
		descriptor("application/vnd.cncf.helm.config.v1+json", s.pushBlob(name, config), len(config)),
		descriptor("application/vnd.cncf.helm.chart.content.v1.tar+gzip", s.pushBlob(name, archive), len(archive)))
}

// TestOCICharts wants a chart that came one way to be there the other way.
func TestOCICharts(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	pushed := chartArchive(t, "web", "1.0.0+build.1", "")
	manifest := s.chartManifest("web", pushed)
	if r := s.putManifest("web", "1.0.0_build.1", manifest); r.status != http.StatusCreated {
		t.Fatalf("push: %d %s", r.status, r.body)
	}
	if diff := cmp.Diff([]string{"web-1.0.0+build.1"}, s.listed()); diff != "" {
		t.Errorf("the index (-want +got):\n%s", diff)
	}
	if r := s.get("/charts/web-1.0.0+build.1.tgz"); !bytes.Equal(r.body, pushed) {
		t.Errorf("the archive: %d", r.status)
	}
	if r := s.get("/v2/web/manifests/1.0.0_build.1"); !bytes.Equal(r.body, manifest) {
		t.Errorf("the manifest is not the one that was pushed: %d %s", r.status, r.body)
	}

	uploaded := chartArchive(t, "web", "1.1.0", "")
	s.publish(uploaded)
	if diff := cmp.Diff([]string{"1.0.0_build.1", "1.1.0"}, s.tags("web")); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	r := s.get("/v2/web/manifests/1.1.0")
	var m ocispec.Manifest
	if err := json.Unmarshal(r.body, &m); err != nil || len(m.Layers) != 1 || m.Annotations[ocispec.AnnotationVersion] != "1.1.0" {
		t.Fatalf("%v: %d %s", err, r.status, r.body)
	}
	if got := s.get("/v2/web/blobs/" + m.Layers[0].Digest.String()); !bytes.Equal(got.body, uploaded) {
		t.Errorf("the layer: %d", got.status)
	}
	if got := s.get("/v2/web/blobs/" + m.Config.Digest.String()); !bytes.Contains(got.body, []byte(`"version":"1.1.0"`)) {
		t.Errorf("the config: %d %s", got.status, got.body)
	}
	digest := r.header.Get("Docker-Content-Digest")
	if again := s.get("/v2/web/manifests/" + digest); !bytes.Equal(again.body, r.body) {
		t.Errorf("by digest: %d", again.status)
	}
	sum := digestOf(t, uploaded)
	if r := s.do(http.MethodPost, "/api/prov", strings.NewReader(provenance("1.1.0", sum))); r.status != http.StatusCreated {
		t.Fatalf("sign: %d %s", r.status, r.body)
	}
	signed := s.get("/v2/web/manifests/1.1.0")
	if err := json.Unmarshal(signed.body, &m); err != nil || len(m.Layers) != 2 {
		t.Fatalf("the signature is no layer: %s", signed.body)
	}
	if got := s.get("/v2/web/manifests/" + digest); !bytes.Equal(got.body, r.body) {
		t.Errorf("the digest that somebody pinned is gone: %d", got.status)
	}

	t.Log("a signature of cosign's kind, and deletion")
	cosign := s.artifactManifest("web", "cosign", digest)
	if r := s.putManifest("web", "sha256-abc.sig", cosign); r.status != http.StatusCreated {
		t.Errorf("sign: %d %s", r.status, r.body)
	}
	if got := s.tags("web"); !slices.Contains(got, "sha256-abc.sig") {
		t.Errorf("tags: %v", got)
	}
	if got := s.listed(); len(got) != 2 {
		t.Errorf("the index lists a signature: %v", got)
	}
	if r := s.do(http.MethodDelete, "/v2/web/manifests/1.0.0_build.1", nil); r.status != http.StatusAccepted {
		t.Errorf("delete: %d %s", r.status, r.body)
	}
	if diff := cmp.Diff([]string{"web-1.1.0"}, s.listed()); diff != "" {
		t.Errorf("the index (-want +got):\n%s", diff)
	}
}

func TestOCIChartsRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	archive := chartArchive(t, "web", "1.0.0", "")
	s.publish(archive)
	same := s.chartManifest("web", archive)
	if r := s.putManifest("web", "1.0.0", same); r.status != http.StatusCreated {
		t.Errorf("the same archive: %d %s", r.status, r.body)
	}
	for name, tc := range map[string]struct {
		repository, tag string
		archive         []byte
		status          int
	}{
		"other content of a version": {"web", "1.0.0", chartArchive(t, "web", "1.0.0", "a: 1"), http.StatusConflict},
		"a tag that is no version":   {"web", "latest", archive, http.StatusBadRequest},
		"the tag of another version": {"web", "1.0.1", archive, http.StatusBadRequest},
		"another repository":         {"shop", "1.0.0", archive, http.StatusBadRequest},
		"below the repository":       {"org/web", "1.0.0", archive, http.StatusBadRequest},
		"not an archive":             {"web", "2.0.0", []byte("<html>"), http.StatusBadRequest},
	} {
		r := s.putManifest(tc.repository, tc.tag, s.chartManifest(tc.repository, tc.archive))
		if r.status != tc.status || r.ociCode(t) == "" {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	if r := s.putManifest("web", "1.0.0", s.artifactManifest("web", "other", "")); r.status != http.StatusConflict {
		t.Errorf("something else took the tag of a version: %d", r.status)
	}
	if diff := cmp.Diff([]string{"web-1.0.0"}, s.listed()); diff != "" {
		t.Error(diff)
	}
	if r := s.get("/charts/web-1.0.0.tgz"); !bytes.Equal(r.body, archive) {
		t.Error("the published version has changed")
	}
}

// TestOCIAdopted pulls a chart that lies in the store as somebody put it there.
func TestOCIAdopted(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	archive := chartArchive(t, "web", "1.0.0", "")
	if _, err := store.Put(t.Context(), "web-1.0.0.tgz", bytes.NewReader(archive)); err != nil {
		t.Fatal(err)
	}
	s := serve(t, store, server.Options{})
	var m ocispec.Manifest
	if err := json.Unmarshal(s.get("/v2/web/manifests/1.0.0").body, &m); err != nil {
		t.Fatal(err)
	}
	if got := s.get("/v2/web/blobs/" + m.Layers[0].Digest.String()); !bytes.Equal(got.body, archive) {
		t.Errorf("the layer: %d", got.status)
	}
	config := []byte(`{"name":"web"}`)
	again := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":%s,"layers":[%s]}`, manifestType,
		descriptor("application/vnd.cncf.helm.config.v1+json", s.pushBlob("web", config), len(config)),
		descriptor("application/vnd.cncf.helm.chart.content.v1.tar+gzip", m.Layers[0].Digest.String(), len(archive)))
	if r := s.putManifest("web", "1.0.0", again); r.status != http.StatusCreated {
		t.Errorf("a push of what is there, without the layer: %d %s", r.status, r.body)
	}
	if err := s.handler.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := serve(t, store, server.Options{}).get("/v2/web/manifests/1.0.0"); "sha256:"+digestOf(t, got.body) != got.header.Get("Docker-Content-Digest") {
		t.Errorf("after another start: %d", got.status)
	}

	store = &blob.Memory{}
	if _, err := store.Put(t.Context(), "web-1.0.0.tgz", bytes.NewReader(archive)); err != nil {
		t.Fatal(err)
	}
	s = serve(t, store, server.Options{})
	s.pushBlob("web", config)
	if _, err := store.Put(t.Context(), "web-1.0.0.tgz", bytes.NewReader(chartArchive(t, "web", "1.0.0", "a: 1"))); err != nil {
		t.Fatal(err)
	}
	if r := s.putManifest("web", "1.0.0", again); r.status != http.StatusNotFound || r.ociCode(t) != "MANIFEST_BLOB_UNKNOWN" {
		t.Errorf("somebody has replaced the file: %d %s", r.status, r.body)
	}
}

func TestOCIAuth(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{Auth: &server.Auth{User: "ci", Password: "s3cret", AnonymousRead: true}})
	r := s.do(http.MethodPost, "/v2/app/blobs/uploads/", nil)
	if r.status != http.StatusUnauthorized || r.ociCode(t) != "UNAUTHORIZED" || r.header.Get("WWW-Authenticate") == "" {
		t.Errorf("%d %v", r.status, r.header)
	}
	root := basic("ci", "s3cret")
	place := s.do(http.MethodPost, "/v2/app/blobs/uploads/", nil, root).header.Get("Location")
	if r := s.get(place); r.status != http.StatusUnauthorized || r.ociCode(t) != "UNAUTHORIZED" || r.header.Get("WWW-Authenticate") == "" {
		t.Errorf("the state of an upload for everybody: %d %v", r.status, r.header)
	}
	if r := s.get(place, root); r.status != http.StatusNoContent {
		t.Errorf("the state of an upload: %d %s", r.status, r.body)
	}
	login := func(password string) int {
		return s.get("/v2/", "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte("ci:"+password))).status
	}
	if got := []int{s.get("/v2/").status, login("s3cret"), login("wrong")}; !slices.Equal(got, []int{200, 200, 401}) {
		t.Errorf("nobody, the user and a stranger log in: %v", got)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/v2/app/blobs/uploads/", io.NopCloser(strings.NewReader("")))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("ci", "s3cret")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		t.Errorf("with the password: %s", resp.Status)
	}
}
