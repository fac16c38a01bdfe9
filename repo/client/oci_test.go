package client_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gantry/repo"
	"gantry/repo/client"
)

// registry answers what a client that pulls asks of a registry.
type registry struct {
	tags      []string
	manifests map[string][]byte
	blobs     map[string][]byte
}

func (r *registry) push(tb testing.TB, version string, archive []byte, mediaType string) {
	tb.Helper()
	digest := "sha256:" + digestOf(tb, archive)
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2,
		"mediaType":     "application/vnd.oci.image.manifest.v1+json",
		"config":        map[string]any{"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": digest, "size": 2},
		"layers":        []any{map[string]any{"mediaType": mediaType, "digest": digest, "size": len(archive)}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tag := strings.ReplaceAll(version, "+", "_")
	r.tags = append(r.tags, tag)
	r.manifests[tag], r.blobs[digest] = manifest, archive
}

func (r *registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	kind, name, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/v2/team/web/"), "/")
	data, ok := map[string]map[string][]byte{"manifests": r.manifests, "blobs": r.blobs}[kind][name]
	switch {
	case kind == "tags":
		_ = json.NewEncoder(w).Encode(map[string]any{"name": "team/web", "tags": r.tags})
	case ok:
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		if kind == "manifests" {
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		}
		_, _ = w.Write(data)
	default:
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"errors":[{"code":"NAME_UNKNOWN","message":"no such thing"}]}`))
	}
}

func TestOCI(t *testing.T) {
	t.Parallel()
	const helmChart = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
	reg := &registry{manifests: map[string][]byte{}, blobs: map[string][]byte{}}
	first := chartArchive(t, "1.0.0", "")
	newest := chartArchive(t, "1.2.0+build.5", "")
	reg.push(t, "1.0.0", first, helmChart)
	reg.push(t, "1.2.0+build.5", newest, helmChart)
	reg.push(t, "2.0.0-rc.1", chartArchive(t, "2.0.0-rc.1", ""), helmChart)
	reg.push(t, "3.0.0", chartArchive(t, "3.0.0", ""), "application/vnd.oci.image.layer.v1.tar+gzip")
	reg.tags = append(reg.tags[:3], "latest", "4.0.0")
	s := httptest.NewServer(reg)
	t.Cleanup(s.Close)
	host := "oci://" + strings.TrimPrefix(s.URL, "http://")
	h := newHome(t, client.WithPlainHTTP(true))
	for _, tc := range []struct {
		ref, constraint string
		version         string
		want            []byte
	}{
		{"/team/web", "^1", "1.2.0+build.5", newest},
		{"/team/web", "1.0.0", "1.0.0", first},
		{"/team/web:1.0.0", "", "1.0.0", first},
		{"/team/web:1.0.0", "1.0.0", "1.0.0", first},
	} {
		found, err := h.Find(t.Context(), host+tc.ref, tc.constraint)
		if err != nil || found.Version != tc.version {
			t.Errorf("%s %s: %+v, %v", tc.ref, tc.constraint, found, err)
			continue
		}
		path, err := h.Download(t.Context(), found, t.TempDir())
		if err != nil {
			t.Errorf("%s %s: %v", tc.ref, tc.constraint, err)
			continue
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, tc.want) || !strings.HasSuffix(path, "web-"+tc.version+".tgz") {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, tc := range []struct{ ref, constraint, want string }{
		{"/team/web:3.0.0", "", "is not a Helm chart"},
		{"/team/web:1.0.0", "2.0.0", "names version 1.0.0"},
		{"/team/web", "^9", `has no version "^9"`},
		{"/team/web:9.0.0", "", "9.0.0"},
		{"/team/nothing", "", "404"},
	} {
		if _, err := h.Find(t.Context(), host+tc.ref, tc.constraint); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s %s: got %v, want %q", tc.ref, tc.constraint, err, tc.want)
		}
	}
	// What is said of a version is believed where the tag says nothing.
	for tag, want := range map[string]string{"1.2.0_build.5": "1.2.0+build.5", "latest": "7.7.7", "edge": "edge"} {
		said := "7.7.7"
		if tag == "edge" {
			said = "\x1b[2J"
		}
		text, err := json.Marshal(map[string]string{"org.opencontainers.image.version": said})
		if err != nil {
			t.Fatal(err)
		}
		plain := reg.manifests["1.0.0"]
		reg.manifests[tag] = slices.Concat(plain[:len(plain)-1], []byte(`,"annotations":`), text, []byte("}"))
		if found, err := h.Find(t.Context(), host+"/team/web:"+tag, ""); err != nil || found.Version != want {
			t.Errorf("%s: version %q, %v", tag, found.Version, err)
		}
	}
	_, err := h.Find(t.Context(), host+"/team/web", "^9")
	if _, ok := errors.AsType[*repo.UnknownVersionError](err); !ok {
		t.Errorf("got %v", err)
	}

	reg.blobs["sha256:"+digestOf(t, first)] = bytes.Repeat([]byte("x"), len(first))
	found, err := h.Find(t.Context(), host+"/team/web:1.0.0", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Download(t.Context(), found, t.TempDir()); !errors.Is(err, client.ErrDigest) {
		t.Errorf("other content than the manifest says: %v", err)
	}
	s.Close()
	_, err = h.Find(t.Context(), host+"/team/web:1.0.0", "")
	if _, ok := errors.AsType[*client.UnreachableError](err); !ok {
		t.Errorf("got %v", err)
	}
}
