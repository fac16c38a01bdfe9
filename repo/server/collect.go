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
// danger is an upload of the very content that is about to go: it publishes a
// version, and the deletion takes effect after that. So content is marked first,
// and goes when it has been marked for the whole of the grace. Whoever wants to
// publish a content looks for its mark before anything else, be the content there
// or not, and takes it away; whoever wants to delete it has to claim the mark. Both
// are conditional writes, so one of them wins. An upload that saw no mark is
// published long before the grace is over, and the collection that follows sees it.
//
// A deletion whose answer was lost may take effect later. Such a claim stays until
// nothing that was sent then can be under way any more, and until then uploads of
// the content are refused.
//
// Marks are dated by the clock of the store, where it has one, so that it does not
// matter how far the clocks of machines are apart.

const (
	markFolder = ownFolder + "unnamed/"
	// clockKey is an object whose date tells what time it is for the store.
	clockKey = ownFolder + "clock"
	// MinGrace is the shortest grace beside running servers.
	MinGrace = 10 * time.Minute
	// publishTimeout is how long an upload may take from looking for a mark to
	// its commit: much shorter than the grace.
	publishTimeout = MinGrace / 2
	// claimAge is when no request of the collection that made a claim can be
	// under way any more.
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
	// Failed says why it is not known whether it is gone. Uploads of it are
	// refused for an hour, and a later collection decides.
	Failed string `json:"failed,omitempty"`
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
	sweep := &sweeper{store: store, options: options, began: options.Now, seen: map[string]bool{}}
	if !options.DryRun {
		var err error
		if sweep.began, err = timeOf(ctx, store, options.Now); err != nil {
			return nil, err
		}
	}
	c := newChecker(store)
	c.marking = true
	contents, err := c.walk(ctx)
	if err != nil {
		return nil, err
	}
	if len(c.report.Findings) > 0 {
		return nil, &DamagedError{c.report.Findings[0]}
	}
	all, err := sweep.orphans(ctx, c, contents)
	if err != nil {
		return nil, err
	}
	found, err := sweep.contents(ctx, contents, c.named)
	if err != nil {
		return nil, err
	}
	all = append(all, found...)
	if !options.DryRun {
		if err := sweep.dropMarks(ctx, contents, c.named); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b Unnamed) int { return strings.Compare(a.Digest, b.Digest) })
	return all, nil
}

type sweeper struct {
	store   blob.Store
	options CollectOptions
	// began is when the first record was read: what was published since may not be
	// known to be named.
	began time.Time
	// seen are the contents that are decided upon.
	seen map[string]bool
}

