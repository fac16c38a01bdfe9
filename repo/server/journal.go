package server

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"gantry/repo/blob"
)

// journal keeps what the audit log tells of for the page of administrators, over all
// servers of a store: each writes objects of its own, now and then. The audit log of
// the operator is complete; of the journal the last moments of a server that is
// killed are missing.
type journal struct {
	store blob.Store
	now   func() time.Time
	name  string
	// flushing is held by who writes.
	flushing sync.Mutex

	mu sync.Mutex
	// parts are objects that are not written as they are: the last one takes
	// entries.
	parts []*journalPart
}

// journalEntry is what somebody did, or tried.
type journalEntry struct {
	Time    time.Time `json:"time"`
	Action  string    `json:"action"`
	Chart   string    `json:"chart,omitempty"`
	Version string    `json:"version,omitempty"`
	Digest  string    `json:"digest,omitempty"`
	Token   string    `json:"token,omitempty"`
	Account string    `json:"account,omitempty"`
	User    string    `json:"user,omitempty"`
	Remote  string    `json:"remote,omitempty"`
	Request string    `json:"request,omitempty"`
	// Error says why it was not done.
	Error string `json:"error,omitempty"`
}

// journalPart is an object of the journal.
type journalPart struct {
	key     string
	entries []journalEntry
	// written is how many of them the object has.
	written int
}

const (
	journalFolder = ownFolder + "audit/"
	// journalTime begins the key of a part, with the time of its first entry.
	journalTime = "20060102T150405.000"
	// partSize is how many entries a part takes, and partAge for how long.
	partSize = 1000
	partAge  = 24 * time.Hour
	// maxWaiting is how many parts wait for a store that fails. Beyond that the
	// oldest are dropped.
	maxWaiting = 20
	// journalAge is how long parts are kept.
	journalAge = 90 * 24 * time.Hour
	// maxPartsRead is how many parts one look at the journal reads.
	maxPartsRead = 50
)

func newJournal(store blob.Store, now func() time.Time) *journal {
	return &journal{store: store, now: now, name: strings.ToLower(rand.Text()[:tokenIDSize])}
}

// add notes an entry.
func (j *journal) add(e journalEntry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if n := len(j.parts); n == 0 || len(j.parts[n-1].entries) >= partSize || e.Time.Sub(j.parts[n-1].entries[0].Time) > partAge {
		// Parts that are full are told apart by their number.
		key := fmt.Sprintf("%s%s-%s-%s%s", journalFolder, e.Time.UTC().Format(journalTime), j.name, strings.ToLower(rand.Text()[:4]), shardExt)
		j.parts = append(j.parts, &journalPart{key: key})
		j.parts = j.parts[max(0, len(j.parts)-maxWaiting):]
	}
	last := j.parts[len(j.parts)-1]
	last.entries = append(last.entries, e)
}

// flush writes what is new. Parts that are full and written are forgotten.
func (j *journal) flush(ctx context.Context) error {
	j.flushing.Lock()
	defer j.flushing.Unlock()
	j.mu.Lock()
	parts := slices.Clone(j.parts)
	j.mu.Unlock()
	began := false
	for i, p := range parts {
		j.mu.Lock()
		entries := slices.Clip(p.entries)
		j.mu.Unlock()
		if len(entries) > p.written {
			data, err := json.Marshal(entries)
			if err == nil {
				_, err = j.store.Put(ctx, p.key, bytes.NewReader(data))
			}
			if err != nil {
				return fmt.Errorf("write the journal: %w", err)
			}
			began = began || p.written == 0
			p.written = len(entries)
		}
		if i < len(parts)-1 {
			j.mu.Lock()
			j.parts = slices.DeleteFunc(j.parts, func(other *journalPart) bool { return other == p })
			j.mu.Unlock()
		}
	}
	if !began {
		return nil
	}
	return j.forget(ctx)
}

// forget deletes parts that are old enough.
func (j *journal) forget(ctx context.Context) error {
	end := journalFolder + j.now().Add(-journalAge).UTC().Format(journalTime)
	for info, err := range j.store.List(ctx, journalFolder, "") {
		if err != nil {
			return fmt.Errorf("list the journal: %w", err)
		}
		if info.Key >= end {
			return nil
		}
		if err := j.store.Delete(ctx, info.Key); err != nil {
			return fmt.Errorf("delete what is old of the journal: %w", err)
		}
	}
	return nil
}

// journalQuery chooses entries. What is empty chooses all.
type journalQuery struct {
	user, chart, action string
	// before leaves out what is as new or newer.
	before time.Time
	limit  int
}

func (q journalQuery) matches(e journalEntry) bool {
	return holds(e.User, q.user) && (holds(e.Chart, q.chart) || q.chart != "" && (holds(e.Token, q.chart) || holds(e.Account, q.chart))) &&
		(q.action == "" || e.Action == q.action) && (q.before.IsZero() || e.Time.Before(q.before))
}

// holds matches a pattern with stars, or a part of a name without.
func holds(name, pattern string) bool {
	name, pattern = strings.ToLower(name), strings.ToLower(pattern)
	if strings.Contains(pattern, "*") {
		return matchStar(pattern, name)
	}
	return strings.Contains(name, pattern)
}

// find returns the newest entries that match, newest first, and whether there may be
// more.
func (j *journal) find(ctx context.Context, q journalQuery) (found []journalEntry, more bool, err error) {
	j.mu.Lock()
	own := map[string][]journalEntry{}
	for _, p := range j.parts {
		own[p.key] = slices.Clip(p.entries)
	}
	j.mu.Unlock()
	take := func(entries []journalEntry) {
		for _, e := range entries {
			if q.matches(e) {
				found = append(found, e)
			}
		}
		slices.SortStableFunc(found, func(a, b journalEntry) int { return b.Time.Compare(a.Time) })
	}
	for _, entries := range own {
		take(entries)
	}
	parts, err := j.partsBefore(ctx, q.before)
	if err != nil {
		return nil, false, err
	}
	for i, info := range parts {
		// A part has no entry that is newer than it is itself.
		if len(found) > q.limit && info.ModTime.Before(found[q.limit-1].Time) {
			break
		}
		if i >= maxPartsRead {
			more = true
			break
		}
		if _, known := own[info.Key]; known {
			continue
		}
		entries, err := j.read(ctx, info.Key)
		if err != nil {
			return nil, false, err
		}
		take(entries)
	}
	if len(found) > q.limit {
		return found[:q.limit], true, nil
	}
	return found, more, nil
}

// partsBefore lists the parts that began before a time, those that were written last
// in front.
func (j *journal) partsBefore(ctx context.Context, before time.Time) ([]blob.Info, error) {
	var parts []blob.Info
	for info, err := range j.store.List(ctx, journalFolder, "") {
		if err != nil {
			return nil, fmt.Errorf("list the journal: %w", err)
		}
		if !before.IsZero() && info.Key >= journalFolder+before.UTC().Format(journalTime)+"~" {
			break
		}
		parts = append(parts, info)
	}
	slices.SortFunc(parts, func(a, b blob.Info) int {
		return cmp.Or(b.ModTime.Compare(a.ModTime), cmp.Compare(b.Key, a.Key))
	})
	return parts, nil
}

func (j *journal) read(ctx context.Context, key string) ([]journalEntry, error) {
	data, _, err := j.store.Get(ctx, key)
	if errors.Is(err, blob.ErrNotFound) {
		return nil, nil // it was old
	}
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	var entries []journalEntry
	if err := json.Unmarshal(data, &entries); err != nil {
		return nil, fmt.Errorf("read the journal: %s: %w", key, err)
	}
	return entries, nil
}
