package server

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gantry/repo/blob"
)

// freshness lets the servers of one store learn of one another's commits, at the
// cost of one small read now and then: whoever commits writes a new word over
// the object gen afterwards, and only who finds another word there than last
// time lists the records.
type freshness struct {
	store blob.Store
	now   func() time.Time
	log   *slog.Logger
	// every is how old what is served may be; 0 asks for each request.
	every time.Duration
	// load reads the records that have changed.
	load func(context.Context) error

	rounds rounds

	touching sync.Mutex
	touches  atomic.Int64

	mu sync.Mutex
	// seen is the word whose commits are in memory, and etag its tag.
	seen, etag string
}

// rounds are the checks, of which there is one at a time, for all that wait for it.
type rounds struct {
	mu sync.Mutex
	// running is the check that is under way, and next the one after it. Each is
	// closed when it is over.
	running, next chan struct{}
	// last is when a check ended, and failed whether it did.
	last   time.Time
	failed bool
}

const (
	genKey = ownFolder + "gen"
	// checkTimeout is how long a reader waits for a store that does not answer
	// before it gets what is known.
	checkTimeout = 3 * time.Second
	// failedTimeout is how long it waits where the last check has failed: for as long
	// as a store hangs, nobody waits for it, and when it answers again, that is
	// noticed at once.
	failedTimeout = 100 * time.Millisecond
)

// watch makes a catalog learn of what the other servers of a shared store do.
func (c *catalog) watch(o Options) {
	if o.Shared {
		c.fresh = &freshness{store: c.store, now: o.Now, log: o.Log, every: o.Refresh, load: c.load}
	}
}

// check brings what is in memory up to date, or waits no longer for it: when the
// store fails, what was read before is still served.
func (f *freshness) check(ctx context.Context) {
	over, patience := f.join(ctx)
	if over == nil {
		return
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-over:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// join returns the end of a check that is good for a request that arrives now, and
// how long to wait for it. It is nil where none is needed. A check that began before
// the request came may have missed what the client knows of, and is as good as
// another only where what is served may be older than that.
func (f *freshness) join(ctx context.Context) (over <-chan struct{}, patience time.Duration) {
	r := &f.rounds
	r.mu.Lock()
	defer r.mu.Unlock()
	if patience = checkTimeout; r.failed {
		patience = failedTimeout
	}
	switch {
	case f.every > 0 && f.now().Sub(r.last) < f.every:
		return nil, 0
	case r.running == nil:
		r.running = make(chan struct{})
		go f.run(context.WithoutCancel(ctx))
	case f.every > 0:
	default:
		if r.next == nil {
			r.next = make(chan struct{})
		}
		return r.next, patience
	}
	return r.running, patience
}

// run checks for as long as somebody waits for it.
func (f *freshness) run(ctx context.Context) {
	r := &f.rounds
	for more := true; more; {
		within, cancel := context.WithTimeout(ctx, checkTimeout)
		err := f.update(within)
		cancel()
		if err != nil {
			f.log.WarnContext(ctx, "cannot ask the store for changes", slog.Any("error", err))
		}
		r.mu.Lock()
		r.last, r.failed = f.now(), err != nil
		close(r.running)
		r.running, r.next = r.next, nil
		more = r.running != nil
		r.mu.Unlock()
	}
}

func (f *freshness) update(ctx context.Context) error {
	word, etag, err := f.store.Get(ctx, genKey)
	if err != nil && !errors.Is(err, blob.ErrNotFound) {
		return err
	}
	f.mu.Lock()
	known := f.seen == string(word)
	f.mu.Unlock()
	if known {
		return nil
	}
	// What is committed from here on brings another word.
	if err := f.load(ctx); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen, f.etag = string(word), etag
	return nil
}

// touch tells the other servers of a commit. Commits that wait for it share one
// write. When it fails they learn of it when they list the store anyway.
func (f *freshness) touch(ctx context.Context) {
	arrived := f.touches.Load()
	f.touching.Lock()
	defer f.touching.Unlock()
	if f.touches.Load() > arrived {
		return
	}
	f.touches.Add(1)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	if err := f.write(ctx); err != nil {
		f.log.WarnContext(ctx, "cannot tell other servers of a commit", slog.Any("error", err))
	}
}

// write puts a new word in the place of the one that was seen, in which case no
// one else has committed and there is nothing to read, or else of any.
func (f *freshness) write(ctx context.Context) error {
	word := rand.Text()
	f.mu.Lock()
	known := f.etag
	f.mu.Unlock()
	if known != "" {
		etag, err := f.store.PutIfMatch(ctx, genKey, known, strings.NewReader(word))
		if err == nil {
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.etag == known {
				f.seen, f.etag = word, etag
			}
			return nil
		}
		if !errors.Is(err, blob.ErrMismatch) {
			return err
		}
	}
	_, err := f.store.Put(ctx, genKey, strings.NewReader(word))
	return err
}
