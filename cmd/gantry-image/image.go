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
	"fmt"
	"io"
	"time"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/crypto/x509roots/fallback/bundle"
	"oras.land/oras-go/v2"
)

// user is who runs in the container, as in the images of Distroless: a number, so that
// Kubernetes can tell that it is not root.
const user = 65532

// home is what the user may write to, besides /tmp.
const home = "/home/gantry"

// epoch is when everything in the image was made.
func epoch() time.Time { return time.Unix(0, 0).UTC() }

// packImage puts an image of a program into a store, and tags it.
func packImage(ctx context.Context, store oras.Target, program []byte, platform ocispec.Platform, name string) error {
	layer, diffID, err := layerOf(program)
	if err != nil {
		return err
	}
	created := epoch()
	config, err := json.Marshal(ocispec.Image{
		Created:  &created,
		Platform: platform,
		Config: ocispec.ImageConfig{
			User:       fmt.Sprintf("%d:%d", user, user),
			Env:        []string{"PATH=/usr/local/bin", "HOME=" + home},
			Entrypoint: []string{"gantry"},
			WorkingDir: home,
		},
		RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{diffID}},
	})
	if err != nil {
		return err
	}
	layers, err := oras.PushBytes(ctx, store, ocispec.MediaTypeImageLayerGzip, layer)
	if err != nil {
		return err
	}
	settings, err := oras.PushBytes(ctx, store, ocispec.MediaTypeImageConfig, config)
	if err != nil {
		return err
	}
	manifest, err := json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    settings,
		Layers:    []ocispec.Descriptor{layers},
	})
	if err != nil {
		return err
	}
	packed, err := oras.PushBytes(ctx, store, ocispec.MediaTypeImageManifest, manifest)
	if err != nil {
		return err
	}
	return store.Tag(ctx, packed, name)
}

// platformOf returns what a binary was built for.
func platformOf(binary string) (p ocispec.Platform, err error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return p, err
	}
	cgo := ""
	for _, s := range info.Settings {
		switch s.Key {
		case "GOOS":
			p.OS = s.Value
		case "GOARCH":
			p.Architecture = s.Value
		case "CGO_ENABLED":
			cgo = s.Value
		}
	}
	if p.OS != "linux" || cgo == "1" {
		return p, fmt.Errorf("%s is for %s, with CGO_ENABLED=%s: an image needs one for Linux that is linked statically (GOOS=linux CGO_ENABLED=0)", binary, p.OS, cgo)
	}
	return p, nil
}

// layerOf packs the files of the image, and returns the layer, compressed, and the digest
// of what is in it.
func layerOf(program []byte) (layer []byte, diffID digest.Digest, err error) {
	var out bytes.Buffer
	sum := digest.Canonical.Digester()
	zip := gzip.NewWriter(&out)
	archive := tar.NewWriter(io.MultiWriter(zip, sum.Hash()))
	for _, f := range []struct {
		name string
		mode int64
		data []byte
		uid  int
	}{
		{name: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, data: authorities()},
		{name: home[1:] + "/", mode: 0o755, uid: user},
		{name: "tmp/", mode: 0o1777},
		{name: "usr/local/bin/gantry", mode: 0o755, data: program},
	} {
		h := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.data)), Uid: f.uid, Gid: f.uid, ModTime: epoch(), Typeflag: tar.TypeReg}
		if f.data == nil {
			h.Typeflag = tar.TypeDir
		}
		if err := archive.WriteHeader(h); err != nil {
			return nil, "", err
		}
		if _, err := archive.Write(f.data); err != nil {
			return nil, "", err
		}
	}
	if err := errors.Join(archive.Close(), zip.Close()); err != nil {
		return nil, "", err
	}
	return out.Bytes(), sum.Digest(), nil
}

// authorities are the certificates that Mozilla trusts, but for those that it trusts in
// part: a file cannot say which part.
func authorities() []byte {
	var out bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // memory takes everything
		}
	}
	return out.Bytes()
}
