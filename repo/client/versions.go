package client

import (
	"context"
	"slices"
	"strings"

	"oras.land/oras-go/v2/registry/remote"

	"gantry/repo"
)

// Versions returns the versions of a chart that are published, newest first. The
// reference is REPOSITORY/CHART, whose index is asked for anew, or
// oci://HOST/PATH/CHART.
func (c *Client) Versions(ctx context.Context, ref string) ([]string, error) {
	if strings.HasPrefix(ref, "oci://") {
		r, parsed, err := c.ociRepository(ref)
		if err != nil {
			return nil, err
		}
		versions, err := ociVersions(ctx, r)
		if err != nil {
			return nil, ociError(err, r, chartName(parsed), "")
		}
		return versions, nil
	}
	name, chart, ok := strings.Cut(ref, "/")
	if !ok || strings.Contains(ref, "://") {
		return nil, &ReferenceError{ref}
	}
	r, err := c.Repository(name)
	if err != nil {
		return nil, err
	}
	index, _, err := c.Update(ctx, r)
	if err != nil {
		return nil, err
	}
	entries, known := index.Entries[chart]
	if !known {
		_, err := index.Find(chart, "")
		return nil, err
	}
	versions := make([]string, len(entries))
	for i, e := range entries {
		versions[i] = e.Version
	}
	return versions, nil
}

// ociVersions returns the tags that are versions, newest first.
func ociVersions(ctx context.Context, r *remote.Repository) ([]string, error) {
	var versions []string
	err := r.Tags(ctx, "", func(tags []string) error {
		for _, tag := range tags {
			if repo.CheckVersion(versionOf(tag)) == nil {
				versions = append(versions, versionOf(tag))
			}
		}
		return nil
	})
	slices.SortFunc(versions, func(a, b string) int { return repo.CompareVersions(b, a) })
	return versions, err
}
