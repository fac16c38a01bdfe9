package server_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"gantry/repo/blob"
	"gantry/repo/server"
)

// exchange is a request of the OCI Distribution Specification 1.1, and what the
// specification says must come back. A header that must be there with any value is
// written with a star.
type exchange struct {
	says         string
	method, path string
	body         string
	headers      []string
	status       int
	code         string
	want         map[string]string
	wantBody     string
}

// TestOCISpecification goes through what the specification demands of registries with
// MUST, workflow by workflow, and through what it says of failures. The flows of
// uploads in parts have tests of their own.
func TestOCISpecification(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	const name, none = "spec/app", "sha256:0000000000000000000000000000000000000000000000000000000000000000"
	layer := s.pushBlob(name, []byte("layer"))
	empty := s.pushBlob(name, []byte("{}"))
	image := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":%s,"layers":[%s]}`, manifestType,
		descriptor("application/vnd.test.config+json", empty, 2), descriptor("text/plain", layer, 5))
	imageSum := "sha256:" + digestOf(t, []byte(image))
	index := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"artifactType":"application/vnd.test.index","manifests":[%s],"subject":%s,"annotations":{"a":"b"}}`,
		indexType, descriptor(manifestType, imageSum, len(image)), descriptor(manifestType, imageSum, len(image)))
	indexSum := "sha256:" + digestOf(t, []byte(index))
	plain := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[],"subject":%s}`, indexType, descriptor("text/plain", layer, 5))
	plainSum := "sha256:" + digestOf(t, []byte(plain))
	nothing := "sha256:" + digestOf(t, nil)
	isIndex := "Content-Type: " + indexType
	later := strings.Replace(image, `"layers"`, `"subject":`+descriptor(manifestType, none, 7)+`,"layers"`, 1)

	blobs, manifests := "/v2/"+name+"/blobs/", "/v2/"+name+"/manifests/"
	for _, x := range []exchange{
		{says: "the API is there", method: "GET", path: "/v2/", status: 200},

		{says: "push: a session has a location", method: "POST", path: blobs + "uploads/", status: 202, want: map[string]string{"Location": "*"}},
		{says: "push: a mount of what is there", method: "POST", path: "/v2/spec/other/blobs/uploads/?mount=" + layer + "&from=" + name, status: 201, want: map[string]string{"Location": "/v2/spec/other/blobs/" + layer}},
		{says: "push: a mount of what is not there begins an upload", method: "POST", path: blobs + "uploads/?mount=" + none + "&from=x", status: 202, want: map[string]string{"Location": "*"}},
		{says: "push: a mount from wherever it is", method: "POST", path: "/v2/spec/other/blobs/uploads/?mount=" + layer, status: 201, want: map[string]string{"Location": "/v2/spec/other/blobs/" + layer}},
		{says: "push: a blob of nothing", method: "POST", path: blobs + "uploads/?digest=" + nothing, headers: []string{octets}, status: 201, want: map[string]string{"Location": blobs + nothing}},
		{says: "push: the content is not that of the digest", method: "POST", path: blobs + "uploads/?digest=" + none, body: "x", headers: []string{octets}, status: 400, code: "DIGEST_INVALID"},
		{says: "push: an image by tag", method: "PUT", path: manifests + "v1", body: image, headers: []string{isManifest}, status: 201, want: map[string]string{"Location": manifests + imageSum, "OCI-Subject": ""}},
		{says: "push: an image by digest", method: "PUT", path: manifests + imageSum, body: image, headers: []string{isManifest}, status: 201, want: map[string]string{"Location": manifests + imageSum}},
		{says: "push: an index that refers to an image", method: "PUT", path: manifests + indexSum, body: index, headers: []string{isIndex}, status: 201, want: map[string]string{"OCI-Subject": imageSum}},
		{says: "push: what is referred to may be missing", method: "PUT", path: manifests + "later", body: later, headers: []string{isManifest}, status: 201, want: map[string]string{"OCI-Subject": none}},
		{says: "push: an index without a type of artifact refers, too", method: "PUT", path: manifests + plainSum, body: plain, headers: []string{isIndex}, status: 201, want: map[string]string{"OCI-Subject": layer}},
		{says: "push: a kind with parameters", method: "PUT", path: manifests + imageSum, body: image, headers: []string{isManifest + "; charset=utf-8"}, status: 201},
		{says: "push: a kind that a browser would show", method: "PUT", path: manifests + "page", body: `{"schemaVersion":2,"mediaType":"text/html"}`, headers: []string{"Content-Type: text/html"}, status: 400, code: "MANIFEST_INVALID"},
		{says: "push: likewise, said by the client alone", method: "PUT", path: manifests + "page", body: `{"schemaVersion":2}`, headers: []string{"Content-Type: application/xhtml+xml"}, status: 400, code: "MANIFEST_INVALID"},
		{says: "push: a type that is no type", method: "PUT", path: manifests + "type", body: `{"schemaVersion":2,"artifactType":"` + strings.Repeat("x", 300) + `"}`, headers: []string{isIndex}, status: 400, code: "MANIFEST_INVALID"},
		{says: "push: a manifest of 4 MiB", method: "PUT", path: manifests + "large", body: padded(image, 4<<20), headers: []string{isManifest}, status: 201},
		{says: "push: one that is larger", method: "PUT", path: manifests + "large", body: padded(image, 4<<20+1), headers: []string{isManifest}, status: 413, code: "SIZE_INVALID"},

		{says: "pull: a manifest by tag, byte by byte", method: "GET", path: manifests + "v1", status: 200, want: map[string]string{"Content-Type": manifestType, "Docker-Content-Digest": imageSum}, wantBody: image},
		{says: "pull: a manifest, whatever the client would rather have", method: "GET", path: manifests + "v1", headers: []string{"Accept: application/vnd.docker.distribution.manifest.v2+json"}, status: 200, want: map[string]string{"Content-Type": manifestType}},
		{says: "pull: a blob of nothing", method: "GET", path: blobs + nothing, status: 200, want: map[string]string{"Content-Length": "0"}},
		{says: "pull: of a repository that there is not", method: "GET", path: "/v2/spec/none/manifests/v1", status: 404, code: "NAME_UNKNOWN"},
		{says: "pull: a part that there is not", method: "GET", path: blobs + layer, headers: []string{"Range: bytes=9-"}, status: 416},
		{says: "pull: a manifest by digest", method: "GET", path: manifests + indexSum, status: 200, want: map[string]string{"Content-Type": indexType}, wantBody: index},
		{says: "pull: a manifest that is there", method: "HEAD", path: manifests + "v1", status: 200, want: map[string]string{"Content-Length": strconv.Itoa(len(image))}},
		{says: "pull: a manifest that is not there", method: "GET", path: manifests + "none", status: 404, code: "MANIFEST_UNKNOWN"},
		{says: "pull: likewise", method: "HEAD", path: manifests + none, status: 404},
		{says: "pull: a blob", method: "GET", path: blobs + layer, status: 200, want: map[string]string{"Docker-Content-Digest": layer}, wantBody: "layer"},
		{says: "pull: a blob that is there", method: "HEAD", path: blobs + layer, status: 200, want: map[string]string{"Content-Length": "5"}},
		{says: "pull: a blob that is not there", method: "GET", path: blobs + none, status: 404, code: "BLOB_UNKNOWN"},
		{says: "pull: likewise", method: "HEAD", path: blobs + none, status: 404},
		{says: "pull: a part of a blob", method: "GET", path: blobs + layer, headers: []string{"Range: bytes=1-3"}, status: 206, want: map[string]string{"Content-Range": "bytes 1-3/5"}, wantBody: "aye"},

		{says: "discovery: tags in order", method: "GET", path: "/v2/" + name + "/tags/list", status: 200, wantBody: `{"name":"spec/app","tags":["large","later","v1"]}` + "\n"},
		{says: "discovery: so many tags", method: "GET", path: "/v2/" + name + "/tags/list?n=2", status: 200, want: map[string]string{"Link": "</v2/spec/app/tags/list?last=later&n=2>; rel=\"next\""}, wantBody: `{"name":"spec/app","tags":["large","later"]}` + "\n"},
		{says: "discovery: as many tags as there are", method: "GET", path: "/v2/" + name + "/tags/list?n=3", status: 200, want: map[string]string{"Link": ""}, wantBody: `{"name":"spec/app","tags":["large","later","v1"]}` + "\n"},
		{says: "discovery: the page that the link names", method: "GET", path: "/v2/" + name + "/tags/list?last=later&n=2", status: 200, want: map[string]string{"Link": ""}, wantBody: `{"name":"spec/app","tags":["v1"]}` + "\n"},
		{says: "discovery: the tags after one that there is not", method: "GET", path: "/v2/" + name + "/tags/list?last=m", status: 200, wantBody: `{"name":"spec/app","tags":["v1"]}` + "\n"},
		{says: "discovery: the tags after all", method: "GET", path: "/v2/" + name + "/tags/list?last=zz", status: 200, wantBody: `{"name":"spec/app","tags":[]}` + "\n"},
		{says: "discovery: the tags of what is not there", method: "GET", path: "/v2/spec/none/tags/list", status: 404, code: "NAME_UNKNOWN"},
		{says: "discovery: no tags at all", method: "GET", path: "/v2/" + name + "/tags/list?n=0", status: 200, want: map[string]string{"Link": ""}, wantBody: `{"name":"spec/app","tags":[]}` + "\n"},
		{says: "discovery: the tags after one", method: "GET", path: "/v2/" + name + "/tags/list?last=later", status: 200, want: map[string]string{"Link": ""}, wantBody: `{"name":"spec/app","tags":["v1"]}` + "\n"},
		{says: "discovery: what refers", method: "GET", path: "/v2/" + name + "/referrers/" + imageSum, status: 200, want: map[string]string{"Content-Type": indexType, "OCI-Filters-Applied": ""}, wantBody: fmt.Sprintf(
			`{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"digest":%q,"size":%d,"annotations":{"a":"b"},"artifactType":"application/vnd.test.index"}]}`, indexType, indexType, indexSum, len(index))},
		{says: "discovery: what refers, of a type", method: "GET", path: "/v2/" + name + "/referrers/" + imageSum + "?artifactType=none", status: 200, want: map[string]string{"OCI-Filters-Applied": "artifactType"}, wantBody: fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[]}`, indexType)},
		{says: "discovery: a config's type stands for the artifact's", method: "GET", path: "/v2/" + name + "/referrers/" + none + "?artifactType=application/vnd.test.config%2Bjson", status: 200, wantBody: fmt.Sprintf(
			`{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"digest":%q,"size":%d,"artifactType":"application/vnd.test.config+json"}]}`, indexType, manifestType, "sha256:"+digestOf(t, []byte(later)), len(later))},
		{says: "discovery: an index without a type of artifact has none", method: "GET", path: "/v2/" + name + "/referrers/" + layer, status: 200, wantBody: fmt.Sprintf(
			`{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"digest":%q,"size":%d}]}`, indexType, indexType, plainSum, len(plain))},
		{says: "discovery: what refers to nothing known", method: "GET", path: "/v2/nothing/referrers/" + none, status: 200, wantBody: fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[]}`, indexType)},
		{says: "discovery: not a digest", method: "GET", path: "/v2/" + name + "/referrers/x", status: 400, code: "DIGEST_INVALID"},

		{says: "management: a tag", method: "DELETE", path: manifests + "v1", status: 202},
		{says: "management: its manifest stays", method: "GET", path: manifests + imageSum, status: 200},
		{says: "management: a tag that is not there", method: "DELETE", path: manifests + "v1", status: 404, code: "MANIFEST_UNKNOWN"},
		{says: "management: a manifest that refers", method: "DELETE", path: manifests + indexSum, status: 202},
		{says: "management: it refers no more", method: "GET", path: "/v2/" + name + "/referrers/" + imageSum, status: 200, wantBody: fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[]}`, indexType)},
		{says: "management: a manifest that is not there", method: "DELETE", path: manifests + none, status: 404, code: "MANIFEST_UNKNOWN"},
		{says: "management: blobs cannot be deleted", method: "DELETE", path: blobs + layer, status: 405, code: "UNSUPPORTED"},
	} {
		r := s.do(x.method, x.path, bytes.NewReader([]byte(x.body)), x.headers...)
		if r.status != x.status {
			t.Errorf("%s: %d %.200s, want %d", x.says, r.status, r.body, x.status)
			continue
		}
		if x.code != "" && r.ociCode(t) != x.code {
			t.Errorf("%s: %s, want %s", x.says, r.body, x.code)
		}
		for header, want := range x.want {
			if got := r.header.Get(header); got != want && (want != "*" || got == "") {
				t.Errorf("%s: %s is %q, want %q", x.says, header, got, want)
			}
		}
		if x.wantBody != "" && string(r.body) != x.wantBody {
			t.Errorf("%s:\n%s\nwant\n%s", x.says, r.body, x.wantBody)
		}
	}
}

// TestOCIMustLogIn answers 401 to whoever asks for the API, and says how to log in.
func TestOCIMustLogIn(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{Auth: &server.Auth{User: "ci", Password: "s3cret"}})
	for _, path := range []string{"/v2/", "/v2/_catalog", "/v2/app/tags/list", "/v2/app/manifests/v1", "/v2/app/referrers/sha256:" + strings.Repeat("0", 64)} {
		if r := s.get(path); r.status != http.StatusUnauthorized || r.ociCode(t) != "UNAUTHORIZED" || r.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %v", path, r.status, r.header)
		} else if !bytes.Contains(r.body, []byte("registry login")) {
			t.Errorf("%s does not say how to log in: %s", path, r.body)
		}
	}
}

// TestOCINamesOfKinds uses repositories whose names are those of parts of the API.
func TestOCINamesOfKinds(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{Depth: 1})
	for _, name := range []string{"a/manifests", "a/blobs", "a/referrers", "a/tags", "a/tags/list", "a/uploads", "a/blobs/uploads", "manifests/blobs"} {
		manifest := s.artifactManifest(name, "of "+name, "")
		digest := "sha256:" + digestOf(t, manifest)
		if r := s.putManifest(name, "v1", manifest); r.status != http.StatusCreated {
			t.Errorf("%s: %d %s", name, r.status, r.body)
			continue
		}
		for _, path := range []string{"/manifests/v1", "/manifests/" + digest, "/blobs/sha256:" + digestOf(t, []byte("of "+name)), "/referrers/" + digest, "/tags/list"} {
			if r := s.get("/v2/" + name + path); r.status != http.StatusOK {
				t.Errorf("%s%s: %d %s", name, path, r.status, r.body)
			}
		}
	}
}

// TestOCILongNames wants names to be taken by a folder as well, or refused.
func TestOCILongNames(t *testing.T) {
	t.Parallel()
	s := serve(t, directory(t, t.TempDir()), server.Options{})
	for length, want := range map[int]int{250: http.StatusCreated, 251: http.StatusBadRequest, 1000: http.StatusBadRequest} {
		path := "/v2/" + strings.Repeat("a", length) + "/manifests/v1"
		if r := s.do(http.MethodPut, path, strings.NewReader(`{"schemaVersion":2,"manifests":[]}`), "Content-Type: "+indexType); r.status != want {
			t.Errorf("%d: %d %s", length, r.status, r.body)
		}
	}
}

// TestOCIReferrersInPages lists more than an index takes, each once.
func TestOCIReferrersInPages(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	subject := "sha256:" + strings.Repeat("1", 64)
	push := func(i, size int) int {
		m := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[],"subject":%s,"annotations":{"n":"%d","long":%q}}`,
			indexType, descriptor(manifestType, subject, 1), i, strings.Repeat("&", size))
		return s.do(http.MethodPut, "/v2/app/manifests/sha256:"+digestOf(t, []byte(m)), strings.NewReader(m), "Content-Type: "+indexType).status
	}
	if got := push(-1, 64<<10); got != http.StatusBadRequest {
		t.Errorf("annotations that are too large: %d", got)
	}
	const all = 10
	for i := range all {
		if got := push(i, 60<<10); got != http.StatusCreated {
			t.Fatalf("push: %d", got)
		}
	}
	seen := map[string]bool{}
	pages := 0
	for path := "/v2/app/referrers/" + subject + "?artifactType="; path != ""; pages++ {
		r := s.get(path)
		var index struct{ Manifests []struct{ Digest string } }
		s.decode(r, &index)
		if len(r.body) > 4<<20 {
			t.Errorf("a page of %d bytes", len(r.body))
		}
		for _, m := range index.Manifests {
			if seen[m.Digest] {
				t.Errorf("%s is on two pages", m.Digest)
			}
			seen[m.Digest] = true
		}
		path, _, _ = strings.Cut(strings.TrimPrefix(r.header.Get("Link"), "<"), ">")
	}
	if len(seen) != all || pages < 2 {
		t.Errorf("%d of %d, on %d pages", len(seen), all, pages)
	}
}

