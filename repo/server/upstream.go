package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"gantry/repo"
)

// Upstream is another repository whose charts are served here as well.
type Upstream interface {
	// Index returns what it has.
	Index(ctx context.Context) (*repo.Index, error)
	// Fetch returns a version whose content has the digest of its entry. The
	// caller calls done when it is through.
	Fetch(ctx context.Context, e *repo.Entry) (p Package, done func(), err error)
}

// fetchTimeout is how long an upstream may take to send a chart.
const fetchTimeout = 2 * time.Minute

// Follow reads the index of the upstream and lists here what it has. Contents come
// when somebody asks for them first, and stay. A chart that was published here is
// not taken from the upstream: nobody there can add versions to it.
func (s *Server) Follow(ctx context.Context) error {
	index, err := s.options.Upstream.Index(ctx)
	if err != nil {
		return err
	}
	for _, name := range index.Names() {
		if err := repo.CheckName(name); err != nil {
			s.passOver(ctx, name, "", err.Error())
			continue
		}
		if err := s.followChart(ctx, name, s.followed(ctx, name, index.Entries[name])); err != nil {
			return fmt.Errorf("list %s: %w", name, err)
		}
	}
	for _, seg := range s.catalog.current().published() {
		if _, there := index.Entries[seg.shard.Chart]; !there {
			if err := s.followChart(ctx, seg.shard.Chart, nil); err != nil {
				return fmt.Errorf("list %s: %w", seg.shard.Chart, err)
			}
		}
	}
	return nil
}

func (s *Server) passOver(ctx context.Context, name, version, reason string) {
	s.options.Log.WarnContext(ctx, "a chart of the upstream is not served",
		slog.String("chart", name), slog.String("version", version), slog.String("reason", reason))
}

// followed makes records of the versions of an upstream's chart. What could not be
// checked or not be served is left out.
func (s *Server) followed(ctx context.Context, name string, entries []*repo.Entry) []record {
	var all []record
	for _, e := range entries {
		digest := strings.TrimPrefix(e.Digest, "sha256:")
		switch err := repo.CheckVersion(e.Version); {
		case e.Removed:
		case err != nil:
			s.passOver(ctx, name, e.Version, err.Error())
		case e.Name != name || len(e.URLs) == 0:
			s.passOver(ctx, name, e.Version, "its entry is about something else, or does not say where it is")
		case checkDigest("sha256:"+digest) != nil:
			s.passOver(ctx, name, e.Version, "the index has no digest of it")
		default:
			r := record{Digest: digest, Archive: blobKey(digest), Created: e.Created.UTC(), Upstream: e.URLs[0]}
			if e.Created.IsZero() {
				// As registries have it, where the date is up to who pushes.
				r.Created = s.options.Now().UTC()
			}
			if err := s.describe(&r, &e.Metadata); err != nil {
				s.passOver(ctx, name, e.Version, err.Error())
				continue
			}
			all = append(all, r)
		}
	}
	return all
}

// followChart brings a record in line with the upstream.
func (s *Server) followChart(ctx context.Context, name string, theirs []record) error {
	change := func(sh shard) (shard, error) { return sh.following(name, theirs) }
	before := shard{Chart: name}
	if seg := s.catalog.current().find(name); seg != nil {
		before = seg.shard
	}
	if _, err := change(before); err != nil {
		if errors.Is(err, errUnchanged) { // as mostly
			return nil
		}
		return err
	}
	return s.catalog.commit(ctx, name, change)
}

// following returns a copy that lists the versions of an upstream. Those whose
// content is here stay, whatever becomes of them there.
func (sh shard) following(name string, theirs []record) (shard, error) {
	for _, have := range sh.Versions {
		if have.Upstream == "" || sh.Chart != name {
			return sh, errUnchanged // the chart is our own
		}
	}
	next := sh
	next.Chart = name
	offered := make(map[tombstone]bool, len(theirs))
	for _, r := range theirs {
		offered[tombstone{r.Version, r.Digest}] = true
	}
	next.Versions = slices.DeleteFunc(slices.Clone(sh.Versions), func(r record) bool {
		return r.remote() && !offered[tombstone{r.Version, r.Digest}]
	})
	changed := len(next.Versions) < len(sh.Versions)
	for _, r := range theirs {
		if _, have := next.find(r.Version); !have && !sh.buried(r.Version, r.Digest) {
			next, changed = next.with(r), true
		}
	}
	if !changed {
		return sh, errUnchanged
	}
	return next, nil
}

// remote reports that the content of a version is still at the upstream.
func (r record) remote() bool { return r.Upstream != "" && r.Size == 0 }

// ensure fetches the content of a version that is not here yet. Whoever asks for it
// meanwhile waits for the same.
func (s *Server) ensure(ctx context.Context, chart string, r record) (record, error) {
	if !r.remote() {
		return r, nil
	}
	if s.options.Upstream == nil {
		return r, &problem{
			Status: http.StatusNotFound, Code: "upstream-missing", Message: fmt.Sprintf("%s %s was never fetched from the upstream that it is listed of", chart, r.Version),
			Hint: "start the server with --upstream",
		}
	}
	fetched := s.fetching.DoChan(chart+" "+r.Version, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		return nil, s.fetch(ctx, r)
	})
	select {
	case done := <-fetched:
		if done.Err != nil {
			return r, &problem{
				Status: http.StatusBadGateway, Code: "upstream-failed", Message: fmt.Sprintf("the upstream does not deliver %s %s: %s", chart, r.Version, done.Err),
				Hint: "what was fetched before is served; try again later", cause: done.Err,
			}
		}
	case <-ctx.Done():
		return r, ctx.Err()
	}
	seg, i, err := lookup(s.catalog.current(), chart, r.Version)
	if err != nil {
		return r, err
	}
	return seg.shard.Versions[i], nil
}

// fetch fetches a version and publishes it under the rules of every upload.
func (s *Server) fetch(ctx context.Context, r record) error {
	e := &repo.Entry{}
	if err := json.Unmarshal(r.Entry, e); err != nil {
		return err
	}
	e.URLs = []string{r.Upstream}
	p, done, err := s.options.Upstream.Fetch(ctx, e)
	if err != nil {
		return err
	}
	defer done()
	_, err = s.Publish(ctx, p)
	return err
}
