package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"helm.sh/helm/v3/pkg/chart"

	"gantry/charts/diag"
	"gantry/repo"
	"gantry/repo/blob"
)

// The media types under which Helm keeps charts in a registry.
const (
	chartConfig     = "application/vnd.cncf.helm.config.v1+json"
	chartLayer      = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
	provenanceLayer = "application/vnd.cncf.helm.chart.provenance.v1.prov"
)

// versionTag is a version as a tag, as Helm writes it.
func versionTag(version string) string { return strings.ReplaceAll(version, "+", "_") }

// hasChart reports whether a repository holds versions of a chart.
func (s *Server) hasChart(name string) bool {
	seg := s.catalog.current().find(name)
	return seg != nil && seg.shard.Chart == name && len(seg.shard.Versions) > 0
}

// chartManifest finds the version of a chart that a tag or a digest means.
func (s *Server) chartManifest(q ociRequest) (seg *segment, i int, ok bool) {
	if !s.hasChart(q.name) {
		return nil, 0, false
	}
	seg = s.catalog.current().find(q.name)
	i = slices.IndexFunc(seg.shard.Versions, func(r record) bool {
		return versionTag(r.Version) == q.reference || r.Manifest == q.reference || slices.Contains(r.FormerManifests, q.reference)
	})
	return seg, i, i >= 0
}

// versionManifest returns the manifest of a version. One that was not pushed as a
// manifest gets one when it is first asked for.
func (s *Server) versionManifest(ctx context.Context, seg *segment, i int, reference string) (stored, error) {
	r, err := s.ensure(ctx, seg.shard.Chart, seg.shard.Versions[i])
	if err != nil {
		return stored{}, err
	}
	want := r.Manifest
	if slices.Contains(r.FormerManifests, reference) {
		want = reference
	}
	if want == "" {
		if want, err = s.makeManifest(ctx, seg.shard.Chart, r); err != nil {
			return stored{}, err
		}
	}
	data, err := s.manifestData(ctx, want)
	return stored{want, ocispec.MediaTypeImageManifest, data}, err
}

// makeManifest writes the manifest of a version that was published otherwise, and
// remembers it: its digest is what people pin, so it is never made twice.
func (s *Server) makeManifest(ctx context.Context, name string, r record) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	var e repo.Entry
	if err := json.Unmarshal(r.Entry, &e); err != nil {
		return "", err
	}
	config, err := json.Marshal(e.Metadata)
	if err != nil {
		return "", err
	}
	sum, err := s.putBytes(ctx, config)
	if err != nil {
		return "", err
	}
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config:      ocispec.Descriptor{MediaType: chartConfig, Digest: digest.Digest("sha256:" + sum), Size: int64(len(config))},
		Layers:      []ocispec.Descriptor{{MediaType: chartLayer, Digest: digest.Digest("sha256:" + r.Digest), Size: r.Size}},
		Annotations: chartAnnotations(&e.Metadata, r.Created),
	}
	if r.Provenance != "" {
		layer, err := s.provenanceLayer(ctx, r.Provenance)
		if err != nil {
			return "", err
		}
		m.Layers = append(m.Layers, layer)
	}
	data, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	if sum, err = s.putBytes(ctx, data); err != nil {
		return "", err
	}
	made := "sha256:" + sum
	err = s.catalog.commit(ctx, name, func(sh shard) (shard, error) {
		i, ok := sh.find(r.Version)
		if !ok || sh.Versions[i].Digest != r.Digest {
			return sh, manifestUnknown(r.Version)
		}
		if sh.Versions[i].Manifest != "" {
			made = sh.Versions[i].Manifest
			return sh, errUnchanged
		}
		next := sh.Versions[i]
		next.Manifest = made
		return sh.with(next), nil
	})
	return made, err
}

// provenanceLayer describes a signature, which may be a file that was adopted.
func (s *Server) provenanceLayer(ctx context.Context, key string) (ocispec.Descriptor, error) {
	text, _, err := s.catalog.store.Get(ctx, key)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	sum, err := s.putBytes(ctx, text)
	return ocispec.Descriptor{MediaType: provenanceLayer, Digest: digest.Digest("sha256:" + sum), Size: int64(len(text))}, err
}

// chartAnnotations are those that Helm writes.
func chartAnnotations(m *chart.Metadata, created time.Time) map[string]string {
	all := map[string]string{
		ocispec.AnnotationTitle:       m.Name,
		ocispec.AnnotationVersion:     m.Version,
		ocispec.AnnotationDescription: m.Description,
		ocispec.AnnotationURL:         m.Home,
		ocispec.AnnotationCreated:     created.UTC().Format(time.RFC3339),
	}
	if len(m.Sources) > 0 {
		all[ocispec.AnnotationSource] = m.Sources[0]
	}
	for key, value := range all {
		if value == "" {
			delete(all, key)
		}
	}
	return all
}

