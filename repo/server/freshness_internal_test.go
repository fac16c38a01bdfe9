package server

import (
	"context"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gantry/repo/blob"
)

// silent is a store that does not answer, as long as it is told not to.
type silent struct {
	blob.Store

	hangs atomic.Bool
	asked atomic.Int64
}

func (s *silent) Get(ctx context.Context, key string) (data []byte, etag string, err error) {
	s.asked.Add(1)
	if s.hangs.Load() {
		<-ctx.Done()
		return nil, "", ctx.Err()
	}
	return s.Store.Get(ctx, key)
}

func (s *silent) List(ctx context.Context, folder, after string) iter.Seq2[blob.Info, error] {
	if !s.hangs.Load() {
		return s.Store.List(ctx, folder, after)
	}
	return func(yield func(blob.Info, error) bool) {
		<-ctx.Done()
		yield(blob.Info{}, ctx.Err())
	}
}

// TestReadyOfSilentStore asks a server whether it is ready whose store hangs.
func TestReadyOfSilentStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &silent{Store: &blob.Memory{}}
		s, err := New(t.Context(), store, Options{Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		store.hangs.Store(true)
		start, w := time.Now(), httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		if took := time.Since(start); w.Code != http.StatusServiceUnavailable || took != checkTimeout {
			t.Errorf("%d after %v: %s", w.Code, took, w.Body)
		}
	})
}

// TestReadersOfSilentStore asks for what a store holds that hangs: the first reader
// waits for it, those after it hardly do, and once it answers all see what is there.
func TestReadersOfSilentStore(t *testing.T) {
	t.Parallel()
	for _, every := range []time.Duration{0, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			store := &silent{Store: &blob.Memory{}}
			loads := 0
			now := time.Now()
			f := &freshness{store: store, now: func() time.Time { return now }, log: slog.New(slog.DiscardHandler), every: every, load: func(context.Context) error { loads++; return nil }}
			waits := func() time.Duration {
				now = now.Add(every) // what is known is too old
				start := time.Now()
				f.check(t.Context())
				return time.Since(start)
			}
			if took := waits(); took != 0 || store.asked.Load() != 1 {
				t.Errorf("every %v: a store that answers is waited for %v, and asked %d times", every, took, store.asked.Load())
			}
			store.hangs.Store(true)
			if took := waits(); took != checkTimeout {
				t.Errorf("every %v: the first reader waits %v", every, took)
			}
			synctest.Wait()
			for range 20 {
				if took := waits(); took > failedTimeout {
					t.Errorf("every %v: readers wait %v for a store that hangs", every, took)
				}
			}
			store.hangs.Store(false)
			f.rounds.settle()
			if err := f.write(t.Context()); err != nil {
				t.Fatal(err)
			}
			f.seen = "" // somebody else has written it
			if took := waits(); took != 0 || loads == 0 {
				t.Errorf("every %v: after the store has come back readers wait %v, and %d times was read what changed", every, took, loads)
			}
			synctest.Wait()
		})
	}
}

// settle waits until nobody asks the store any more.
func (r *rounds) settle() {
	for {
		r.mu.Lock()
		over := r.running
		r.mu.Unlock()
		if over == nil {
			return
		}
		<-over
	}
}

// TestChecksAreShared lets many readers arrive while a check is under way: one more
// is good for all of them.
func TestChecksAreShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &silent{Store: &blob.Memory{}}
		store.hangs.Store(true)
		f := &freshness{store: store, now: time.Now, log: slog.New(slog.DiscardHandler), load: func(context.Context) error { return nil }}
		go f.check(t.Context())
		synctest.Wait()
		store.hangs.Store(false)
		var readers sync.WaitGroup
		for range 50 {
			readers.Go(func() { f.check(t.Context()) })
		}
		readers.Wait()
		f.rounds.settle()
		if n := store.asked.Load(); n != 2 {
			t.Errorf("the store was asked %d times, want 2", n)
		}
	})
}
