package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"gantry/repo/blob"
)

// downloads counts how often versions were fetched. A download costs an addition in
// memory. Every server writes what it has counted on one day into an object of its own,
// now and then, and reads those of the others; what is shown is the sum. So no
// two servers ever write to one object, and one that is killed loses what it had
// counted since it last wrote.
//
// Objects of days that are over are folded into one, by a conditional write that names
// them, so that each is folded once and the number of objects stays small.
type downloads struct {
	store blob.Store
	now   func() time.Time
	// name tells the objects of this server from those of others.
	name string
	// flushing is held by who writes and reads objects.
	flushing sync.Mutex

	mu sync.Mutex
	// own is what this server counts, by the key of the object.
	own map[string]*ownTally
	// read is what the store has of others, and total the days that were folded.
	read  map[string]readTally
	total foldedTally
}

// tally is how often versions were fetched, by chart, with the path of its
// repository, and version.
type tally map[string]map[string]int64

func (t tally) add(chart, version string, n int64) {
	if t[chart] == nil {
		t[chart] = map[string]int64{}
	}
	t[chart][version] += n
}

func (t tally) addAll(other tally) {
	for chart, versions := range other {
		for version, n := range versions {
			t.add(chart, version, n)
		}
	}
}

// of returns how often a version was fetched; all versions when none is named.
func (t tally) of(chart, version string) int64 {
	if version != "" {
		return t[chart][version]
	}
	var sum int64
	for _, n := range t[chart] {
		sum += n
	}
	return sum
}

// ownTally is what this server has counted on a day.
type ownTally struct {
	counts tally
	// unwritten tells that the object has less.
	unwritten bool
}

// readTally is an object of another server, as it was when its print was this.
type readTally struct {
	print  string
	counts tally
}

// foldedTally holds days that are over.
type foldedTally struct {
	// Folded are the keys of the objects that it holds and that may still be there.
	Folded    []string `json:"folded,omitempty"`
	Downloads tally    `json:"downloads"`

	print, etag string
}

const (
	downloadFolder = ownFolder + "downloads/"
	totalKey       = downloadFolder + "total" + shardExt
	// foldAfter is when nobody writes to the object of a day any more, wherever
	// in the world, and whatever its clock says.
	foldAfter = 48 * time.Hour
	// rememberFolded is how long the name of an object that is gone is kept: who
	// had listed it before knows by then that it is folded.
	rememberFolded = 7 * 24 * time.Hour
)

func newDownloads(store blob.Store, now func() time.Time) *downloads {
	return &downloads{
		store: store, now: now, name: strings.ToLower(rand.Text()[:tokenIDSize]),
		own: map[string]*ownTally{}, read: map[string]readTally{}, total: foldedTally{Downloads: tally{}},
	}
}

// dayKey is the object of a day. The day comes first, so that it can be read off.
func (d *downloads) dayKey(day time.Time) string {
	return downloadFolder + day.UTC().Format(time.DateOnly) + "-" + d.name + shardExt
}

// dayOf reads the day off the key of an object.
func dayOf(key string) (time.Time, error) {
	name := strings.TrimPrefix(key, downloadFolder)
	return time.Parse(time.DateOnly, name[:min(len(time.DateOnly), len(name))])
}

// count notes a download.
func (d *downloads) count(chart, version string) {
	key := d.dayKey(d.now())
	d.mu.Lock()
	defer d.mu.Unlock()
	t, ok := d.own[key]
	if !ok {
		t = &ownTally{counts: tally{}}
		d.own[key] = t
	}
	t.counts.add(chart, version, 1)
	t.unwritten = true
}

// of returns how often a version was fetched, from here and, as far as is known,
// from the other servers; all versions of the chart when none is named.
func (d *downloads) of(chart, version string) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	sum := d.total.Downloads.of(chart, version)
	for _, own := range d.own {
		sum += own.counts.of(chart, version)
	}
	for key, other := range d.read {
		if !slices.Contains(d.total.Folded, key) {
			sum += other.counts.of(chart, version)
		}
	}
	return sum
}

// flush writes what this server has counted, and reads what others have. What
// cannot be written is written the next time.
func (d *downloads) flush(ctx context.Context) error {
	d.flushing.Lock()
	defer d.flushing.Unlock()
	return errors.Join(tolerate(d.write(ctx)), tolerate(d.refresh(ctx)))
}

// tolerate takes it that a store is read-only, which then keeps no counts, and that
// another server was faster.
func tolerate(err error) error {
	if isReadOnly(err) || errors.Is(err, blob.ErrExists) || errors.Is(err, blob.ErrMismatch) {
		return nil
	}
	return err
}

func (d *downloads) write(ctx context.Context) error {
	d.mu.Lock()
	keys := slices.Sorted(maps.Keys(d.own))
	d.mu.Unlock()
	for _, key := range keys {
		d.mu.Lock()
		t := d.own[key]
		unwritten := t.unwritten
		data, err := json.Marshal(t.counts)
		t.unwritten = false
		d.mu.Unlock()
		if !unwritten {
			continue
		}
		if err == nil {
			_, err = d.store.Put(ctx, key, bytes.NewReader(data))
		}
		if err != nil {
			d.mu.Lock()
			t.unwritten = true
			d.mu.Unlock()
			return fmt.Errorf("write the counts of downloads: %w", err)
		}
	}
	return nil
}

