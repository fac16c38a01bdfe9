package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"gantry/repo/blob"
)

// Collecting removes content that nothing names any more, while servers run. The
// danger is an upload of the very content that is about to go: it finds the
// content there and publishes a version of it. So content is marked first, and
// goes when it has been marked for the whole of the grace: whoever publishes
// content that was there already looks for its mark and takes it away, and whoever
// wants to delete it has to claim the mark. Both are conditional writes, so one of
// them wins. An upload that saw no mark is published long before the grace is
// over, and the collection that follows sees it.

const (
	markFolder = ownFolder + "unnamed/"
	// MinGrace is the shortest grace beside running servers: much longer than
	// an upload takes from looking for a mark to being published.
	MinGrace = 10 * time.Minute
	// claimAge is when a claim is that of a collection which was killed. A
	// deletion takes moments.
	claimAge = time.Hour
)

// What becomes of content that has a mark.
const (
	markUnnamed = "unnamed"
	markKept    = "kept"
	markClaimed = "claimed"
)

// mark says of a content that nothing names it.
type mark struct {
	State string    `json:"state"`
	Since time.Time `json:"since"`
}

func markKey(content string) string {
	return markFolder + content[strings.LastIndex(content, "/")+1:] + shardExt
}

// CollectOptions say what to collect.
type CollectOptions struct {
	// Now is the time.
	Now time.Time
	// Grace is how long content must have been without a name, as far as
	// earlier collections have seen.
	Grace time.Duration
	// Offline promises that no server runs: content goes at once.
	Offline bool
	// DryRun looks, and writes nothing.
	DryRun bool
}

// Unnamed is content that nothing names.
type Unnamed struct {
	Digest string    `json:"digest"`
	Size   int64     `json:"size"`
	Since  time.Time `json:"since"`
	// Deleted tells that it is gone, or in a dry run that it would be.
	Deleted bool `json:"deleted"`
}

// DamagedError reports that it cannot be told what is named.
type DamagedError struct{ Finding Finding }

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s: %s", e.Finding.Key, e.Finding.Message)
}

// Collect deletes content that nothing has named for the grace, and marks what it
// finds without a name now. It returns both, by digest. Where a record is damaged
// it deletes nothing.
func Collect(ctx context.Context, store blob.Store, options CollectOptions) ([]Unnamed, error) {
	c := &checker{store: store, marking: true, named: map[string]bool{}}
	contents, err := c.walk(ctx)
	if err != nil {
		return nil, err
	}
	if len(c.report.Findings) > 0 {
		return nil, &DamagedError{c.report.Findings[0]}
	}
	sweep := &sweeper{store: store, options: options}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(loaders)
	found := make([]*Unnamed, len(contents))
	for i, info := range contents {
		if c.named[info.Key] {
			continue
		}
		group.Go(func() (err error) {
			found[i], err = sweep.content(groupCtx, info)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if !options.DryRun {
		if err := sweep.dropMarks(ctx, c.named); err != nil {
			return nil, err
		}
	}
	var all []Unnamed
	for _, u := range found {
		if u != nil {
			all = append(all, *u)
		}
	}
	slices.SortFunc(all, func(a, b Unnamed) int { return strings.Compare(a.Digest, b.Digest) })
	return all, nil
}

type sweeper struct {
	store   blob.Store
	options CollectOptions
}

// content marks a content, or deletes it when it has been marked for long enough.
// The result is nil when somebody names it again.
func (s *sweeper) content(ctx context.Context, info blob.Info) (*Unnamed, error) {
	u := &Unnamed{Digest: "sha256:" + info.Key[strings.LastIndex(info.Key, "/")+1:], Size: info.Size, Since: s.options.Now.UTC()}
	m, etag, err := readMark(ctx, s.store, info.Key)
	if err != nil {
		return nil, err
	}
	now := s.options.Now
	switch {
	case m.State == markUnnamed:
		u.Since = m.Since
	case m.State == markClaimed && now.Sub(m.Since) < claimAge:
		return nil, nil // another collection is at it
	case s.options.DryRun:
	default:
		if etag, err = writeMark(ctx, s.store, info.Key, etag, mark{markUnnamed, u.Since}); err != nil {
			return nil, ignoreLost(err)
		}
	}
	u.Deleted = s.options.Offline || m.State == markUnnamed && now.Sub(m.Since) >= s.options.Grace
	if s.options.DryRun || !u.Deleted {
		return u, nil
	}
	if _, err := writeMark(ctx, s.store, info.Key, etag, mark{markClaimed, now.UTC()}); err != nil {
		return nil, ignoreLost(err)
	}
	if err := s.store.Delete(ctx, info.Key); err != nil {
		return nil, err
	}
	return u, s.store.Delete(ctx, markKey(info.Key))
}

// ignoreLost takes a lost race for what it is: somebody else has decided.
func ignoreLost(err error) error {
	if errors.Is(err, blob.ErrMismatch) || errors.Is(err, blob.ErrExists) {
		return nil
	}
	return err
}

// dropMarks removes the marks of content that is named again.
func (s *sweeper) dropMarks(ctx context.Context, named map[string]bool) error {
	for info, err := range s.store.List(ctx, markFolder, "") {
		if err != nil {
			return err
		}
		digest := strings.TrimSuffix(strings.TrimPrefix(info.Key, markFolder), shardExt)
		if checkDigest("sha256:"+digest) == nil && named[blobKey(digest)] {
			if err := s.store.Delete(ctx, info.Key); err != nil {
				return err
			}
		}
	}
	return nil
}

// readMark returns the mark of a content, which is empty when it has none.
func readMark(ctx context.Context, store blob.Store, content string) (m mark, etag string, err error) {
	data, etag, err := store.Get(ctx, markKey(content))
	if errors.Is(err, blob.ErrNotFound) {
		return mark{}, "", nil
	}
	if err != nil {
		return mark{}, "", err
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return mark{}, "", fmt.Errorf("%s: %w", markKey(content), err)
	}
	return m, etag, nil
}

func writeMark(ctx context.Context, store blob.Store, content, etag string, m mark) (string, error) {
	data, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	if etag == "" {
		return store.PutIfAbsent(ctx, markKey(content), bytes.NewReader(data))
	}
	return store.PutIfMatch(ctx, markKey(content), etag, bytes.NewReader(data))
}

// keep sees to it that content which is there already stays, before it is
// published.
func (s *Server) keep(ctx context.Context, content string) error {
	if !strings.HasPrefix(content, blobFolder) {
		return nil
	}
	for {
		m, etag, err := readMark(ctx, s.catalog.store, content)
		switch {
		case err != nil:
			return storageProblem(err)
		case m.State == markClaimed:
			return &problem{
				Status: http.StatusServiceUnavailable, Code: "content-collected",
				Message: "the same content was deleted before, and is being removed from the storage at this moment",
				Hint:    "nothing was published; upload again in a moment",
			}
		case m.State != markUnnamed:
			return nil
		}
		_, err = writeMark(ctx, s.catalog.store, content, etag, mark{markKept, s.options.Now().UTC()})
		if !errors.Is(err, blob.ErrMismatch) {
			if err != nil {
				return storageProblem(err)
			}
			return nil
		}
	}
}
