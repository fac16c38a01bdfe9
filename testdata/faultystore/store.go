package faultystore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"gantry/repo/blob"
)

// ErrUnavailable is what a service says that is down or has too much to do.
var ErrUnavailable = errors.New("503 service unavailable")

// Faults says how often what happens, each between 0 and 1.
type Faults struct {
	// Refused requests do nothing.
	Refused float64
	// Lost answers are those of writes that were done.
	Lost float64
	// Truncated answers break off in the middle.
	Truncated float64
	// Slow answers take up to Delay longer.
	Slow  float64
	Delay time.Duration
}

// Store is a store that fails.
type Store struct {
	inner  blob.Store
	faults Faults
	off    atomic.Bool

	mu     sync.Mutex
	random *rand.Rand
	failed int
}

// New returns a store that does what the inner one does, if nothing comes in between.
func New(inner blob.Store, seed uint64, f Faults) *Store {
	return &Store{inner: inner, faults: f, random: rand.New(rand.NewPCG(seed, 0))} //nolint:gosec // faults are no secrets
}

// Heal ends all faults.
func (s *Store) Heal() { s.off.Store(true) }

// Failed returns how many faults there were.
func (s *Store) Failed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// happens draws whether something that is so likely happens now.
func (s *Store) happens(likely float64) bool {
	if s.off.Load() || likely <= 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.random.Float64() >= likely {
		return false
	}
	s.failed++
	return true
}

// below draws a number below n.
func (s *Store) below(n int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.Int64N(max(n, 1))
}

// begin is the way to the service: it may take long, and lead nowhere.
func (s *Store) begin(ctx context.Context, op, key string) error {
	if s.happens(s.faults.Slow) {
		timer := time.NewTimer(time.Duration(s.below(int64(s.faults.Delay))))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if s.happens(s.faults.Refused) {
		return fmt.Errorf("%s %s: %w", op, key, ErrUnavailable)
	}
	return nil
}

// end is the way back from a write.
func (s *Store) end(op, key string, err error) error {
	if s.happens(s.faults.Lost) {
		return fmt.Errorf("%s %s: the answer is lost: %w", op, key, ErrUnavailable)
	}
	return err
}

// Get fails also where the answer breaks off.
func (s *Store) Get(ctx context.Context, key string) (data []byte, etag string, err error) {
	if err := s.begin(ctx, "get", key); err != nil {
		return nil, "", err
	}
	if s.happens(s.faults.Truncated) {
		return nil, "", fmt.Errorf("get %s: %w", key, io.ErrUnexpectedEOF)
	}
	return s.inner.Get(ctx, key)
}

// Open returns an object that may break off while it is read.
func (s *Store) Open(ctx context.Context, key string) (*blob.Object, error) {
	if err := s.begin(ctx, "open", key); err != nil {
		return nil, err
	}
	o, err := s.inner.Open(ctx, key)
	if err != nil || !s.happens(s.faults.Truncated) {
		return o, err
	}
	o.ReadSeekCloser = &broken{ReadSeekCloser: o.ReadSeekCloser, left: s.below(o.Size)}
	return o, nil
}

// broken is an object of which a part arrives.
type broken struct {
	io.ReadSeekCloser

	left int64
}

func (b *broken) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := b.ReadSeekCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// Stat asks the inner store.
func (s *Store) Stat(ctx context.Context, key string) (blob.Info, error) {
	if err := s.begin(ctx, "stat", key); err != nil {
		return blob.Info{}, err
	}
	return s.inner.Stat(ctx, key)
}

// PutIfAbsent may create an object and say that it failed.
func (s *Store) PutIfAbsent(ctx context.Context, key string, body io.ReadSeeker) (string, error) {
	if err := s.begin(ctx, "put", key); err != nil {
		return "", err
	}
	etag, err := s.inner.PutIfAbsent(ctx, key, body)
	return etag, s.end("put", key, err)
}

// Put may write an object and say that it failed.
func (s *Store) Put(ctx context.Context, key string, body io.ReadSeeker) (string, error) {
	if err := s.begin(ctx, "put", key); err != nil {
		return "", err
	}
	etag, err := s.inner.Put(ctx, key, body)
	return etag, s.end("put", key, err)
}

// PutIfMatch may replace an object and say that it failed.
func (s *Store) PutIfMatch(ctx context.Context, key, etag string, body io.ReadSeeker) (string, error) {
	if err := s.begin(ctx, "put", key); err != nil {
		return "", err
	}
	newTag, err := s.inner.PutIfMatch(ctx, key, etag, body)
	return newTag, s.end("put", key, err)
}

// Delete may remove an object and say that it failed.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := s.begin(ctx, "delete", key); err != nil {
		return err
	}
	return s.end("delete", key, s.inner.Delete(ctx, key))
}

// List may break off in the middle, with an error.
func (s *Store) List(ctx context.Context, folder, after string) iter.Seq2[blob.Info, error] {
	return func(yield func(blob.Info, error) bool) {
		if err := s.begin(ctx, "list", folder); err != nil {
			yield(blob.Info{}, err)
			return
		}
		left := int64(-1)
		if s.happens(s.faults.Truncated) {
			left = s.below(10)
		}
		for info, err := range s.inner.List(ctx, folder, after) {
			if left == 0 {
				yield(blob.Info{}, fmt.Errorf("list %s: %w", folder, io.ErrUnexpectedEOF))
				return
			}
			left--
			if !yield(info, err) {
				return
			}
		}
	}
}
