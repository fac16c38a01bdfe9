package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"gantry/charts/diag"
	"gantry/repo/blob"
)

// catalog holds what is published: in the store, and in memory as a snapshot.
type catalog struct {
	store   blob.Store
	log     *slog.Logger
	encoder encoder
	// most is how many bytes the record of a chart may have.
	most int64

	latest atomic.Pointer[snapshot]
	// swap is held for the moment in which one snapshot follows another.
	swap sync.Mutex
	// queues let the uploads of one chart to this process wait in line instead
	// of losing races to one another. Correctness is the store's affair.
	queues [64]sync.Mutex
	// fresh is nil when no other server shares the store.
	fresh *freshness
}

// commitTimeout ends a commit that the store does not answer. A commit does not
// end with its request: once begun, its outcome should be known here.
const commitTimeout = 30 * time.Second

// maxRecord keeps records well below what a store reads as a whole: one that could be
// written and not be read would keep every server from starting.
const maxRecord = blob.MaxGet / 4

// loaders is how many shards are read at once.
const loaders = 16

// errUnchanged is what a change returns when there is nothing to write.
var errUnchanged = errors.New("nothing to change")

func newCatalog(store blob.Store, log *slog.Logger) *catalog {
	c := &catalog{store: store, log: log, most: maxRecord}
	c.latest.Store(newSnapshot(&c.encoder, nil))
	return c
}

// current returns the snapshot of this moment.
func (c *catalog) current() *snapshot { return c.latest.Load() }

// replace puts a segment into the snapshot; nil takes the chart out.
func (c *catalog) replace(key string, seg *segment) {
	c.swap.Lock()
	defer c.swap.Unlock()
	if seg == nil {
		c.latest.Store(c.current().without(key))
		return
	}
	c.latest.Store(c.current().with(seg))
}

// queue waits until this process commits nothing else to a chart.
func (c *catalog) queue(key string) (done func()) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key)) // a hash takes everything
	q := &c.queues[h.Sum32()%uint32(len(c.queues))]
	q.Lock()
	return q.Unlock
}

// commit applies a change to the record of a chart: read, change, replace if
// nobody else has meanwhile, otherwise again from the start. When it returns nil
// the change is durable and visible to the next request. The change may run more
// than once; its error about what the store has ends the commit, errUnchanged
// without one.
func (c *catalog) commit(ctx context.Context, chart string, change func(shard) (shard, error)) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	defer c.queue(shardKey(chart))()
	seg := c.current().find(chart)
	for read := seg.unwritten(); ; read = true {
		refused, err := c.attempt(ctx, chart, seg, change)
		if refused && read && errors.Is(err, errUnchanged) {
			return nil
		}
		if err == nil || isReadOnly(err) || refused && read {
			return err
		}
		// A write that failed may have taken place, and what refused the change may
		// be long over: the store knows best what is true now.
		fresh, readErr := c.reload(ctx, chart)
		lost := errors.Is(err, blob.ErrExists) || errors.Is(err, blob.ErrMismatch)
		if !refused && !lost {
			return err
		}
		if readErr != nil {
			return readErr
		}
		seg = fresh
	}
}

// attempt changes the record of a chart as it was read, and tells whether the change
// has refused to.
func (c *catalog) attempt(ctx context.Context, chart string, seg *segment, change func(shard) (shard, error)) (refused bool, err error) {
	before, etag := shard{Chart: chart}, ""
	if seg != nil {
		before, etag = seg.shard, seg.etag
	}
	after, err := change(before)
	if err != nil {
		return true, err
	}
	// What has become too large, with other limits, can still be made smaller.
	most := c.most
	if len(after.Versions) < len(before.Versions) {
		most = blob.MaxGet
	}
	newTag, err := c.write(ctx, shardKey(chart), etag, after, most)
	if err != nil {
		return false, err
	}
	c.replace(fold(chart), c.encoder.segment(after, newTag))
	if c.fresh != nil {
		c.fresh.touch(ctx)
	}
	return false, nil
}

// unwritten reports whether a chart is in memory alone, because the store cannot be
// written: nothing else is known of it there.
func (seg *segment) unwritten() bool { return seg != nil && seg.etag == "" }

