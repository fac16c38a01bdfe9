package server

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gantry/charts/diag"
	"gantry/charts/pattern"
	"gantry/repo/blob"
)

// maxManifest is the largest manifest: what the specification wants registries to
// take at least, and clients to send at most.
const maxManifest = 4 << 20

// maxMediaType is the longest media type (RFC 6838).
const maxMediaType = 255

// manifestMediaType is what manifests are: JSON. Anything else, such as text/html, would
// be read by a browser as what it says it is.
var manifestMediaType = pattern.Lazy(`^application/([A-Za-z0-9!#$&^_.-][A-Za-z0-9!#$&^_.+-]*\+)?json$`)

// stored is a manifest that was found.
type stored struct {
	digest, mediaType string
	data              []byte
}

// ociManifest serves a manifest by tag or digest.
func (s *Server) ociManifest(w http.ResponseWriter, r *http.Request, q ociRequest) error {
	m, err := s.findManifest(r.Context(), q)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", m.mediaType)
	h.Set("Content-Length", strconv.Itoa(len(m.data)))
	h.Set("X-Content-Type-Options", "nosniff")
	// A browser shows nothing of it, whatever it is called.
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set(headerDigest, m.digest)
	h.Set("ETag", strconv.Quote(m.digest))
	if matches(r.Header.Get("If-None-Match"), h.Get("ETag")) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	_, _ = w.Write(m.data) // a client that is gone needs no answer
	return nil
}

// findManifest finds a version of a chart, or something else of the repository.
func (s *Server) findManifest(ctx context.Context, q ociRequest) (stored, error) {
	if strings.Contains(q.reference, ":") {
		if err := checkSyntax(q.reference); err != nil {
			return stored{}, err
		}
	}
	if seg, i, ok := s.chartManifest(q); ok {
		return s.versionManifest(ctx, seg, i, q.reference)
	}
	a, etag, err := s.catalog.readArtifacts(ctx, q.name)
	if err != nil {
		return stored{}, err
	}
	m, ok := a.find(q.reference)
	switch {
	case !ok && etag == "" && !s.hasChart(q.name):
		return stored{}, nameUnknown(q.full)
	case !ok:
		return stored{}, manifestUnknown(q.reference)
	}
	data, err := s.manifestData(ctx, m.Digest)
	return stored{m.Digest, m.MediaType, data}, err
}

func nameUnknown(name string) *problem {
	return ociProblem(http.StatusNotFound, "NAME_UNKNOWN", "there is no repository "+name)
}

func (s *Server) manifestData(ctx context.Context, digest string) ([]byte, error) {
	data, _, err := s.catalog.store.Get(ctx, digestKey(digest))
	if errors.Is(err, blob.ErrNotFound) {
		return nil, manifestUnknown(digest)
	}
	return data, err
}

// ociPutManifest publishes a manifest: a chart as a version, anything else as it
// is.
func (s *Server) ociPutManifest(w http.ResponseWriter, r *http.Request, q ociRequest) error {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxManifest))
	if err != nil {
		return receiveProblem(err)
	}
	m, mediaType, err := readManifest(data, r.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	tag, digest, err := pushedAs(q.reference, data)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), publishTimeout)
	defer cancel()
	if err := s.checkContent(ctx, q.name, m); err != nil {
		return err
	}
	d := deed{action: auditTag, name: q.name, version: tag, digest: digest}
	if m.Config.MediaType == chartConfig {
		d.action = auditPublish
		if err = checkChartDigests(digest, m); err == nil {
			err = s.pushChart(ctx, q.name, tag, m, data)
		}
		if err == nil && m.Subject != nil {
			a := describeArtifact(m, mediaType, digest, len(data))
			err = s.catalog.changeArtifacts(ctx, q.name, func(record *artifacts) error { return record.put(a, "") })
		}
	} else {
		err = s.pushArtifact(ctx, q.name, tag, describeArtifact(m, mediaType, digest, len(data)), data)
	}
	s.audit(r, d, err)
	if err != nil {
		return err
	}
	if m.Subject != nil {
		w.Header().Set(headerSubject, m.Subject.Digest.String())
	}
	created(w, ociPath+q.full+"/manifests/"+digest, digest)
	return nil
}

// pushedAs reads the reference of a manifest that is pushed: the tag, if it is one, and
// the digest, by the algorithm of the one that was given.
func pushedAs(reference string, data []byte) (tag, digest string, err error) {
	if !strings.Contains(reference, ":") {
		if len(reference) > maxOCITag || !ociTag().MatchString(reference) {
			return "", "", ociProblem(http.StatusBadRequest, "MANIFEST_INVALID", strconv.Quote(reference)+" is not a tag")
		}
		return reference, sha256Prefix + sumOf(data), nil
	}
	if err := checkDigest(reference); err != nil {
		return "", "", err
	}
	digest, err = digestLike(reference, bytes.NewReader(data))
	if err == nil && digest != reference {
		err = ociProblem(http.StatusBadRequest, "DIGEST_INVALID", "the manifest is "+digest+", and was said to be "+reference)
	}
	return "", digest, err
}

