package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote"

	"gantry/repo"
)

const (
	// catalogPage is how many repositories are asked for at once, and maxCatalogPages
	// how often a registry is asked for more.
	catalogPage     = 100
	maxCatalogPages = 1000
	// maxBelow is how many charts there may be below a path.
	maxBelow = 2000
	// maxTags is how many versions a chart may have, and maxVersions how many all
	// charts below a path.
	maxTags     = 20_000
	maxVersions = 100_000
	// maxTagPages is how often a repository is asked for more tags.
	maxTagPages = 1000
)

// NoCatalogError reports a path of a registry that is no chart itself, while the
// registry does not say what is below it.
type NoCatalogError struct {
	// URL is the path.
	URL string
	// Chart is why it is no chart; it is nil where there are no versions.
	Chart error
	// Catalog is why its repositories are not known.
	Catalog error
}

// Error says what was tried.
func (e *NoCatalogError) Error() string {
	msg := e.URL + " is not a chart"
	if e.Chart != nil {
		msg += " (" + e.Chart.Error() + ")"
	}
	return msg + ", and its registry does not list the repositories below it (" + e.Catalog.Error() + ")"
}

// Unwrap returns why the path is no chart.
func (e *NoCatalogError) Unwrap() error { return e.Chart }

// NoChartsError reports a path of a registry that is no chart, and has none below it that
// is meant.
type NoChartsError struct {
	// URL is the path.
	URL string
	// Deeper is a path further down with something below it, or empty.
	Deeper string
}

// Error says where there is something, if anywhere.
func (e *NoChartsError) Error() string {
	msg := e.URL + " is not a chart, and has none right below it that is meant"
	if e.Deeper != "" {
		msg += "; further down there is " + e.Deeper
	}
	return msg
}

// ociChart is a repository of a registry, with those of its tags that are versions,
// newest first.
type ociChart struct {
	repository *remote.Repository
	name       string
	versions   []string
	// listed is a repository that the catalog has, and that may be anything; sure is one
	// with a chart in it.
	listed, sure bool
	// entries are those of the versions, as far as they were asked for.
	entries []*repo.Entry
	asked   int
}

// chartsAt returns the chart at a path of a registry, or the charts below it: those
// that are named, or else those that the registry lists and whose names match. The
// charts that are in the index already are known.
func (c *Client) chartsAt(ctx context.Context, url string, names []string, known map[string]*repo.Entry) ([]*ociChart, error) {
	at, err := c.registryPath(url)
	if err != nil {
		return nil, err
	}
	var notChart error
	if at.Reference.Repository != "" {
		one := &ociChart{repository: at, name: chartName(at.Reference)}
		if err := one.list(ctx); err == nil && len(one.versions) > 0 {
			return []*ociChart{one}, nil
		} else if err != nil {
			notChart = ociError(err, at, one.name, "")
			if !errors.Is(err, errdef.ErrNotFound) && !refused(notChart) {
				return nil, notChart
			}
		}
	}
	if len(names) > 0 && !slices.ContainsFunc(names, isPattern) {
		for _, name := range names {
			if repo.CheckName(name) != nil {
				return nil, &ReferenceError{strings.TrimSuffix(url, "/") + "/" + name}
			}
		}
		return c.listAll(ctx, below(at, names, false), known)
	}
	listed, err := c.catalog(ctx, at)
	if refused(err) {
		return nil, &NoCatalogError{URL: url, Chart: notChart, Catalog: err}
	}
	if err != nil {
		return nil, err
	}
	all, err := chooseBelow(at, listed, names)
	if err != nil {
		return nil, err
	}
	return c.listAll(ctx, all, known)
}

// registryPath reads oci://HOST or oci://HOST/PATH. A tag has no place there.
func (c *Client) registryPath(url string) (*remote.Repository, error) {
	host, rest, _ := strings.Cut(strings.TrimPrefix(url, ociScheme), "/")
	if rest != "" {
		at, parsed, err := c.ociRepository(strings.TrimSuffix(url, "/"))
		if err == nil && parsed.Reference != "" {
			err = fmt.Errorf("all versions are meant here: leave out the tag: %w", &ReferenceError{url})
		}
		return at, err
	}
	at, _, err := c.ociRepository(host + "/all")
	if err != nil {
		return nil, &ReferenceError{url}
	}
	at.Reference.Repository = ""
	return at, nil
}

