package server_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gantry/repo/blob"
	"gantry/repo/server"
)

// TestCheck damages a repository in every way that Check looks for, one after the
// other.
func TestCheck(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	archive := chartArchive(t, "web", "1.0.0", "")
	if err := os.WriteFile(filepath.Join(dir, "adopted-1.0.0.tgz"), chartArchive(t, "adopted", "1.0.0", ""), 0o600); err != nil {
		t.Fatal(err)
	}
	store := directory(t, dir)
	s := serve(t, store, server.Options{})
	s.publish(archive)
	if r := s.do(http.MethodPost, "/api/prov", strings.NewReader(provenance("1.0.0", digestOf(t, archive)))); r.status != http.StatusCreated {
		t.Fatalf("%d %s", r.status, r.body)
	}
	s.get("/v2/web/manifests/1.0.0") // makes a manifest
	artifact := s.artifactManifest("org/app", "one", "")
	s.putManifest("org/app", "v1", artifact)
	check := func(quick bool) (codes []string, report *server.Report) {
		t.Helper()
		report, err := server.Check(t.Context(), store, server.CheckOptions{Quick: quick})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range report.Findings {
			codes = append(codes, f.Chart+": "+f.Code)
		}
		return codes, report
	}
	if codes, report := check(false); len(codes) > 0 || report.Charts != 2 || report.Versions != 2 || report.Unreferenced != 0 {
		t.Errorf("a sound repository: %+v", report)
	}
	deleted := chartArchive(t, "web", "0.9.0", "")
	s.publish(deleted)
	s.do(http.MethodDelete, "/api/charts/web/0.9.0", nil)
	if codes, report := check(false); len(codes) > 0 || report.Unreferenced != 1 || report.UnreferencedBytes != int64(len(deleted)) {
		t.Errorf("a deleted version: %+v", report)
	}

	blobPath := func(data []byte) string {
		sum := digestOf(t, data)
		return filepath.Join(dir, "gantry/blobs/sha256", sum[:2], sum)
	}
	damage := func(path string, with []byte) {
		t.Helper()
		if err := os.WriteFile(path, with, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	damage(blobPath(archive), archive[:10])
	if codes, _ := check(true); len(codes) > 0 {
		t.Errorf("a quick look reads contents: %v", codes)
	}
	damage(blobPath([]byte(provenance("1.0.0", digestOf(t, archive)))), []byte("nonsense"))
	if err := os.Remove(blobPath(artifact)); err != nil {
		t.Fatal(err)
	}
	damage(filepath.Join(dir, "gantry/index/broken.json"), []byte("{"))
	damage(filepath.Join(dir, "gantry/oci/x~y.json"), []byte(`{"name":"x/y","tags":{"v1":"sha256:none"}}`))
	damage(filepath.Join(dir, "gantry/oci/z.json"), []byte("["))
	if err := os.Remove(filepath.Join(dir, "adopted-1.0.0.tgz")); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"adopted: content-missing", "broken: record-damaged", "org/app: content-missing",
		"web: content-damaged", "web: signature-wrong", "x/y: tag-dangling", "z: record-damaged",
	}
	codes, _ := check(false)
	if diff := cmp.Diff(want, codes, cmp.Transformer("sorted", func(all []string) map[string]bool {
		set := map[string]bool{}
		for _, code := range all {
			set[code] = true
		}
		return set
	})); diff != "" || len(codes) != len(want) {
		t.Errorf("%v (-want +got):\n%s", codes, diff)
	}
}

func TestCheckTellsOfAStoreThatFails(t *testing.T) {
	t.Parallel()
	memory := &blob.Memory{}
	if _, err := memory.Put(t.Context(), "gantry/index/web.json", bytes.NewReader([]byte("{}"))); err != nil {
		t.Fatal(err)
	}
	_, err := server.Check(t.Context(), faulty{memory, func(op, _ string) error {
		if op == "get" {
			return errKilled
		}
		return nil
	}}, server.CheckOptions{})
	if err == nil {
		t.Error("a store that cannot be read passes for sound")
	}
}
