package server

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"gantry/repo/blob"
)

// Retention says which versions to keep: those that any of its rules wants. The
// newest version of a chart is always kept, and its newest release.
type Retention struct {
	// Last keeps that many versions of each chart, the newest.
	Last int
	// Within keeps what was published so recently.
	Within time.Duration
	// Stable keeps all that is no pre-release.
	Stable bool
	// Charts are patterns of the names of charts to look at. Default: all.
	Charts []string
}

func (k Retention) validate() error {
	switch {
	case k.Last < 0 || k.Within < 0:
		return errors.New("a rule of retention must not be negative")
	case k.Last == 0 && k.Within == 0 && !k.Stable:
		return errors.New("retention needs a rule that keeps something")
	default:
		return nil
	}
}

// Expired is a version that no rule keeps.
type Expired struct {
	Chart   string    `json:"chart"`
	Version string    `json:"version"`
	Digest  string    `json:"digest"`
	Created time.Time `json:"created"`
	Size    int64     `json:"size"`
}

// FindExpired returns the versions that no rule keeps, by chart, newest first.
func FindExpired(ctx context.Context, store blob.Store, keep Retention, now time.Time) ([]Expired, error) {
	if err := keep.validate(); err != nil {
		return nil, err
	}
	c := newCatalog(store, slog.New(slog.DiscardHandler))
	if err := c.load(ctx); err != nil {
		return nil, err
	}
	var all []Expired
	for _, seg := range c.current().published() {
		expired, err := c.unreferred(ctx, seg.shard, keep.expired(seg.shard, now))
		if err != nil {
			return nil, err
		}
		all = append(all, expired...)
	}
	return all, nil
}

// expired applies the rules to a chart, whose versions are ordered.
func (k Retention) expired(sh shard, now time.Time) []Expired {
	named := func(pattern string) bool { return matchStar(pattern, sh.Chart) }
	if len(k.Charts) > 0 && !slices.ContainsFunc(k.Charts, named) {
		return nil
	}
	release := slices.IndexFunc(sh.Versions, func(r record) bool { return !preRelease(r.Version) })
	var gone []Expired
	for i, r := range sh.Versions {
		switch {
		case i == 0, i == release, i < k.Last:
		case k.Within > 0 && now.Sub(r.Created) < k.Within:
		case k.Stable && !preRelease(r.Version):
		default:
			gone = append(gone, Expired{sh.Chart, r.Version, "sha256:" + r.Digest, r.Created, r.Size})
		}
	}
	return gone
}

// unreferred leaves out of the versions that expire those that a version which stays
// names as its subject: it would refer to nothing. What else refers to a version, such
// as its signature, does not keep it.
func (c *catalog) unreferred(ctx context.Context, sh shard, expired []Expired) ([]Expired, error) {
	if len(expired) == 0 {
		return nil, nil
	}
	a, _, err := c.readArtifacts(ctx, sh.Chart)
	if err != nil {
		return nil, err
	}
	subjects := map[string]string{}
	for _, m := range a.Manifests {
		subjects[m.Digest] = m.Subject
	}
	manifests := map[string][]string{}
	for _, r := range sh.Versions {
		manifests[r.Version] = r.manifests()
	}
	goes := func(version string) bool {
		return slices.ContainsFunc(expired, func(e Expired) bool { return e.Version == version })
	}
	// A version that stays after all may have a subject itself.
	for before := len(expired) + 1; len(expired) < before; {
		before = len(expired)
		kept := map[string]bool{}
		for _, r := range sh.Versions {
			if goes(r.Version) {
				continue
			}
			for _, digest := range manifests[r.Version] {
				kept[subjects[digest]] = true
			}
		}
		expired = slices.DeleteFunc(expired, func(e Expired) bool {
			return slices.ContainsFunc(manifests[e.Version], func(digest string) bool { return kept[digest] })
		})
	}
	return expired, nil
}

// expire does what [Operator.Expire] says, and tells of what is gone, chart by chart.
func expire(ctx context.Context, store blob.Store, versions []Expired, now func() time.Time, tell func([]Expired) error) error {
	log := slog.New(slog.DiscardHandler)
	c := newCatalog(store, log)
	// Other servers learn of it as of any commit.
	c.fresh = &freshness{store: store, now: now, log: log, load: func(context.Context) error { return nil }}
	for i := 0; i < len(versions); {
		chart, end := versions[i].Chart, i
		for end < len(versions) && versions[end].Chart == chart {
			end++
		}
		if _, err := c.reload(ctx, chart); err != nil {
			return err
		}
		var gone []Expired
		var manifests []string
		err := c.commit(ctx, chart, func(sh shard) (next shard, err error) {
			next, gone, manifests, err = sh.withoutAll(versions[i:end])
			return next, err
		})
		if err != nil {
			return err
		}
		if err := errors.Join(c.forgetReferrers(ctx, chart, manifests), tell(gone)); err != nil {
			return err
		}
		i = end
	}
	return nil
}

// withoutAll returns a copy that lacks the versions, those that it had of them, and
// their manifests.
func (sh shard) withoutAll(versions []Expired) (next shard, gone []Expired, manifests []string, err error) {
	before := len(sh.Versions)
	for _, e := range versions {
		if i, ok := sh.find(e.Version); ok && "sha256:"+sh.Versions[i].Digest == e.Digest {
			gone, manifests = append(gone, e), append(manifests, sh.Versions[i].manifests()...)
			sh = sh.without(i)
		}
	}
	if len(sh.Versions) == before {
		return sh, nil, nil, errUnchanged
	}
	return sh, gone, manifests, nil
}
