package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
	"helm.sh/helm/v3/pkg/chart"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"

	"gantry/repo"
)

const (
	ociScheme = "oci://"
	// describers is how many versions are asked for at once.
	describers = 8
	// maxConfig bounds the Chart.yaml that a manifest refers to.
	maxConfig = 1 << 20
	// probes is how many versions of a repository that only a catalog knows are asked
	// for before it is taken for something else than a chart.
	probes = 3
)

// errNoChart reports a tag that is a version and no chart.
var errNoChart = errors.New("it is not a Helm chart")

// updateOCI makes an index of charts in a registry, which has none itself: of the
// tags that are versions, and of what their manifests and configurations say. Versions
// that are known from the last time are not asked for again, for a published
// version does not change.
func (c *Client) updateOCI(ctx context.Context, r Repository, names []string) (*repo.Index, bool, error) {
	have := c.known(r.Name, r.URL)
	var before *repo.Index
	known := map[string]*repo.Entry{}
	if have.etag != "" {
		// One that cannot be read is made anew.
		if x, err := parseIndex(c.indexFile(r.Name), have.data); err == nil {
			before, known = x, knownEntries(x)
		}
	}
	charts, err := c.chartsAt(ctx, r.URL, names, known)
	if err != nil {
		return nil, false, err
	}
	etag := tagOfCharts(charts)
	if before != nil && have.etag == etag {
		return before, false, nil
	}
	index, err := c.describeAll(ctx, charts, known)
	if err != nil {
		return nil, false, err
	}
	data, err := index.JSON()
	if err != nil {
		return nil, false, err
	}
	return index, true, c.keep(r.Name, r.URL, fetched{data: data, etag: etag}, index)
}

// tagOfCharts changes when a chart or a version comes or goes.
func tagOfCharts(charts []*ociChart) string {
	var text strings.Builder
	for _, one := range charts {
		text.WriteString(one.name + "\n " + strings.Join(one.versions, "\n ") + "\n")
	}
	return digest([]byte(text.String()))
}

// knownEntries returns the entries of an index by where they are.
func knownEntries(x *repo.Index) map[string]*repo.Entry {
	known := map[string]*repo.Entry{}
	for _, entries := range x.Entries {
		for _, e := range entries {
			if len(e.URLs) > 0 {
				known[e.URLs[0]] = e
			}
		}
	}
	return known
}

// describeAll makes an index of charts. Of a repository that only a catalog knows the newest
// versions are asked for first: it may be one of images, with hundreds of them.
func (c *Client) describeAll(ctx context.Context, charts []*ociChart, known map[string]*repo.Entry) (*repo.Index, error) {
	for _, one := range charts {
		one.entries = make([]*repo.Entry, len(one.versions))
		for i, version := range one.versions {
			one.entries[i] = known[one.reference(version)]
		}
		one.sure = !one.listed || one.isChart()
	}
	if err := c.describeSome(ctx, charts); err != nil {
		return nil, err
	}
	for _, one := range charts {
		if one.sure = one.sure || one.isChart(); !one.sure {
			c.log.WarnContext(ctx, "a repository is passed over", slog.String("repository", one.repository.Reference.Repository), slog.String("reason", "its newest versions are no charts"))
			one.entries = nil
		}
	}
	if err := c.describeSome(ctx, charts); err != nil {
		return nil, err
	}
	index := repo.NewIndex()
	for _, one := range charts {
		for _, e := range one.entries {
			if e == nil {
				continue
			}
			index.Entries[one.name] = append(index.Entries[one.name], e)
			if e.Created.After(index.Generated) {
				index.Generated = e.Created
			}
		}
	}
	return index, nil
}

// isChart reports whether a version is one.
func (one *ociChart) isChart() bool {
	return slices.ContainsFunc(one.entries, func(e *repo.Entry) bool { return e != nil })
}

// describeSome fills in the entries that nobody asked for yet: all, or the first few while it
// is not sure that there is a chart. What is no chart stays nil.
func (c *Client) describeSome(ctx context.Context, charts []*ociChart) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(describers)
	for _, one := range charts {
		upTo := len(one.entries)
		if !one.sure {
			upTo = min(upTo, probes)
		}
		for ; one.asked < upTo; one.asked++ {
			if i := one.asked; one.entries[i] == nil {
				group.Go(func() (err error) {
					one.entries[i], err = c.describeOne(ctx, one, one.versions[i])
					return err
				})
			}
		}
	}
	return group.Wait()
}

// describeOne returns nil for what is no chart.
func (c *Client) describeOne(ctx context.Context, one *ociChart, version string) (*repo.Entry, error) {
	e, err := c.describe(ctx, one, version)
	if err == nil {
		return e, nil
	}
	if failed := ociError(err, one.repository, one.name, version); !errors.Is(err, errdef.ErrNotFound) && !aboutVersion(failed) || ctx.Err() != nil {
		return nil, failed
	}
	c.log.WarnContext(ctx, "a tag is passed over", slog.String("repository", one.repository.Reference.Repository), slog.String("tag", tagOf(version)), slog.Any("reason", err))
	return nil, nil //nolint:nilnil // it is none
}

// reference is where a version is.
func (one *ociChart) reference(version string) string {
	ref := one.repository.Reference
	return ociScheme + ref.Registry + "/" + ref.Repository + ":" + tagOf(version)
}

// aboutVersion tells an error of one version from one of the registry, after which the
// others would be missing for no fault of theirs.
func aboutVersion(err error) bool {
	_, status := errors.AsType[*StatusError](err)
	_, unreachable := errors.AsType[*UnreachableError](err)
	return !status && !unreachable
}

// describe reads what a registry says of a version, without its archive.
func (c *Client) describe(ctx context.Context, one *ociChart, version string) (*repo.Entry, error) {
	r := one.repository
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
	if meta.Name != one.name || meta.Version != version {
		return nil, fmt.Errorf("%w of that name and version: it says %s %s", errNoChart, printable(meta.Name), printable(meta.Version))
	}
	e := &repo.Entry{Metadata: meta, Digest: found.layer.Digest.Encoded()}
	e.URLs = []string{one.reference(version)}
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