const indexType = "application/vnd.oci.image.index.v1+json"

// padded makes a manifest larger without changing what it says.
func padded(manifest string, size int) string {
	return manifest + strings.Repeat(" ", size-len(manifest))
}

// TestOCIChartRefers pushes a chart that refers to another manifest: it is a version
// of the chart, and in the list of what refers.
func TestOCIChartRefers(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	subject := "sha256:" + strings.Repeat("1", 64)
	manifest := s.chartManifest("web", chartArchive(t, "web", "1.0.0", ""))
	manifest = bytes.Replace(manifest, []byte(`"layers"`), []byte(`"subject":`+descriptor(manifestType, subject, 1)+`,"layers"`), 1)
	if r := s.putManifest("web", "1.0.0", manifest); r.status != http.StatusCreated || r.header.Get("OCI-Subject") != subject {
		t.Fatalf("push: %d %v %s", r.status, r.header, r.body)
	}
	refers := func() bool {
		return bytes.Contains(s.get("/v2/web/referrers/"+subject).body, []byte("sha256:"+digestOf(t, manifest)))
	}
	if !refers() || len(s.tags("web")) != 1 || len(s.listed()) != 1 {
		t.Errorf("it refers: %t, tags %v, index %v", refers(), s.tags("web"), s.listed())
	}
	if r := s.do(http.MethodDelete, "/v2/web/manifests/1.0.0", nil); r.status != http.StatusAccepted {
		t.Fatalf("delete: %d", r.status)
	}
	if r := s.get("/v2/web/manifests/sha256:" + digestOf(t, manifest)); r.status != http.StatusNotFound || refers() {
		t.Errorf("it was deleted: %d, refers %t", r.status, refers())
	}
}

// TestNoDelete is a server that lets nobody delete, by whichever way.
func TestNoDelete(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{NoDelete: true})
	s.publish(chartArchive(t, "web", "1.0.0", ""))
	if code, _, _ := s.do(http.MethodDelete, "/api/charts/web/1.0.0", nil).problem(t); code != "delete-disabled" {
		t.Errorf("over the API: %s", code)
	}
	if r := s.do(http.MethodDelete, "/v2/web/manifests/1.0.0", nil); r.status != http.StatusMethodNotAllowed || r.ociCode(t) != "UNSUPPORTED" {
		t.Errorf("over the registry: %d %s", r.status, r.body)
	}
	if len(s.listed()) != 1 {
		t.Error("it is gone")
	}
	place := s.do(http.MethodPost, "/v2/web/blobs/uploads/", nil).header.Get("Location")
	if r := s.do(http.MethodDelete, place, nil); r.status != http.StatusNoContent {
		t.Errorf("an upload cannot be cancelled: %d", r.status)
	}
}