// refused reports an answer of a registry that does not have something, or not for us.
func refused(err error) bool {
	status, ok := errors.AsType[*StatusError](err)
	return ok && slices.Contains([]int{
		http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented,
	}, status.Status)
}

// isPattern tells a pattern of names from a name.
func isPattern(name string) bool { return strings.ContainsAny(name, `*?[\`) }

// below returns the repositories of those names right below a path.
func below(at *remote.Repository, names []string, listed bool) []*ociChart {
	var all []*ociChart
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		r := &remote.Repository{Reference: at.Reference, PlainHTTP: at.PlainHTTP, Client: at.Client}
		r.Reference.Repository = path.Join(at.Reference.Repository, name)
		all = append(all, &ociChart{repository: r, name: name, listed: listed})
	}
	return all
}

// catalog returns the names of all repositories of a registry.
func (c *Client) catalog(ctx context.Context, at *remote.Repository) ([]string, error) {
	all := &remote.Registry{RepositoryOptions: remote.RepositoryOptions{Reference: registry.Reference{Registry: at.Reference.Registry}, PlainHTTP: at.PlainHTTP, Client: at.Client}}
	all.RepositoryListPageSize = catalogPage
	var names []string
	pages := 0
	err := all.Repositories(ctx, "", func(page []string) error {
		if pages++; pages > maxCatalogPages {
			return fmt.Errorf("%w: more than %d pages of repositories", ErrTooLarge, maxCatalogPages)
		}
		names = append(names, page...)
		return nil
	})
	if err != nil {
		return nil, ociError(err, &remote.Repository{Reference: all.Reference}, "", "")
	}
	return names, nil
}

// chooseBelow returns what the catalog has right below a path, where charts lie. What is
// deeper is another path's, and could have the name of another chart.
func chooseBelow(at *remote.Repository, catalog, patterns []string) ([]*ociChart, error) {
	where := ociScheme + at.Reference.Registry
	prefix := ""
	if at.Reference.Repository != "" {
		prefix = at.Reference.Repository + "/"
		where += "/" + at.Reference.Repository
	}
	var names []string
	deeper := ""
	for _, full := range catalog {
		name, ok := strings.CutPrefix(full, prefix)
		switch {
		case !ok || (registry.Reference{Registry: at.Reference.Registry, Repository: full}).ValidateRepository() != nil:
		case strings.Contains(name, "/"):
			deeper = ociScheme + at.Reference.Registry + "/" + path.Dir(full)
		case len(patterns) == 0 || repo.MatchesAny(patterns, name):
			names = append(names, name)
		}
	}
	switch {
	case len(names) > maxBelow:
		return nil, fmt.Errorf("%s: %w: more than %d repositories", where, ErrTooLarge, maxBelow)
	case len(names) == 0:
		return nil, &NoChartsError{URL: where, Deeper: deeper}
	}
	return below(at, names, true), nil
}

// listAll lists the tags of repositories, several at a time. One that was a chart and is
// gone, or that the registry lists and does not show, is passed over.
func (c *Client) listAll(ctx context.Context, all []*ociChart, known map[string]*repo.Entry) ([]*ociChart, error) {
	wasThere := map[string]bool{}
	for _, e := range known {
		wasThere[e.Name] = true
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(describers)
	for _, one := range all {
		group.Go(func() error {
			err := one.list(groupCtx)
			if err == nil {
				return nil
			}
			failed := ociError(err, one.repository, one.name, "")
			gone := errors.Is(err, errdef.ErrNotFound) || isStatus(failed, http.StatusNotFound)
			if gone && (one.listed || wasThere[one.name]) || one.listed && refused(failed) && !wasThere[one.name] {
				c.log.WarnContext(groupCtx, "a repository is passed over", slog.String("repository", one.repository.Reference.Repository), slog.Any("reason", failed))
				return nil
			}
			return failed
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	versions := 0
	for _, one := range all {
		versions += len(one.versions)
	}
	if versions > maxVersions {
		return nil, fmt.Errorf("%w: more than %d versions", ErrTooLarge, maxVersions)
	}
	return all, nil
}

func isStatus(err error, status int) bool {
	e, ok := errors.AsType[*StatusError](err)
	return ok && e.Status == status
}

func (one *ociChart) list(ctx context.Context) (err error) {
	one.versions, err = tagsOf(ctx, one.repository)
	return err
}
