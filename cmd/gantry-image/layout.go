package main

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/oci"
)

// writeLayout writes an image as an OCI layout in a tar archive, with the list beside it
// that older versions of docker load read.
func writeLayout(ctx context.Context, from oras.ReadOnlyTarget, name, path string) (err error) {
	dir, err := os.MkdirTemp("", "gantry-image-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	layout, err := oci.New(dir)
	if err != nil {
		return err
	}
	packed, err := oras.Copy(ctx, from, name, layout, name, oras.DefaultCopyOptions)
	if err != nil {
		return err
	}
	data, err := content.FetchAll(ctx, from, packed)
	if err != nil {
		return err
	}
	var manifest ocispec.Manifest
	if err := json.Unmarshal(data, &manifest); err != nil {
		return err
	}
	list, err := json.Marshal([]map[string]any{{"Config": blobPath(manifest.Config), "RepoTags": []string{name}, "Layers": []string{blobPath(manifest.Layers[0])}}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "manifest.json"), list, 0o600); err != nil {
		return err
	}
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(archiveOf(os.DirFS(dir), out), out.Close())
}

func blobPath(d ocispec.Descriptor) string {
	return "blobs/" + d.Digest.Algorithm().String() + "/" + d.Digest.Encoded()
}

// archiveOf writes the files of a folder in the order of their names, without what tells
// one writing from another.
func archiveOf(dir fs.FS, out io.Writer) error {
	archive := tar.NewWriter(out)
	err := fs.WalkDir(dir, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := fs.ReadFile(dir, name)
		if err != nil {
			return err
		}
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data)), ModTime: epoch()}); err != nil {
			return err
		}
		_, err = archive.Write(data)
		return err
	})
	return errors.Join(err, archive.Close())
}