// readManifest reads what every kind of manifest has in common. That of an index
// of images fits into a manifest as well.
func readManifest(data []byte, contentType string) (ocispec.Manifest, string, error) {
	var m ocispec.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return m, "", ociProblem(http.StatusBadRequest, "MANIFEST_INVALID", "the manifest is not JSON: "+err.Error())
	}
	declared, _, _ := mime.ParseMediaType(contentType)
	mediaType := cmp.Or(m.MediaType, declared)
	switch {
	case mediaType == "":
		return m, "", ociProblem(http.StatusBadRequest, "MANIFEST_INVALID", "neither the manifest nor a Content-Type says what kind of manifest it is")
	case m.MediaType != "" && declared != "" && m.MediaType != declared:
		return m, "", ociProblem(http.StatusBadRequest, "MANIFEST_INVALID", "the manifest calls itself "+m.MediaType+", and its Content-Type "+declared)
	case !manifestMediaType().MatchString(mediaType) || len(mediaType) > maxMediaType:
		return m, "", ociProblem(http.StatusBadRequest, "MANIFEST_INVALID", strconv.Quote(mediaType)+" is not a kind of manifest")
	case len(m.ArtifactType) > maxMediaType || len(m.Config.MediaType) > maxMediaType:
		return m, "", ociProblem(http.StatusBadRequest, "MANIFEST_INVALID", fmt.Sprintf("a media type is longer than %d letters", maxMediaType))
	case m.SchemaVersion != 2:
		return m, "", ociProblem(http.StatusBadRequest, "MANIFEST_INVALID", "schemaVersion must be 2")
	}
	if m.Subject == nil {
		return m, mediaType, nil
	}
	if size := annotationSize(m.Annotations); size > maxAnnotations {
		return m, "", ociProblem(http.StatusBadRequest, "MANIFEST_INVALID", "the annotations of a manifest that refers to another are larger than "+diag.Size(maxAnnotations))
	}
	return m, mediaType, checkSyntax(m.Subject.Digest.String())
}

// checkContent wants everything that a manifest is made of to be there, so that
// whoever can pull it can pull it whole. What it refers to may come later, and layers
// that nobody may give away are fetched from elsewhere.
func (s *Server) checkContent(ctx context.Context, name string, m ocispec.Manifest) error {
	parts := m.Layers
	if m.Config.Digest != "" { // an index has no config
		parts = append([]ocispec.Descriptor{m.Config}, parts...)
	}
	for _, d := range parts {
		digest := d.Digest.String()
		if err := checkDigest(digest); err != nil {
			return err
		}
		if err := s.keep(ctx, digestKey(digest)); err != nil {
			return err
		}
		info, err := s.catalog.store.Stat(ctx, digestKey(digest))
		if errors.Is(err, blob.ErrNotFound) {
			if elsewhere(d) {
				continue
			}
			info, err = s.takeIn(ctx, ociRequest{name: name, reference: digest})
		}
		switch {
		case errors.Is(err, blob.ErrNotFound):
			return ociProblem(http.StatusNotFound, "MANIFEST_BLOB_UNKNOWN", "the manifest names a blob that was not uploaded: "+digest)
		case err != nil:
			return storageProblem(err)
		case info.Size != d.Size:
			return ociProblem(http.StatusBadRequest, "SIZE_INVALID", "the manifest is wrong about the size of "+digest)
		}
	}
	return nil
}

// elsewhere reports whether a layer is of the kinds that clients leave out when they push,
// and says where it is.
func elsewhere(d ocispec.Descriptor) bool {
	kind := strings.HasPrefix(d.MediaType, "application/vnd.oci.image.layer.nondistributable.") ||
		d.MediaType == "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
	return kind && len(d.URLs) > 0
}

// pushArtifact publishes what is not a chart.
func (s *Server) pushArtifact(ctx context.Context, name, tag string, a artifact, data []byte) error {
	if tag != "" {
		if _, _, ok := s.chartManifest(ociRequest{name: name, reference: tag}); ok {
			return ociProblem(http.StatusConflict, "DENIED", "the tag "+tag+" is a published version of the chart "+name)
		}
	}
	if err := s.putBlob(ctx, digestKey(a.Digest), bytes.NewReader(data)); err != nil {
		return err
	}
	return s.catalog.changeArtifacts(ctx, name, func(record *artifacts) error { return record.put(a, tag) })
}

// ociDeleteManifest takes out a version of a chart, a tag, or a manifest with its
// tags. Blobs stay until they are collected.
func (s *Server) ociDeleteManifest(w http.ResponseWriter, r *http.Request, q ociRequest) error {
	if s.options.NoDelete {
		return ociProblem(http.StatusMethodNotAllowed, "UNSUPPORTED", "this server lets nobody delete")
	}
	var err error
	if seg, i, ok := s.chartManifest(q); ok {
		err = s.removeVersion(r.Context(), seg.shard.Chart, seg.shard.Versions[i].Version)
	} else {
		err = s.catalog.changeArtifacts(r.Context(), q.name, func(a *artifacts) error { return a.remove(q.reference) })
	}
	s.audit(r, deed{action: auditDelete, name: q.name, version: q.reference}, err)
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}
