package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/memory"
	"oras.land/oras-go/v2/content/oci"
	"oras.land/oras-go/v2/registry/remote"

	"gantry/repo/blob"
	"gantry/repo/server"
)

// program stands for the binary.
const program = "#!/bin/sh\n"

// packed is a store with an image.
func packed(t *testing.T) oras.Target {
	t.Helper()
	store := memory.New()
	if err := packImage(t.Context(), store, []byte(program), ocispec.Platform{OS: "linux", Architecture: "arm64"}, "gantry:1.2.3"); err != nil {
		t.Fatal(err)
	}
	return store
}

// TestLayout reads the file as a container engine does. A second one has the same bytes.
func TestLayout(t *testing.T) {
	t.Parallel()
	ctx, folder := t.Context(), t.TempDir()
	var files [2][]byte
	for i := range files {
		path := filepath.Join(folder, strconv.Itoa(i))
		if err := writeLayout(ctx, packed(t), "gantry:1.2.3", path); err != nil {
			t.Fatal(err)
		}
		layout, err := oci.NewFromTar(ctx, path)
		if err != nil {
			t.Fatal(err)
		}
		checkImage(t, layout, "gantry:1.2.3")
		if files[i], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("the second image has other bytes")
	}
}

// TestPush pushes the image to a registry.
func TestPush(t *testing.T) {
	t.Parallel()
	registry, err := server.New(t.Context(), &blob.Memory{}, server.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(registry)
	defer s.Close()
	ref := strings.TrimPrefix(s.URL, "http://") + "/acme/gantry:1.2.3"
	o := options{name: "gantry:1.2.3", push: ref, plainHTTP: true}
	if err := o.pushFrom(t.Context(), packed(t), io.Discard); err != nil {
		t.Fatal(err)
	}
	target, err := remote.NewRepository(ref)
	if err != nil {
		t.Fatal(err)
	}
	target.PlainHTTP = true
	checkImage(t, target, "1.2.3")
}

// TestPlatformOf refuses what no container can run.
func TestPlatformOf(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	linked := slices.Contains(info.Settings, debug.BuildSetting{Key: "CGO_ENABLED", Value: "1"})
	if p, err := platformOf(self); err == nil == linked || err == nil && (p.OS != "linux" || p.Architecture != runtime.GOARCH) {
		t.Errorf("the binary of the test, linked by cgo: %v, is for %v: %v", linked, p, err)
	}
	if _, err := platformOf("image_test.go"); err == nil {
		t.Error("a file that is no program is taken")
	}
}

// checkImage wants an image that runs a program as somebody who is not root.
func checkImage(t *testing.T, from oras.ReadOnlyTarget, name string) {
	t.Helper()
	ctx := t.Context()
	_, data, err := oras.FetchBytes(ctx, from, name, oras.DefaultFetchBytesOptions)
	if err != nil {
		t.Fatal(err)
	}
	var manifest ocispec.Manifest
	decode(t, data, &manifest)
	var config ocispec.Image
	decode(t, fetch(ctx, t, from, manifest.Config), &config)
	want := ocispec.ImageConfig{
		User: "65532:65532", Env: []string{"PATH=/usr/local/bin", "HOME=/home/gantry"}, Entrypoint: []string{"gantry"}, WorkingDir: "/home/gantry",
	}
	if diff := cmp.Diff(want, config.Config); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if config.OS != "linux" || config.Architecture != "arm64" || len(config.RootFS.DiffIDs) != 1 {
		t.Errorf("the image is for %s/%s, with layers %v", config.OS, config.Architecture, config.RootFS.DiffIDs)
	}
	files := unpack(t, fetch(ctx, t, from, manifest.Layers[0]))
	if string(files["usr/local/bin/gantry"]) != program {
		t.Error("the program is another one")
	}
	if block, _ := pem.Decode(files["etc/ssl/certs/ca-certificates.crt"]); block == nil {
		t.Error("there are no certificates of authorities")
	}
}

// unpack returns the files of a layer.
func unpack(t *testing.T, layer []byte) map[string][]byte {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(layer))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for archive := tar.NewReader(zip); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(archive); err != nil {
			t.Fatal(err)
		}
	}
}

func fetch(ctx context.Context, t *testing.T, from content.Fetcher, d ocispec.Descriptor) []byte {
	t.Helper()
	data, err := content.FetchAll(ctx, from, d)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func decode(t *testing.T, data []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}
