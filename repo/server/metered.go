package server

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/prometheus/client_golang/prometheus"

	"gantry/repo/blob"
)

// metered counts what a store is asked for.
type metered struct {
	blob.Store

	metrics *metrics
}

// begin times an operation; the function that it returns takes its outcome.
func (m metered) begin(operation string) func(error) {
	timer := prometheus.NewTimer(m.metrics.storeTook.WithLabelValues(operation))
	return func(err error) {
		timer.ObserveDuration()
		m.metrics.store.WithLabelValues(operation, storeOutcome(err)).Inc()
	}
}

// storeOutcome tells answers of the contract from failures.
func storeOutcome(err error) string {
	switch {
	case err == nil:
		return "done"
	case errors.Is(err, blob.ErrNotFound):
		return "not-found"
	case errors.Is(err, blob.ErrExists):
		return "exists"
	case errors.Is(err, blob.ErrMismatch):
		return "mismatch"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	default:
		return "failed"
	}
}

func (m metered) Get(ctx context.Context, key string) (data []byte, etag string, err error) {
	end := m.begin("get")
	data, etag, err = m.Store.Get(ctx, key)
	end(err)
	return data, etag, err
}

func (m metered) Open(ctx context.Context, key string) (*blob.Object, error) {
	end := m.begin("open")
	o, err := m.Store.Open(ctx, key)
	end(err)
	return o, err
}

func (m metered) Stat(ctx context.Context, key string) (blob.Info, error) {
	end := m.begin("stat")
	info, err := m.Store.Stat(ctx, key)
	end(err)
	return info, err
}

func (m metered) PutIfAbsent(ctx context.Context, key string, body io.ReadSeeker) (string, error) {
	end := m.begin("put-if-absent")
	etag, err := m.Store.PutIfAbsent(ctx, key, body)
	end(err)
	return etag, err
}

func (m metered) Put(ctx context.Context, key string, body io.ReadSeeker) (string, error) {
	end := m.begin("put")
	etag, err := m.Store.Put(ctx, key, body)
	end(err)
	return etag, err
}

func (m metered) PutIfMatch(ctx context.Context, key, etag string, body io.ReadSeeker) (string, error) {
	end := m.begin("put-if-match")
	newTag, err := m.Store.PutIfMatch(ctx, key, etag, body)
	end(err)
	return newTag, err
}

func (m metered) Delete(ctx context.Context, key string) error {
	end := m.begin("delete")
	err := m.Store.Delete(ctx, key)
	end(err)
	return err
}

// List counts a list as one operation, however many requests it takes.
func (m metered) List(ctx context.Context, folder, after string) iter.Seq2[blob.Info, error] {
	return func(yield func(blob.Info, error) bool) {
		end := m.begin("list")
		var failed error
		defer func() { end(failed) }()
		for info, err := range m.Store.List(ctx, folder, after) {
			failed = err
			if !yield(info, err) {
				return
			}
		}
	}
}