// checkChartDigests wants those of a chart that is pushed to be the ones that the index
// and the records of charts have.
func checkChartDigests(manifest string, m ocispec.Manifest) error {
	other := func(d ocispec.Descriptor) bool { return d.Digest.Algorithm() != digest.SHA256 }
	if strings.HasPrefix(manifest, sha256Prefix) && !slices.ContainsFunc(m.Layers, other) {
		return nil
	}
	return ociProblem(http.StatusBadRequest, "UNSUPPORTED", "the digests of a chart are SHA-256: the index has no others")
}

// pushChart publishes a chart that was pushed as a manifest: its archive passes
// the same gates as an upload, and it becomes a version of the chart.
func (s *Server) pushChart(ctx context.Context, name, tag string, m ocispec.Manifest, data []byte) error {
	r := record{Manifest: sha256Prefix + sumOf(data)}
	var provenance string
	for _, layer := range m.Layers {
		switch layer.MediaType {
		case chartLayer:
			r.Digest, r.Size, r.Archive = layer.Digest.Encoded(), layer.Size, digestKey(layer.Digest.String())
		case provenanceLayer:
			provenance = digestKey(layer.Digest.String())
		}
	}
	if r.Digest == "" {
		return ociProblem(http.StatusBadRequest, "MANIFEST_INVALID", "the manifest is that of a chart, and has no layer "+chartLayer)
	}
	meta, err := s.inspectStored(ctx, r)
	if err != nil {
		return err
	}
	switch {
	case meta.Name != name:
		return ociProblem(http.StatusBadRequest, "NAME_INVALID",
			fmt.Sprintf("the chart is named %q, and the repository %q; push it to oci://HOST: Helm adds the name", meta.Name, name))
	case tag != "" && tag != versionTag(meta.Version):
		return ociProblem(http.StatusBadRequest, "MANIFEST_INVALID", fmt.Sprintf("the tag of a chart is its version, %s", versionTag(meta.Version)))
	}
	if r.Provenance, err = s.checkStoredProvenance(ctx, provenance, meta, r); err != nil {
		return err
	}
	if err := s.describe(&r, meta); err != nil {
		return err
	}
	if err := s.foresee(ctx, meta, r.Digest, false); err != nil {
		return err
	}
	if _, err := s.putBytes(ctx, data); err != nil {
		return err
	}
	return s.commitVersion(ctx, meta, r, false)
}

// takeIn copies an archive that was adopted to where uploaded content lies. It is served
// from where it was found, so clients do not upload it before they push its manifest.
func (s *Server) takeIn(ctx context.Context, q ociRequest) (blob.Info, error) {
	r, ok := s.archiveVersion(q)
	if !ok {
		return blob.Info{}, blob.ErrNotFound
	}
	o, err := s.catalog.store.Open(ctx, r.Archive)
	if err != nil {
		return blob.Info{}, err
	}
	defer o.Close()
	in := &incoming{}
	defer in.close()
	if err := s.spool(in, o); err != nil {
		return blob.Info{}, err
	}
	if in.digest != r.Digest {
		return blob.Info{}, blob.ErrNotFound // somebody has replaced the file
	}
	return blob.Info{Size: in.size}, s.putBlob(ctx, blobKey(in.digest), in.archive)
}

// inspectStored inspects an archive that was uploaded as a blob.
func (s *Server) inspectStored(ctx context.Context, r record) (*chart.Metadata, error) {
	o, err := s.catalog.store.Open(ctx, r.Archive)
	if err != nil {
		return nil, storageProblem(err)
	}
	defer o.Close()
	return s.inspectUpload(ctx, o, o.Size)
}

// checkStoredProvenance checks the signature of a chart, both of which were
// uploaded as blobs. The key is empty when there is none.
func (s *Server) checkStoredProvenance(ctx context.Context, key string, meta *chart.Metadata, r record) (string, error) {
	if key == "" {
		return "", s.checkSignature(ctx, meta, nil, nil)
	}
	info, err := s.catalog.store.Stat(ctx, key)
	if err == nil && info.Size > s.options.Limits.Provenance {
		return "", tooLarge("the signature is larger than " + diag.Size(s.options.Limits.Provenance))
	}
	text, _, err := s.catalog.store.Get(ctx, key)
	if err != nil {
		return "", storageProblem(err)
	}
	if err := checkProvenance(text, meta.Name, meta.Version, r.Digest); err != nil {
		return "", badRequest("provenance-invalid", err.Error(), "sign the archive again and push both")
	}
	return key, s.checkStoredSignature(ctx, meta, r.Archive, text)
}