// contents collects what has no name, and returns it.
func (s *sweeper) contents(ctx context.Context, contents []blob.Info, named map[string]bool) ([]Unnamed, error) {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(loaders)
	found := make([]*Unnamed, len(contents))
	for i, info := range contents {
		if named[info.Key] || s.seen[info.Key] {
			continue
		}
		group.Go(func() (err error) {
			found[i], err = s.content(groupCtx, info, nil)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var all []Unnamed
	for _, u := range found {
		if u != nil {
			all = append(all, *u)
		}
	}
	return all, nil
}

// content marks a content, or deletes it when it has been marked for long enough. What
// must be done before it goes is done while it is claimed. The result is nil when
// somebody names it again.
func (s *sweeper) content(ctx context.Context, info blob.Info, before func(context.Context) (bool, error)) (*Unnamed, error) {
	u := &Unnamed{Digest: keyDigest(info.Key), Size: info.Size, Since: s.began.UTC()}
	m, etag, err := readMark(ctx, s.store, info.Key)
	if err != nil {
		return nil, err
	}
	switch {
	case m.State == markUnnamed:
		if u.Since, err = s.marked(ctx, info.Key, m); err != nil {
			return nil, err
		}
	case m.claimed(s.began):
		return nil, nil // another collection is at it, or was interrupted
	case s.options.DryRun:
	default:
		if etag, err = writeMark(ctx, s.store, info.Key, etag, mark{markUnnamed, u.Since}); err != nil {
			return nil, ignoreLost(err)
		}
	}
	u.Deleted = s.options.Offline || m.State == markUnnamed && s.began.Sub(u.Since) >= s.options.Grace
	if s.options.DryRun || !u.Deleted {
		return u, nil
	}
	// A claim holds from when it is made, however long ago the collection began.
	now, err := timeOf(ctx, s.store, s.options.Now)
	if err != nil {
		return nil, err
	}
	if etag, err = writeMark(ctx, s.store, info.Key, etag, mark{markClaimed, now.UTC()}); err != nil {
		return nil, ignoreLost(err)
	}
	if before != nil {
		if goes, err := before(ctx); err != nil || !goes {
			_, markErr := writeMark(ctx, s.store, info.Key, etag, mark{markKept, now.UTC()})
			return nil, errors.Join(err, ignoreLost(markErr))
		}
	}
	err = s.store.Delete(ctx, info.Key)
	if err == nil {
		return u, s.store.Delete(ctx, markKey(info.Key))
	}
	u.Deleted, u.Failed = false, err.Error()
	return u, nil
}

// marked returns since when a mark could be seen, which is later than its collection
// began where that had much to read.
func (s *sweeper) marked(ctx context.Context, content string, m mark) (time.Time, error) {
	info, err := s.store.Stat(ctx, markKey(content))
	if errors.Is(err, blob.ErrNotFound) {
		return s.began, nil // somebody has taken it away, as the next write finds out
	}
	if err != nil || m.Since.After(info.ModTime) {
		return m.Since, err
	}
	return info.ModTime.UTC(), nil
}

// ignoreLost takes a lost race for what it is: somebody else has decided.
func ignoreLost(err error) error {
	if errors.Is(err, blob.ErrMismatch) || errors.Is(err, blob.ErrExists) {
		return nil
	}
	return err
}

// dropMarks removes the marks that mean nothing any more: those of content that is
// named, and of content that is gone. Nothing is deleted by a mark that was taken
// away from it for as long as the grace, so it does no harm if somebody changes it
// in the same moment.
func (s *sweeper) dropMarks(ctx context.Context, contents []blob.Info, named map[string]bool) error {
	there := make(map[string]bool, len(contents))
	for _, info := range contents {
		there[info.Key] = true
	}
	for info, err := range s.store.List(ctx, markFolder, "") {
		if err != nil {
			return err
		}
		digest := keyDigest(strings.TrimSuffix(info.Key, shardExt))
		if checkDigest(digest) != nil {
			continue
		}
		if key := digestKey(digest); named[key] || !there[key] {
			if err := s.dropMark(ctx, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// dropMark removes a mark which no deletion has claimed.
func (s *sweeper) dropMark(ctx context.Context, content string) error {
	m, etag, err := readMark(ctx, s.store, content)
	switch {
	case err != nil || m.claimed(s.began):
		return err
	case m.State == markUnnamed:
		// Another collection may be about to claim it. It is removed next time.
		_, err = writeMark(ctx, s.store, content, etag, mark{markKept, s.began.UTC()})
		return ignoreLost(err)
	default:
		return s.store.Delete(ctx, markKey(content))
	}
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

// claimed reports whether the content of a mark may disappear at any moment.
func (m mark) claimed(now time.Time) bool {
	return m.State == markClaimed && now.Sub(m.Since) < claimAge
}

// timeOf returns what time it is for a store, and the time that was given where
// the store does not date its objects.
func timeOf(ctx context.Context, store blob.Store, now time.Time) (time.Time, error) {
	if _, err := store.Put(ctx, clockKey, strings.NewReader("")); err != nil {
		return now, err
	}
	info, err := store.Stat(ctx, clockKey)
	if err != nil || info.ModTime.IsZero() {
		return now, err
	}
	return info.ModTime, nil
}

// keep sees to it that a content is not deleted by what has found it without a
// name. It comes before the content is stored or looked for.
func (s *Server) keep(ctx context.Context, content string) error {
	if !strings.HasPrefix(content, contentFolder) {
		return nil
	}
	store := s.catalog.store
	for {
		m, etag, err := readMark(ctx, store, content)
		if err != nil {
			return storageProblem(err)
		}
		if m.State != markUnnamed && m.State != markClaimed {
			return nil
		}
		now, err := timeOf(ctx, store, s.options.Now())
		if err != nil {
			return storageProblem(err)
		}
		if m.claimed(now) {
			return &problem{
				Status: http.StatusServiceUnavailable, Code: "content-collected",
				Message: "the same content was deleted before, and is being removed from the storage at this moment",
				Hint:    "nothing was published; upload again in a moment, or in an hour if the collection was interrupted",
			}
		}
		_, err = writeMark(ctx, store, content, etag, mark{markKept, now.UTC()})
		if err == nil {
			return nil
		}
		if !errors.Is(err, blob.ErrMismatch) {
			return storageProblem(err)
		}
	}
}