// refresh reads what has changed. The total comes last: an object that is folded
// meanwhile is then named in it, and not counted twice.
func (d *downloads) refresh(ctx context.Context) error {
	found := map[string]blob.Info{}
	for info, err := range d.store.List(ctx, downloadFolder, "") {
		if err != nil {
			return fmt.Errorf("list the counts of downloads: %w", err)
		}
		found[info.Key] = info
	}
	read, err := d.readDays(ctx, found)
	if err != nil {
		return err
	}
	total, err := d.readTotal(ctx, found[totalKey])
	if err != nil {
		return err
	}
	d.mu.Lock()
	for key, t := range d.own {
		// A day that is over is read like those of others from here on.
		if !t.unwritten && key != d.dayKey(d.now()) {
			delete(d.own, key)
		}
		if d.own[key] != nil {
			delete(read, key)
		}
	}
	d.read, d.total = read, total
	d.mu.Unlock()
	return d.fold(ctx, total, read)
}

// fingerprint changes when the object does.
func fingerprint(info blob.Info) string {
	return fmt.Sprintf("%s %d %d", info.ETag, info.Size, info.ModTime.UnixNano())
}

// readDays reads the objects of servers and days that are not known as they are.
func (d *downloads) readDays(ctx context.Context, found map[string]blob.Info) (map[string]readTally, error) {
	read := map[string]readTally{}
	for key, info := range found {
		if _, err := dayOf(key); err != nil {
			continue // the total, and whatever is none of ours
		}
		if known, ok := d.read[key]; ok && known.print == fingerprint(info) {
			read[key] = known
			continue
		}
		data, _, err := d.store.Get(ctx, key)
		if errors.Is(err, blob.ErrNotFound) {
			continue // folded meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("read the counts of downloads: %w", err)
		}
		one := readTally{print: fingerprint(info)}
		if err := json.Unmarshal(data, &one.counts); err != nil {
			return nil, fmt.Errorf("read the counts of downloads: %s: %w", key, err)
		}
		read[key] = one
	}
	return read, nil
}

func (d *downloads) readTotal(ctx context.Context, info blob.Info) (foldedTally, error) {
	if info.Key != "" && d.total.print == fingerprint(info) {
		return d.total, nil
	}
	t := foldedTally{print: fingerprint(info)}
	data, etag, err := d.store.Get(ctx, totalKey)
	switch {
	case errors.Is(err, blob.ErrNotFound):
	case err != nil:
		return t, fmt.Errorf("read the counts of downloads: %w", err)
	default:
		if err := json.Unmarshal(data, &t); err != nil {
			return t, fmt.Errorf("read the counts of downloads: %s: %w", totalKey, err)
		}
		t.etag = etag
	}
	if t.Downloads == nil {
		t.Downloads = tally{}
	}
	return t, nil
}

// fold adds days that are over to the total, and deletes their objects. When another
// server does the same at this moment, one of them wins and the other has
// nothing to do.
func (d *downloads) fold(ctx context.Context, total foldedTally, read map[string]readTally) error {
	now := d.now()
	next := foldedTally{Downloads: tally{}}
	next.Downloads.addAll(total.Downloads)
	for _, key := range total.Folded {
		_, there := read[key]
		if day, err := dayOf(key); there || err == nil && now.Sub(day) < rememberFolded {
			next.Folded = append(next.Folded, key)
		}
	}
	var over []string
	for key, t := range read {
		if day, err := dayOf(key); err != nil || now.Sub(day) < foldAfter {
			continue
		}
		over = append(over, key)
		if !slices.Contains(total.Folded, key) {
			next.Folded = append(next.Folded, key)
			next.Downloads.addAll(t.counts)
		}
	}
	if len(over) == 0 {
		return nil
	}
	slices.Sort(next.Folded)
	if !slices.Equal(next.Folded, total.Folded) {
		if err := d.writeTotal(ctx, next, total.etag); err != nil {
			return err
		}
	}
	for _, key := range over {
		if err := d.store.Delete(ctx, key); err != nil {
			return fmt.Errorf("delete counts of downloads that are in the total: %w", err)
		}
	}
	return nil
}

func (d *downloads) writeTotal(ctx context.Context, total foldedTally, etag string) error {
	data, err := json.Marshal(total)
	if err != nil {
		return err
	}
	if etag == "" {
		_, err = d.store.PutIfAbsent(ctx, totalKey, bytes.NewReader(data))
	} else {
		_, err = d.store.PutIfMatch(ctx, totalKey, etag, bytes.NewReader(data))
	}
	return err
}

// Flush writes down what was counted and done since the last time, and reads what
// other servers of the store have counted. It is called now and then, and when the
// server ends.
func (s *Server) Flush(ctx context.Context) error {
	return errors.Join(s.downloads.flush(ctx), tolerate(s.journal.flush(ctx)))
}

// sendArchive sends the archive of a version and counts the download. Who has it
// already, who only asks, and who goes on where a download broke off, is not counted.
func (s *Server) sendArchive(w http.ResponseWriter, r *http.Request, of archiveOf, c content) error {
	seen := &recorder{ResponseWriter: w}
	if err := s.send(seen, r, c); err != nil {
		return err
	}
	begins := seen.status == http.StatusOK ||
		seen.status == http.StatusPartialContent && strings.HasPrefix(w.Header().Get("Content-Range"), "bytes 0-")
	if r.Method == http.MethodGet && begins {
		s.downloads.count(s.path+of.chart, of.version)
		s.metrics.downloads.WithLabelValues(of.protocol).Inc()
	}
	return nil
}

// archiveOf is the version that an archive is of, and how it is fetched.
type archiveOf struct{ chart, version, protocol string }
