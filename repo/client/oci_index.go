package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
	"helm.sh/helm/v3/pkg/chart"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"

	"gantry/repo"
)

const (
	ociScheme = "oci://"
	// describers is how many versions are asked for at once.
	describers = 8
	// maxConfig bounds the Chart.yaml that a manifest refers to.
	maxConfig = 1 << 20
	// maxTags is how many versions a chart in a registry may have.
	maxTags = 20_000
)

// errNoChart reports a tag that is a version and no chart.
var errNoChart = errors.New("it is not a Helm chart")

// updateOCI makes an index of a chart in a registry, which has none itself: of the
// tags that are versions, and of what their manifests and configurations say. Versions
// that are known from the last time are not asked for again, for a published
// version does not change.
func (c *Client) updateOCI(ctx context.Context, r Repository) (*repo.Index, bool, error) {
	remote, parsed, err := c.ociRepository(r.URL)
	if err != nil {
		return nil, false, err
	}
	if parsed.Reference != "" {
		return nil, false, fmt.Errorf("all versions are meant here: leave out the tag: %w", &ReferenceError{r.URL})
	}
	name := chartName(parsed)
	versions, err := tagsOf(ctx, remote)
	if err != nil {
		return nil, false, ociError(err, remote, name, "")
	}
	if len(versions) > maxTags {
		return nil, false, fmt.Errorf("%s: %w: more than %d tags", r.URL, ErrTooLarge, maxTags)
	}
	etag := digest([]byte(strings.Join(versions, "\n")))
	have := c.known(r.Name, r.URL)
	var before *repo.Index
	if have.etag != "" {
		if before, err = parseIndex(c.indexFile(r.Name), have.data); err != nil {
			before = nil // it is made anew
		}
	}
	if before != nil && have.etag == etag {
		return before, false, nil
	}
	entries, err := c.describeAll(ctx, remote, name, versions, before)
	if err != nil {
		return nil, false, err
	}
	index := repo.NewIndex()
	for _, e := range entries {
		if e == nil {
			continue
		}
		index.Entries[name] = append(index.Entries[name], e)
		if e.Created.After(index.Generated) {
			index.Generated = e.Created
		}
	}
	data, err := index.JSON()
	if err != nil {
		return nil, false, err
	}
	return index, true, c.keep(r.Name, r.URL, fetched{data: data, etag: etag}, index)
}

// describeAll returns an entry for each version, and nil for what is no chart.
func (c *Client) describeAll(ctx context.Context, r *remote.Repository, name string, versions []string, before *repo.Index) ([]*repo.Entry, error) {
	known := map[string]*repo.Entry{}
	if before != nil {
		for _, e := range before.Entries[name] {
			known[e.Version] = e
		}
	}
	entries := make([]*repo.Entry, len(versions))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(describers)
	for i, version := range versions {
		if entries[i] = known[version]; entries[i] != nil {
			continue
		}
		group.Go(func() error {
			e, err := c.describe(ctx, r, name, version)
			if err == nil {
				entries[i] = e
				return nil
			}
			if failed := ociError(err, r, name, version); !errors.Is(err, errdef.ErrNotFound) && !aboutVersion(failed) || ctx.Err() != nil {
				return failed
			}
			c.log.WarnContext(ctx, "a tag is passed over", slog.String("tag", tagOf(version)), slog.Any("reason", err))
			return nil
		})
	}
	return entries, group.Wait()
}

// aboutVersion tells an error of one version from one of the registry, after which the
// others would be missing for no fault of theirs.
func aboutVersion(err error) bool {
	_, status := errors.AsType[*StatusError](err)
	_, unreachable := errors.AsType[*UnreachableError](err)
	return !status && !unreachable
}

// describe reads what a registry says of a version, without its archive.
func (c *Client) describe(ctx context.Context, r *remote.Repository, name, version string) (*repo.Entry, error) {
	m, err := c.manifest(ctx, r, tagOf(version))
	if err != nil {
		return nil, err
	}
	found := findLayers(m)
	switch {
	case found.layer.Digest == "" || m.Config.MediaType != configType:
		return nil, errNoChart
	case found.layer.Digest.Algorithm() != "sha256" || found.layer.Digest.Validate() != nil:
		return nil, fmt.Errorf("%w: its digest is %q", errNoChart, found.layer.Digest)
	case m.Config.Size > maxConfig:
		return nil, fmt.Errorf("%w: its configuration is too large", errNoChart)
	}
	text, err := content.FetchAll(ctx, r.Blobs(), m.Config)
	if err != nil {
		return nil, err
	}
	meta := chart.Metadata{}
	if err := json.Unmarshal(text, &meta); err != nil {
		return nil, fmt.Errorf("%w: its configuration: %w", errNoChart, err)
	}
	if meta.Name != name || meta.Version != version {
		return nil, fmt.Errorf("%w of that name and version: it says %s %s", errNoChart, printable(meta.Name), printable(meta.Version))
	}
	e := &repo.Entry{Metadata: meta, Digest: found.layer.Digest.Encoded()}
	e.URLs = []string{ociScheme + r.Reference.Registry + "/" + r.Reference.Repository + ":" + tagOf(version)}
	// A date that cannot be read is none.
	e.Created, _ = time.Parse(time.RFC3339, m.Annotations[ocispec.AnnotationCreated])
	return e, nil
}

// findLayers finds the archive of a chart and its signature.
func findLayers(m *ocispec.Manifest) *artifact {
	found := &artifact{}
	for _, layer := range m.Layers {
		switch layer.MediaType {
		case chartLayer:
			found.layer = layer
		case provenanceLayer:
			found.provenance = &layer
		}
	}
	return found
}
