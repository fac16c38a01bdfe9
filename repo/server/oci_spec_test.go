package server_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
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
	// section is that of the specification, and says what it wants.
	section, says string
	method, path  string
	body          string
	headers       []string
	status        int
	code          string
	want          map[string]string
	wantBody      string
}

// ociCodes are the codes that errors may have.
var ociCodes = []string{
	"BLOB_UNKNOWN", "BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID", "MANIFEST_BLOB_UNKNOWN", "MANIFEST_INVALID", "MANIFEST_UNKNOWN",
	"NAME_INVALID", "NAME_UNKNOWN", "SIZE_INVALID", "UNAUTHORIZED", "DENIED", "UNSUPPORTED", "TOOMANYREQUESTS",
}

// TestOCISpecification goes through what the specification demands of registries with
// MUST, section by section, what it wants with SHOULD, and what it says of failures.
// TestOCIUploads has the ways to push blobs, TestNoDelete deletion that is disabled, and
// TestOCIReferrersInPages long lists of referrers.
func TestOCISpecification(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	const name, none = "spec/app", "sha256:0000000000000000000000000000000000000000000000000000000000000000"
	other, foreign := "sha512:"+strings.Repeat("0", 128), "blake3:"+strings.Repeat("0", 64)
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
	isIndex := "Content-Type: " + indexType
	with := func(field string) string { return strings.Replace(image, `"layers"`, field+`,"layers"`, 1) }
	later := with(`"subject":` + descriptor(manifestType, none, 7))
	strange := with(`"artifactType":"application/vnd.test.strange","subject":` + descriptor(manifestType, foreign, 7))
	fallback := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, indexType, descriptor(manifestType, "sha256:"+digestOf(t, []byte(later)), len(later)))
	bare := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":%s,"layers":[]}`, manifestType, descriptor("application/vnd.oci.empty.v1+json", empty, 2))
	inline := strings.Replace(bare, `"size":2}`, `"size":2,"data":"e30="}`, 1)
	missing := strings.Replace(image, layer, none, 1)
	away := strings.Replace(missing, `"mediaType":"text/plain"`, `"mediaType":"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip","urls":["https://layers.example.org/1"]`, 1)
	nowhere := strings.Replace(away, `,"urls":["https://layers.example.org/1"]`, "", 1)
	elsewhere := strings.Replace(away, "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "text/plain", 1)
	found := func(descriptors string) string {
		return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, indexType, descriptors)
	}
	referrer := func(kind, manifest, more string) string {
		return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d%s}`, kind, "sha256:"+digestOf(t, []byte(manifest)), len(manifest), more)
	}
	ofIndex := referrer(indexType, index, `,"annotations":{"a":"b"},"artifactType":"application/vnd.test.index"`)
	ofLater := referrer(manifestType, later, `,"artifactType":"application/vnd.test.config+json"`)
	tagList := func(tags string) string { return `{"name":"spec/app","tags":[` + tags + "]}\n" }

	blobs, manifests, tags, referrers := "/v2/"+name+"/blobs/", "/v2/"+name+"/manifests/", "/v2/"+name+"/tags/list", "/v2/"+name+"/referrers/"
	schemaTag := strings.Replace(none, ":", "-", 1)
	for _, x := range []exchange{
		{section: "Determining Support", says: "the API is there", method: "GET", path: "/v2/", status: 200},

		{section: "POST then PUT", says: "a session has a location", method: "POST", path: blobs + "uploads/", status: 202, want: map[string]string{"Location": "*", "OCI-Chunk-Min-Length": "33555"}},
		{section: "POST then PUT", says: "there is no session of this id", method: "PUT", path: blobs + "uploads/00000000-0000-4000-8000-000000000000?digest=" + layer, status: 404, code: "BLOB_UPLOAD_UNKNOWN"},
		{section: "Single POST", says: "the content is not that of the digest", method: "POST", path: blobs + "uploads/?digest=" + none, body: "x", headers: []string{octets}, status: 400, code: "DIGEST_INVALID"},
		{section: "Single POST", says: "nor that of this one", method: "POST", path: blobs + "uploads/?digest=" + other, body: "x", headers: []string{octets}, status: 400, code: "DIGEST_INVALID"},
		{section: "Single POST", says: "not a digest", method: "POST", path: blobs + "uploads/?digest=sha256:0", body: "x", headers: []string{octets}, status: 400, code: "DIGEST_INVALID"},
		{section: "Single POST", says: "an algorithm that nobody has to know", method: "POST", path: blobs + "uploads/?digest=" + foreign, body: "x", headers: []string{octets}, status: 400, code: "UNSUPPORTED"},
		{section: "Mounting a blob", says: "what is there", method: "POST", path: "/v2/spec/other/blobs/uploads/?mount=" + layer + "&from=" + name, status: 201, want: map[string]string{"Location": "/v2/spec/other/blobs/" + layer}},
		{section: "Mounting a blob", says: "what is not there begins an upload", method: "POST", path: blobs + "uploads/?mount=" + none + "&from=x", status: 202, want: map[string]string{"Location": "*"}},
		{section: "Mounting a blob", says: "and so does what cannot be there", method: "POST", path: blobs + "uploads/?mount=" + foreign + "&from=x", status: 202, want: map[string]string{"Location": "*"}},
		{section: "Mounting a blob", says: "from wherever it is", method: "POST", path: "/v2/spec/other/blobs/uploads/?mount=" + layer, status: 201, want: map[string]string{"Location": "/v2/spec/other/blobs/" + layer}},

		{section: "Pushing manifests", says: "an image by tag", method: "PUT", path: manifests + "v1", body: image, headers: []string{isManifest}, status: 201, want: map[string]string{"Location": manifests + imageSum, "OCI-Subject": "", "Docker-Content-Digest": imageSum}},
		{section: "Pushing manifests", says: "an image by digest", method: "PUT", path: manifests + imageSum, body: image, headers: []string{isManifest}, status: 201, want: map[string]string{"Location": manifests + imageSum, "Docker-Content-Digest": imageSum}},
		{section: "Pushing manifests", says: "parameters of the kind mean nothing", method: "PUT", path: manifests + imageSum, body: image, headers: []string{isManifest + "; charset=utf-8"}, status: 201},
		{section: "Pushing manifests", says: "no layers", method: "PUT", path: manifests + "bare", body: bare, headers: []string{isManifest}, status: 201},
		{section: "Pushing manifests", says: "content in the manifest", method: "PUT", path: manifests + "inline", body: inline, headers: []string{isManifest}, status: 201},
		{section: "Pushing manifests", says: "fields that nobody knows", method: "PUT", path: manifests + "fields", body: with(`"org.example":{"a":[1]}`), headers: []string{isManifest}, status: 201},
		{section: "Pushing manifests", says: "an index of nothing, by its Content-Type alone", method: "PUT", path: manifests + "index", body: `{"schemaVersion":2,"manifests":[]}`, headers: []string{isIndex}, status: 201},
		{section: "Pushing manifests", says: "an index of manifests that are not there", method: "PUT", path: manifests + "sparse", body: found(descriptor(manifestType, none, 7)), headers: []string{isIndex}, status: 201},
		{section: "Push", says: "a blob is missing", method: "PUT", path: manifests + "missing", body: missing, headers: []string{isManifest}, status: 404, code: "MANIFEST_BLOB_UNKNOWN"},
		{section: "Push", says: "a layer that nobody may give away", method: "PUT", path: manifests + "away", body: away, headers: []string{isManifest}, status: 201},
		{section: "Push", says: "one that is nowhere", method: "PUT", path: manifests + "missing", body: nowhere, headers: []string{isManifest}, status: 404, code: "MANIFEST_BLOB_UNKNOWN"},
		{section: "Push", says: "one that everybody may give away", method: "PUT", path: manifests + "missing", body: elsewhere, headers: []string{isManifest}, status: 404, code: "MANIFEST_BLOB_UNKNOWN"},
		{section: "Push", says: "a layer without a digest", method: "PUT", path: manifests + "missing", body: strings.Replace(image, layer, "", 1), headers: []string{isManifest}, status: 400, code: "DIGEST_INVALID"},
		{section: "Push", says: "a subject may be missing", method: "PUT", path: manifests + "later", body: later, headers: []string{isManifest}, status: 201, want: map[string]string{"OCI-Subject": none}},
		{section: "Push", says: "a subject of whichever algorithm", method: "PUT", path: manifests + "strange", body: strange, headers: []string{isManifest}, status: 201, want: map[string]string{"OCI-Subject": foreign}},
		{section: "Pushing manifests with subject", says: "an index that refers to an image", method: "PUT", path: manifests + indexSum, body: index, headers: []string{isIndex}, status: 201, want: map[string]string{"OCI-Subject": imageSum}},
		{section: "Pushing manifests with subject", says: "an index without a type of artifact refers, too", method: "PUT", path: manifests + plainSum, body: plain, headers: []string{isIndex}, status: 201, want: map[string]string{"OCI-Subject": layer}},
		{section: "Pushing manifests with subject", says: "a subject that is none", method: "PUT", path: manifests + "none", body: with(`"subject":{}`), headers: []string{isManifest}, status: 400, code: "DIGEST_INVALID"},
		{section: "Pushing manifests", says: "not that of the digest", method: "PUT", path: manifests + none, body: image, headers: []string{isManifest}, status: 400, code: "DIGEST_INVALID"},
		{section: "Pushing manifests", says: "nor that of this one", method: "PUT", path: manifests + other, body: image, headers: []string{isManifest}, status: 400, code: "DIGEST_INVALID"},
		{section: "Pushing manifests", says: "a digest that is none", method: "PUT", path: manifests + "sha256:wrong", body: image, headers: []string{isManifest}, status: 400, code: "DIGEST_INVALID"},
		{section: "Pushing manifests", says: "a tag that is none", method: "PUT", path: manifests + ".wrong", body: image, headers: []string{isManifest}, status: 400, code: "MANIFEST_INVALID"},
		{section: "Pushing manifests", says: "a kind that a browser would show", method: "PUT", path: manifests + "page", body: `{"schemaVersion":2,"mediaType":"text/html"}`, headers: []string{"Content-Type: text/html"}, status: 400, code: "MANIFEST_INVALID"},
		{section: "Pushing manifests", says: "likewise, said by the client alone", method: "PUT", path: manifests + "page", body: `{"schemaVersion":2}`, headers: []string{"Content-Type: application/xhtml+xml"}, status: 400, code: "MANIFEST_INVALID"},
		{section: "Pushing manifests", says: "a type that is no type", method: "PUT", path: manifests + "type", body: `{"schemaVersion":2,"artifactType":"` + strings.Repeat("x", 300) + `"}`, headers: []string{isIndex}, status: 400, code: "MANIFEST_INVALID"},
		{section: "Pushing manifests", says: "one of 4 MiB", method: "PUT", path: manifests + "large", body: padded(image, 4<<20), headers: []string{isManifest}, status: 201},
		{section: "Pushing manifests", says: "one that is larger", method: "PUT", path: manifests + "large", body: padded(image, 4<<20+1), headers: []string{isManifest}, status: 413, code: "SIZE_INVALID"},

		{section: "Pulling manifests", says: "by tag, byte by byte", method: "GET", path: manifests + "v1", status: 200, want: map[string]string{"Content-Type": manifestType, "Docker-Content-Digest": imageSum}, wantBody: image},
		{section: "Pulling manifests", says: "by digest", method: "GET", path: manifests + indexSum, status: 200, want: map[string]string{"Content-Type": indexType, "Docker-Content-Digest": indexSum}, wantBody: index},
		{section: "Pulling manifests", says: "the kind of the push, where the manifest says none", method: "GET", path: manifests + "index", status: 200, want: map[string]string{"Content-Type": indexType}},
		{section: "Pulling manifests", says: "whatever the client would rather have", method: "GET", path: manifests + "v1", headers: []string{"Accept: application/vnd.docker.distribution.manifest.v2+json"}, status: 200, want: map[string]string{"Content-Type": manifestType}},
		{section: "Pulling manifests", says: "of a tag that is not there", method: "GET", path: manifests + "none", status: 404, code: "MANIFEST_UNKNOWN"},
		{section: "Pulling manifests", says: "of a digest that is not there", method: "GET", path: manifests + none, status: 404, code: "MANIFEST_UNKNOWN"},
		{section: "Pulling manifests", says: "of a longer one", method: "GET", path: manifests + other, status: 404, code: "MANIFEST_UNKNOWN"},
		{section: "Pulling manifests", says: "of an algorithm that nobody has to know", method: "GET", path: manifests + foreign, status: 404, code: "MANIFEST_UNKNOWN"},
		{section: "Pulling manifests", says: "of what can be no tag", method: "GET", path: manifests + ".wrong", status: 404, code: "MANIFEST_UNKNOWN"},
		{section: "Pulling manifests", says: "of what can be no repository", method: "GET", path: "/v2/Spec/manifests/v1", status: 400, code: "NAME_INVALID"},
		{section: "Pushing manifests", says: "pull from a repository that there is not", method: "GET", path: "/v2/spec/none/manifests/v1", status: 404, code: "NAME_UNKNOWN"},
		{section: "Pulling blobs", says: "a blob", method: "GET", path: blobs + layer, status: 200, want: map[string]string{"Docker-Content-Digest": layer, "Content-Length": "5"}, wantBody: "layer"},
		{section: "Pulling blobs", says: "one that is not there", method: "GET", path: blobs + none, status: 404, code: "BLOB_UNKNOWN"},
		{section: "Pulling blobs", says: "of a longer digest", method: "GET", path: blobs + other, status: 404, code: "BLOB_UNKNOWN"},
		{section: "Pulling blobs", says: "of an algorithm that nobody has to know", method: "GET", path: blobs + foreign, status: 404, code: "BLOB_UNKNOWN"},
		{section: "Pulling blobs", says: "a part", method: "GET", path: blobs + layer, headers: []string{"Range: bytes=1-3"}, status: 206, want: map[string]string{"Content-Range": "bytes 1-3/5", "Content-Length": "3"}, wantBody: "aye"},
		{section: "Pulling blobs", says: "from somewhere on", method: "GET", path: blobs + layer, headers: []string{"Range: bytes=3-"}, status: 206, want: map[string]string{"Content-Range": "bytes 3-4/5"}, wantBody: "er"},
		{section: "Pulling blobs", says: "the end", method: "GET", path: blobs + layer, headers: []string{"Range: bytes=-2"}, status: 206, want: map[string]string{"Content-Range": "bytes 3-4/5"}, wantBody: "er"},
		{section: "Pulling blobs", says: "beyond the end", method: "GET", path: blobs + layer, headers: []string{"Range: bytes=3-9"}, status: 206, want: map[string]string{"Content-Range": "bytes 3-4/5"}, wantBody: "er"},
		{section: "Pulling blobs", says: "a part that there is not", method: "GET", path: blobs + layer, headers: []string{"Range: bytes=9-"}, status: 416},
		{section: "Pulling blobs", says: "a part that ends before it begins", method: "GET", path: blobs + layer, headers: []string{"Range: bytes=3-1"}, status: 416},
		{section: "Checking if content exists", says: "a manifest by tag", method: "HEAD", path: manifests + "v1", status: 200, want: map[string]string{"Content-Length": strconv.Itoa(len(image)), "Docker-Content-Digest": imageSum, "Content-Type": manifestType}},
		{section: "Checking if content exists", says: "a manifest by digest", method: "HEAD", path: manifests + imageSum, status: 200, want: map[string]string{"Content-Length": strconv.Itoa(len(image)), "Docker-Content-Digest": imageSum}},
		{section: "Checking if content exists", says: "a blob", method: "HEAD", path: blobs + layer, status: 200, want: map[string]string{"Content-Length": "5", "Docker-Content-Digest": layer}},
		{section: "Checking if content exists", says: "a manifest that is not there", method: "HEAD", path: manifests + none, status: 404},
		{section: "Checking if content exists", says: "nor by this tag", method: "HEAD", path: manifests + "none", status: 404},
		{section: "Checking if content exists", says: "a blob that is not there", method: "HEAD", path: blobs + none, status: 404},

		{section: "Listing tags", says: "in order", method: "GET", path: tags, status: 200, want: map[string]string{"Link": ""}, wantBody: tagList(`"away","bare","fields","index","inline","large","later","sparse","strange","v1"`)},
		{section: "Listing tags", says: "so many", method: "GET", path: tags + "?n=2", status: 200, want: map[string]string{"Link": "</v2/spec/app/tags/list?last=bare&n=2>; rel=\"next\""}, wantBody: tagList(`"away","bare"`)},
		{section: "Listing tags", says: "as many as there are", method: "GET", path: tags + "?n=10", status: 200, want: map[string]string{"Link": ""}},
		{section: "Listing tags", says: "more than there are", method: "GET", path: tags + "?n=11", status: 200, want: map[string]string{"Link": ""}},
		{section: "Listing tags", says: "the page that the link names", method: "GET", path: tags + "?last=sparse&n=2", status: 200, want: map[string]string{"Link": ""}, wantBody: tagList(`"strange","v1"`)},
		{section: "Listing tags", says: "none at all", method: "GET", path: tags + "?n=0", status: 200, want: map[string]string{"Link": ""}, wantBody: tagList("")},
		{section: "Listing tags", says: "those after one", method: "GET", path: tags + "?last=sparse", status: 200, want: map[string]string{"Link": ""}, wantBody: tagList(`"strange","v1"`)},
		{section: "Listing tags", says: "those after one that there is not", method: "GET", path: tags + "?last=t", status: 200, wantBody: tagList(`"v1"`)},
		{section: "Listing tags", says: "those after all", method: "GET", path: tags + "?last=zz", status: 200, wantBody: tagList("")},
		{section: "Listing tags", says: "of what is not there", method: "GET", path: "/v2/spec/none/tags/list", status: 404, code: "NAME_UNKNOWN"},
		{section: "Listing referrers", says: "with type and annotations", method: "GET", path: referrers + imageSum, status: 200, want: map[string]string{"Content-Type": indexType, "OCI-Filters-Applied": "", "Link": ""}, wantBody: found(ofIndex)},
		{section: "Listing referrers", says: "of a type", method: "GET", path: referrers + imageSum + "?artifactType=application/vnd.test.index", status: 200, want: map[string]string{"OCI-Filters-Applied": "artifactType"}, wantBody: found(ofIndex)},
		{section: "Listing referrers", says: "of another type", method: "GET", path: referrers + imageSum + "?artifactType=none", status: 200, want: map[string]string{"OCI-Filters-Applied": "artifactType"}, wantBody: found("")},
		{section: "Listing referrers", says: "no type is no filter", method: "GET", path: referrers + imageSum + "?artifactType=", status: 200, want: map[string]string{"OCI-Filters-Applied": ""}, wantBody: found(ofIndex)},
		{section: "Listing referrers", says: "a config's type stands for the artifact's", method: "GET", path: referrers + none + "?artifactType=application/vnd.test.config%2Bjson", status: 200, wantBody: found(ofLater)},
		{section: "Listing referrers", says: "an index without a type of artifact has none", method: "GET", path: referrers + layer, status: 200, wantBody: found(referrer(indexType, plain, ""))},
		{section: "Listing referrers", says: "of whichever algorithm", method: "GET", path: referrers + foreign, status: 200, wantBody: found(referrer(manifestType, strange, `,"artifactType":"application/vnd.test.strange"`))},
		{section: "Listing referrers", says: "nothing refers to it", method: "GET", path: referrers + other, status: 200, wantBody: found("")},
		{section: "Listing referrers", says: "nor in a repository that there is not", method: "GET", path: "/v2/nothing/referrers/" + none, status: 200, wantBody: found("")},
		{section: "Listing referrers", says: "not a digest", method: "GET", path: referrers + "x", status: 400, code: "DIGEST_INVALID"},
		{section: "Listing referrers", says: "nor is this", method: "GET", path: referrers + "sha256:x", status: 400, code: "DIGEST_INVALID"},
		{section: "Listing referrers", says: "nor this", method: "GET", path: referrers + "long:" + strings.Repeat("x", 300), status: 400, code: "DIGEST_INVALID"},
		{section: "Enabling the referrers API", says: "a client of an older registry lists them under a tag", method: "PUT", path: manifests + schemaTag, body: fallback, headers: []string{isIndex}, status: 201},
		{section: "Enabling the referrers API", says: "they are listed all the same, and once", method: "GET", path: referrers + none, status: 200, wantBody: found(ofLater)},

		{section: "Deleting tags", says: "a tag", method: "DELETE", path: manifests + "v1", status: 202},
		{section: "Deleting tags", says: "it is gone", method: "GET", path: manifests + "v1", status: 404, code: "MANIFEST_UNKNOWN"},
		{section: "Deleting tags", says: "its manifest stays", method: "GET", path: manifests + imageSum, status: 200},
		{section: "Deleting tags", says: "one that is not there", method: "DELETE", path: manifests + "v1", status: 404, code: "MANIFEST_UNKNOWN"},
		{section: "Deleting manifests", says: "one that refers", method: "DELETE", path: manifests + indexSum, status: 202},
		{section: "Deleting manifests", says: "it is gone", method: "GET", path: manifests + indexSum, status: 404, code: "MANIFEST_UNKNOWN"},
		{section: "Deleting manifests", says: "it refers no more", method: "GET", path: referrers + imageSum, status: 200, wantBody: found("")},
		{section: "Deleting manifests", says: "one that has a tag", method: "DELETE", path: manifests + "sha256:" + digestOf(t, []byte(later)), status: 202},
		{section: "Deleting manifests", says: "so has none any more", method: "GET", path: manifests + "later", status: 404, code: "MANIFEST_UNKNOWN"},
		{section: "Deleting manifests", says: "one that is not there", method: "DELETE", path: manifests + none, status: 404, code: "MANIFEST_UNKNOWN"},
		{section: "Deleting manifests", says: "one of an algorithm that nobody has to know", method: "DELETE", path: manifests + foreign, status: 404, code: "MANIFEST_UNKNOWN"},
		{section: "Deleting manifests", says: "in a repository that there is not", method: "DELETE", path: "/v2/nothing/manifests/" + imageSum, status: 404},
		{section: "Deleting blobs", says: "it is disabled", method: "DELETE", path: blobs + layer, status: 405, code: "UNSUPPORTED"},
		{section: "Endpoints", says: "there is nothing here", method: "GET", path: "/v2/" + name + "/none/x", status: 404, code: "UNSUPPORTED"},
	} {
		t.Log(x.section + ": " + x.says)
		r := s.do(x.method, x.path, strings.NewReader(x.body), x.headers...)
		x.check(t, r)
	}
}

func (x exchange) check(t *testing.T, r reply) {
	t.Helper()
	if r.status != x.status {
		t.Errorf("%d %.200s, want %d", r.status, r.body, x.status)
		return
	}
	if x.method != http.MethodHead && x.status >= http.StatusBadRequest && x.status != http.StatusRequestedRangeNotSatisfiable {
		if code := r.ociCode(t); !slices.Contains(ociCodes, code) || x.code != "" && code != x.code {
			t.Errorf("%s, want %s", r.body, x.code)
		}
	}
	for header, want := range x.want {
		if got := r.header.Get(header); got != want && (want != "*" || got == "") {
			t.Errorf("%s is %q, want %q", header, got, want)
		}
	}
	if x.wantBody != "" && string(r.body) != x.wantBody {
		t.Errorf("%s\nwant\n%s", r.body, x.wantBody)
	}
	if x.method == http.MethodHead && len(r.body) > 0 || r.header.Get("Warning") != "" {
		t.Errorf("a body or a warning: %v %q", r.header, r.body)
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