func (c *catalog) write(ctx context.Context, key, etag string, sh shard, most int64) (string, error) {
	body, err := sh.encode()
	if err != nil {
		return "", err
	}
	if body.Size() > most {
		return "", &problem{
			Status: http.StatusInsufficientStorage, Code: "chart-full",
			Message: fmt.Sprintf("what the index says of all versions of %s would be %s, and %s is the most", sh.Chart, diag.Size(body.Size()), diag.Size(most)),
			Hint:    "delete old versions with: gantry repo prune; or publish the chart under another name",
		}
	}
	if etag == "" {
		return c.store.PutIfAbsent(ctx, key, body)
	}
	return c.store.PutIfMatch(ctx, key, etag, body)
}

// reload reads the record of a chart again. The segment is nil when there is
// none.
func (c *catalog) reload(ctx context.Context, chart string) (*segment, error) {
	seg, err := c.read(ctx, shardKey(chart))
	if errors.Is(err, blob.ErrNotFound) {
		seg, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	c.replace(fold(chart), seg)
	return seg, nil
}

// read returns the segment of a record, and the one that is known already when
// the record is still the same.
func (c *catalog) read(ctx context.Context, key string) (*segment, error) {
	data, etag, err := c.store.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	if seg := c.current().find(chartOf(key)); seg != nil && seg.etag == etag {
		return seg, nil
	}
	sh, err := decodeShard(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	if shardKey(sh.Chart) != key {
		return nil, fmt.Errorf("%s: it is about chart %q", key, sh.Chart)
	}
	return c.encoder.segment(sh, etag), nil
}

// load reads the records that have changed. One that cannot be read is an error:
// serving the rest would tell clients that its charts are gone.
func (c *catalog) load(ctx context.Context) error {
	before := c.current()
	listed, loaded, err := c.readChanged(ctx, before)
	if err != nil {
		return err
	}
	again := c.merge(before, loaded)
	for _, seg := range before.segments {
		if key := shardKey(seg.shard.Chart); seg.etag != "" && !listed[key] {
			again = append(again, key)
		}
	}
	for _, key := range again {
		if err := c.loadOne(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// readChanged lists all records, and reads those that the snapshot does not have
// as they are.
func (c *catalog) readChanged(ctx context.Context, before *snapshot) (listed map[string]bool, loaded []*segment, err error) {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(loaders)
	listed = map[string]bool{}
	var mu sync.Mutex
	for info, err := range c.store.List(ctx, shardFolder, "") {
		if err != nil {
			return nil, nil, errors.Join(err, group.Wait())
		}
		listed[info.Key] = true
		if seg := before.find(chartOf(info.Key)); seg != nil && info.ETag != "" && seg.etag == info.ETag {
			continue
		}
		group.Go(func() error {
			seg, err := c.read(groupCtx, info.Key)
			if errors.Is(err, blob.ErrNotFound) {
				return nil // it is gone meanwhile, which the next load sees
			}
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			loaded = append(loaded, seg)
			return nil
		})
	}
	return listed, loaded, group.Wait()
}

// merge puts segments that were read into the snapshot at once, save those of
// charts to which somebody has committed since before: it returns their keys,
// to be read again.
func (c *catalog) merge(before *snapshot, loaded []*segment) (again []string) {
	c.swap.Lock()
	defer c.swap.Unlock()
	now := c.current()
	segments := make(map[string]*segment, len(now.segments)+len(loaded))
	for _, seg := range now.segments {
		segments[seg.key()] = seg
	}
	changed := false
	for _, seg := range loaded {
		switch have := segments[seg.key()]; {
		case have == seg:
		case have != before.find(seg.key()):
			again = append(again, shardKey(seg.shard.Chart))
		default:
			segments[seg.key()] = seg
			changed = true
		}
	}
	if changed {
		c.latest.Store(newSnapshot(&c.encoder, slices.SortedFunc(maps.Values(segments), func(a, b *segment) int {
			return cmp.Compare(a.key(), b.key())
		})))
	}
	return again
}

// loadOne reads a record under the chart's queue, so that a commit which runs
// meanwhile is not undone in memory.
func (c *catalog) loadOne(ctx context.Context, key string) error {
	defer c.queue(key)()
	seg, err := c.read(ctx, key)
	if errors.Is(err, blob.ErrNotFound) {
		c.replace(chartOf(key), nil)
		return nil
	}
	if err != nil {
		return err
	}
	c.replace(seg.key(), seg)
	return nil
}
