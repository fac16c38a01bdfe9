package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"helm.sh/helm/v3/pkg/chart"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"

	"gantry/charts/archive"
)

// configType is the media type under which Helm keeps Chart.yaml in a registry.
const configType = "application/vnd.cncf.helm.config.v1+json"

// PublishedError reports that a registry has a version with other content.
type PublishedError struct {
	// Ref is the version, with its tag.
	Ref string
}

// Error names the version.
func (e *PublishedError) Error() string {
	return e.Ref + " is published with other content"
}

// PushOCI publishes an archive, and the signature beside it if there is one,
// below a path of a registry: oci://HOST/PATH gets PATH/NAME:VERSION, as helm has
// it. It returns the reference and the digest of what is published. A version
// with other content is replaced only by force.
func (c *Client) PushOCI(ctx context.Context, below, file string, force bool) (ref, digest string, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", "", err
	}
	loaded, err := archive.Unpack(bytes.NewReader(data))
	if err != nil {
		return "", "", err
	}
	provenance, err := os.ReadFile(file + ".prov")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", "", err
	}
	target := strings.TrimSuffix(below, "/") + "/" + loaded.Name()
	r, parsed, err := c.ociRepository(target)
	if err != nil {
		return "", "", err
	}
	if parsed.Reference != "" || path.Base(parsed.Repository) != loaded.Name() {
		return "", "", &ReferenceError{below}
	}
	tag := tagOf(loaded.Metadata.Version)
	ref = target + ":" + tag
	p := &ociPush{repository: r}
	if err := p.add(ctx, loaded.Metadata, data, provenance); err != nil {
		return "", "", ociError(err, r, loaded.Name(), loaded.Metadata.Version)
	}
	if !force {
		have, err := r.Resolve(ctx, tag)
		if err == nil && have.Digest != p.descriptor.Digest && !c.sameChart(ctx, r, tag, p.layers[0]) {
			return "", "", &PublishedError{Ref: ref}
		}
		if err != nil && !errors.Is(err, errdef.ErrNotFound) {
			return "", "", ociError(err, r, loaded.Name(), loaded.Metadata.Version)
		}
	}
	if err := r.PushReference(ctx, p.descriptor, bytes.NewReader(p.manifest), tag); err != nil {
		return "", "", ociError(err, r, loaded.Name(), loaded.Metadata.Version)
	}
	return ref, p.descriptor.Digest.String(), nil
}

// sameChart reports whether a tag is of the same archive; the manifest around it
// may be another's, with another time in it.
func (c *Client) sameChart(ctx context.Context, r *remote.Repository, tag string, layer ocispec.Descriptor) bool {
	m, err := c.manifest(ctx, r, tag)
	if err != nil {
		return false
	}
	for _, have := range m.Layers {
		if have.MediaType == chartLayer {
			return have.Digest == layer.Digest
		}
	}
	return false
}

// ociPush is a chart on its way to a registry.
type ociPush struct {
	repository *remote.Repository
	layers     []ocispec.Descriptor
	manifest   []byte
	descriptor ocispec.Descriptor
}

// add uploads the parts of a chart, and makes the manifest, which nobody sees
// before it is there, too. The same chart makes the same manifest.
func (p *ociPush) add(ctx context.Context, meta *chart.Metadata, data, provenance []byte) error {
	text, err := json.Marshal(meta)
	if err != nil {
		return err
	}
	config, err := p.blob(ctx, configType, text)
	if err != nil {
		return err
	}
	layer, err := p.blob(ctx, chartLayer, data)
	if err != nil {
		return err
	}
	p.layers = []ocispec.Descriptor{layer}
	if len(provenance) > 0 {
		signature, err := p.blob(ctx, provenanceLayer, provenance)
		if err != nil {
			return err
		}
		p.layers = append(p.layers, signature)
	}
	p.manifest, err = json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: config, Layers: p.layers, Annotations: annotationsOf(meta),
	})
	p.descriptor = content.NewDescriptorFromBytes(ocispec.MediaTypeImageManifest, p.manifest)
	return err
}

func (p *ociPush) blob(ctx context.Context, mediaType string, data []byte) (ocispec.Descriptor, error) {
	desc := content.NewDescriptorFromBytes(mediaType, data)
	there, err := p.repository.Blobs().Exists(ctx, desc)
	if err != nil || there {
		return desc, err
	}
	return desc, p.repository.Blobs().Push(ctx, desc, bytes.NewReader(data))
}

// annotationsOf are those that helm gives a chart, but for the time.
func annotationsOf(meta *chart.Metadata) map[string]string {
	all := map[string]string{
		ocispec.AnnotationTitle:       meta.Name,
		ocispec.AnnotationVersion:     meta.Version,
		ocispec.AnnotationDescription: meta.Description,
		ocispec.AnnotationURL:         meta.Home,
	}
	if len(meta.Sources) > 0 {
		all[ocispec.AnnotationSource] = meta.Sources[0]
	}
	var authors []string
	for _, m := range meta.Maintainers {
		author := m.Name
		if m.Email != "" {
			author += fmt.Sprintf(" (%s)", m.Email)
		}
		authors = append(authors, author)
	}
	all[ocispec.AnnotationAuthors] = strings.Join(authors, ", ")
	for key, value := range all {
		if strings.TrimSpace(value) == "" {
			delete(all, key)
		}
	}
	return all
}
