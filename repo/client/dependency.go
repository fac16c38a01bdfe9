package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"

	"gantry/repo"
)

// AliasError reports the repository of a dependency that is neither a URL nor the
// name of a configured repository.
type AliasError struct {
	Repository string
	// Err is why the name is none, if it looks like one.
	Err error
}

// Error says what was written, and what may be.
func (e *AliasError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("repository %q: %s", e.Repository, e.Err)
	}
	return fmt.Sprintf("%q is not a repository: write its URL, or @NAME of a configured one", e.Repository)
}

// Unwrap returns why the name is none.
func (e *AliasError) Unwrap() error { return e.Err }

// Locate returns the repository that Chart.yaml names for a dependency: an HTTP
// or OCI URL, or the name of a configured repository as @NAME or alias:NAME. A
// URL that is configured comes with its credentials.
func (c *Client) Locate(repository string) (Repository, error) {
	name, ok := strings.CutPrefix(repository, "@")
	if !ok {
		name, ok = strings.CutPrefix(repository, "alias:")
	}
	if ok {
		r, err := c.Repository(name)
		if err != nil {
			return Repository{}, &AliasError{Repository: repository, Err: err}
		}
		return r, nil
	}
	u, err := url.Parse(repository)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "oci" {
		return Repository{}, &AliasError{Repository: repository}
	}
	all, err := c.Repositories()
	if err != nil {
		return Repository{}, err
	}
	for _, r := range all {
		if strings.TrimSuffix(r.URL, "/") == strings.TrimSuffix(repository, "/") {
			return r, nil
		}
	}
	// helm caches the indexes of repositories that nobody has configured under
	// such names, too.
	sum := sha256.Sum256([]byte(repository))
	return Repository{Name: "helm-manager-" + hex.EncodeToString(sum[:]), URL: repository}, nil
}

// FindIn returns the version of a chart in a repository, as [Client.Find] does.
func (c *Client) FindIn(ctx context.Context, r Repository, chart, constraint string) (Chart, error) {
	if strings.HasPrefix(r.URL, "oci://") {
		return c.findOCI(ctx, strings.TrimSuffix(r.URL, "/")+"/"+chart, constraint)
	}
	e, err := c.findEntry(ctx, r, chart, constraint)
	if err != nil {
		return Chart{}, err
	}
	return c.At(ctx, r, e)
}

// At returns the version that an entry of a repository's index is about.
func (c *Client) At(ctx context.Context, r Repository, e *repo.Entry) (Chart, error) {
	if len(e.URLs) == 0 {
		return Chart{}, fmt.Errorf("the index of %s does not say where %s %s is", r.Name, e.Name, e.Version)
	}
	target, err := resolve(r.URL, e.URLs[0])
	if err != nil {
		return Chart{}, err
	}
	if strings.HasPrefix(target, "oci://") {
		found, err := c.findOCI(ctx, target, e.Version)
		if err == nil && e.Digest != "" && !repo.SameDigest(found.Digest, e.Digest) {
			err = fmt.Errorf("%s: %w: the registry has sha256:%s there now, and the index says sha256:%s", target, ErrDigest, found.Digest, strings.TrimPrefix(e.Digest, "sha256:"))
		}
		return found, err
	}
	return Chart{Name: e.Name, Version: e.Version, Digest: e.Digest, URL: target, Repository: r}, nil
}

// VersionsIn returns the versions of a chart in a repository, newest first. The
// index is asked for anew.
func (c *Client) VersionsIn(ctx context.Context, r Repository, chart string) ([]string, error) {
	if strings.HasPrefix(r.URL, "oci://") {
		return c.ociVersions(ctx, strings.TrimSuffix(r.URL, "/")+"/"+chart)
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

// Versions returns the versions of a chart that are published, newest first. The
// reference is REPOSITORY/CHART, or oci://HOST/PATH/CHART.
func (c *Client) Versions(ctx context.Context, ref string) ([]string, error) {
	if strings.HasPrefix(ref, "oci://") {
		return c.ociVersions(ctx, ref)
	}
	name, chart, ok := strings.Cut(ref, "/")
	if !ok || strings.Contains(ref, "://") {
		return nil, &ReferenceError{ref}
	}
	r, err := c.Repository(name)
	if err != nil {
		return nil, err
	}
	return c.VersionsIn(ctx, r, chart)
}

func (c *Client) ociVersions(ctx context.Context, ref string) ([]string, error) {
	r, parsed, err := c.ociRepository(ref)
	if err != nil {
		return nil, err
	}
	versions, err := tagsOf(ctx, r)
	if err != nil {
		return nil, ociError(err, r, chartName(parsed), "")
	}
	if len(versions) == 0 {
		return nil, &repo.UnknownChartError{Name: chartName(parsed)}
	}
	return versions, nil
}
