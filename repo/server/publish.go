package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"helm.sh/helm/v3/pkg/chart"

	"gantry/repo"
	"gantry/repo/blob"
)

// Package is a chart that its operator publishes, without a request.
type Package struct {
	Archive *os.File
	// Name and Version are what the archive must hold, when they are known.
	Name, Version string
	Provenance    []byte
	// Created is when it was published first. Default: now.
	Created time.Time
}

// Identity says which version of which chart it is.
type Identity struct{ Name, Version string }

// RefusedError says why a chart is not published.
type RefusedError struct{ Code, Message, Hint string }

func (e *RefusedError) Error() string { return e.Message }

// Publish publishes a chart under the same rules as an upload. The same content
// once more is no error. It returns what the archive holds, as far as that is known.
func (s *Server) Publish(ctx context.Context, p Package) (Identity, error) {
	d, err := s.publishPackage(ctx, p)
	return Identity{d.name, d.version}, refused(err)
}

// refused gives an error that is not the server's fault to who asked for it.
func refused(err error) error {
	if p, ok := errors.AsType[*problem](err); ok && p.cause == nil {
		return &RefusedError{p.Code, p.Message, p.Hint}
	}
	return err
}

// publishPackage returns what it was about, as far as that is known.
func (s *Server) publishPackage(ctx context.Context, p Package) (d deed, err error) {
	if _, err := p.Archive.Seek(0, io.SeekStart); err != nil {
		return d, err
	}
	in := &incoming{archive: p.Archive, provenance: p.Provenance}
	if in.digest, in.size, err = repo.Digest(p.Archive); err != nil {
		return d, err
	}
	if limit := s.options.Limits.Archive; in.size > limit {
		return d, tooLarge(fmt.Sprintf("the archive is larger than %d MiB", limit>>20))
	}
	if _, err := p.Archive.Seek(0, io.SeekStart); err != nil {
		return d, err
	}
	meta, err := s.inspectUpload(ctx, p.Archive, in.size)
	if err != nil {
		return d, err
	}
	d = deed{action: auditPublish, name: meta.Name, version: meta.Version, digest: "sha256:" + in.digest}
	if p.Name != "" && (meta.Name != p.Name || meta.Version != p.Version) {
		return d, badRequest("chart-other", fmt.Sprintf("the archive holds %s %s", meta.Name, meta.Version), "")
	}
	if in.provenance != nil {
		if err := checkProvenance(in.provenance, meta.Name, meta.Version, in.digest); err != nil {
			return d, badRequest("provenance-invalid", err.Error(), "")
		}
	}
	if err := s.checkSignature(ctx, meta, in.archive, in.provenance); err != nil {
		return d, err
	}
	in.created = p.Created
	return d, s.publish(ctx, in, meta, false)
}

// Sign adds its signature to a version that is published and has none, under the same
// rules as an upload.
func (s *Server) Sign(ctx context.Context, text []byte) error {
	_, err := s.signPublished(ctx, text)
	return refused(err)
}

// signPublished returns what it was about, and nothing where there is nothing to do.
func (s *Server) signPublished(ctx context.Context, text []byte) (d deed, err error) {
	signed, err := readSigned(text)
	if err != nil {
		return d, err
	}
	r, err := s.signedVersion(signed, text)
	if err != nil || r.Provenance != "" {
		return d, err
	}
	d = deed{action: auditSign, name: signed.Name, version: signed.Version, digest: "sha256:" + r.Digest}
	if err := s.checkStoredSignature(ctx, &chart.Metadata{Name: signed.Name, Version: signed.Version}, r.Archive, text); err != nil {
		return d, err
	}
	return d, s.sign(ctx, signed, r.Digest, text)
}

// Published returns the digest of a version, if it is there.
func (s *Server) Published(name, version string) (digest string, ok bool) {
	seg := s.catalog.current().find(name)
	if seg == nil || seg.shard.Chart != name {
		return "", false
	}
	i, ok := seg.shard.find(version)
	if !ok || seg.shard.Versions[i].remote() {
		return "", false
	}
	return seg.shard.Versions[i].Digest, true
}

// Holds reports whether a file is published already, as the archive NAME-VERSION.
func (s *Server) Holds(stem string, file *os.File) (what Identity, there bool, err error) {
	r, chart, ok := s.catalog.current().byFile(stem)
	if !ok || r.remote() {
		return what, false, nil
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return what, false, err
	}
	digest, _, err := repo.Digest(file)
	return Identity{chart, r.Version}, digest == r.Digest, err
}

// Index returns what is published at this moment, and here.
func (s *Server) Index() *repo.Index {
	x := repo.NewIndex()
	for _, seg := range s.catalog.current().published() {
		for _, r := range seg.shard.Versions {
			e := &repo.Entry{}
			if !r.remote() && json.Unmarshal(r.Entry, e) == nil { // it was encoded here
				x.Entries[e.Name] = append(x.Entries[e.Name], e)
			}
		}
	}
	return x
}

// Fetch opens the archive of a version, which the caller closes, and returns its
// signature, if it has one.
func (s *Server) Fetch(ctx context.Context, name, version string) (archive *blob.Object, signature []byte, err error) {
	seg, i, err := lookup(s.catalog.current(), name, version)
	if err != nil {
		return nil, nil, err
	}
	r := seg.shard.Versions[i]
	if r.Provenance != "" {
		if signature, _, err = s.catalog.store.Get(ctx, r.Provenance); err != nil {
			return nil, nil, err
		}
	}
	archive, err = s.catalog.store.Open(ctx, r.Archive)
	return archive, signature, err
}
