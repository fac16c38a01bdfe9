package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"gantry/repo"
)

// Chart is one version of a chart and where to get it.
type Chart struct {
	// Name and Version are empty when a URL was given and neither is known.
	Name, Version string
	// Digest is the SHA-256 of the archive; it is empty when the index has none.
	Digest string
	URL    string
	// Repository is whose credentials go with the request.
	Repository Repository

	oci *artifact
}

// File returns the name of the archive.
func (c Chart) File() string {
	if c.Name != "" {
		return repo.FileName(c.Name, c.Version)
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		return ""
	}
	return path.Base(u.Path)
}

// ReferenceError reports a reference of a form that is not known.
type ReferenceError struct{ Ref string }

// Error lists the forms that are known.
func (e *ReferenceError) Error() string {
	return fmt.Sprintf("%q is not a chart: write REPOSITORY/CHART, oci://HOST/PATH or https://HOST/FILE.tgz", e.Ref)
}

// Find returns the version of a chart that a reference and a constraint mean.
// The reference is REPOSITORY/CHART, oci://HOST/PATH/CHART[:TAG] or the URL of an
// archive. A cached index that does not have the version is fetched again, once:
// the version may be newer than the index.
func (c *Client) Find(ctx context.Context, ref, constraint string) (Chart, error) {
	switch scheme, _, ok := strings.Cut(ref, "://"); {
	case ok && scheme == "oci":
		return c.findOCI(ctx, ref, constraint)
	case ok && (scheme == "http" || scheme == "https"):
		return c.findURL(ref)
	case ok:
		return Chart{}, &ReferenceError{ref}
	}
	name, chart, ok := strings.Cut(ref, "/")
	if !ok || name == "" || chart == "" || strings.HasPrefix(name, ".") {
		return Chart{}, &ReferenceError{ref}
	}
	r, err := c.Repository(name)
	if err != nil {
		return Chart{}, err
	}
	return c.FindIn(ctx, r, chart, constraint)
}

func (c *Client) findEntry(ctx context.Context, r Repository, chart, constraint string) (*repo.Entry, error) {
	index, _, err := c.Cached(r.Name)
	if err == nil {
		e, findErr := index.Find(chart, constraint)
		if _, ok := errors.AsType[*repo.ConstraintError](findErr); findErr == nil || ok {
			return e, findErr
		}
	} else if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, repo.ErrNotIndex) {
		return nil, err
	}
	fresh, _, err := c.Update(ctx, r)
	if err != nil {
		if index != nil {
			_, findErr := index.Find(chart, constraint)
			return nil, errors.Join(findErr, fmt.Errorf("fetch the index again: %w", err))
		}
		return nil, err
	}
	return fresh.Find(chart, constraint)
}

// findURL lends the URL the credentials of the repository that it lies below.
func (c *Client) findURL(ref string) (Chart, error) {
	u, err := url.Parse(ref)
	if err != nil || u.Host == "" {
		return Chart{}, &ReferenceError{ref}
	}
	found := Chart{URL: ref, Repository: Repository{URL: u.Scheme + "://" + u.Host}}
	if !strings.HasSuffix(u.Path, repo.ArchiveExt) {
		return Chart{}, &ReferenceError{ref}
	}
	all, err := c.Repositories()
	if err != nil {
		return Chart{}, err
	}
	for _, r := range all {
		if strings.HasPrefix(ref, strings.TrimSuffix(r.URL, "/")+"/") {
			found.Repository = r
			break
		}
	}
	return found, nil
}

// Download puts the archive of a chart into a folder and returns its path. The
// file gets its name only when its content is whole and right; when it is there
// already, with the digest of the index, nothing is asked.
func (c *Client) Download(ctx context.Context, chart Chart, dir string) (string, error) {
	name := chart.File()
	if !filepath.IsLocal(name) || strings.ContainsAny(name, `/\`) || !strings.HasSuffix(name, repo.ArchiveExt) {
		return "", fmt.Errorf("%q is not the name of an archive", name)
	}
	target := filepath.Join(dir, name)
	if chart.Digest != "" && sameFile(target, chart.Digest) {
		return target, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if chart.oci != nil {
		return target, c.downloadOCI(ctx, chart, target)
	}
	s, err := c.session(chart.Repository)
	if err != nil {
		return "", err
	}
	defer s.close()
	return target, s.download(ctx, chart, target)
}

// DownloadProvenance fetches the signature of a chart and puts it beside the
// archive.
func (c *Client) DownloadProvenance(ctx context.Context, chart Chart, archive string) (string, error) {
	if chart.oci != nil {
		return c.provenanceOCI(ctx, chart, archive)
	}
	s, err := c.session(chart.Repository)
	if err != nil {
		return "", err
	}
	defer s.close()
	u, err := url.Parse(chart.URL)
	if err != nil {
		return "", err
	}
	u.Path += ".prov"
	var text []byte
	err = s.get(ctx, u.String(), nil, func(resp *http.Response) error {
		text, err = readLimited(resp.Body, maxProvenance)
		return err
	})
	if err != nil {
		return "", err
	}
	return archive + ".prov", writeFile(archive+".prov", text, 0o644)
}

// maxProvenance bounds a .prov file.
const maxProvenance = 1 << 20

func sameFile(path, want string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	have, _, err := repo.Digest(f)
	return err == nil && repo.SameDigest(have, want)
}
