package blob

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"iter"
	"maps"
	"path"
	"slices"
	"sync"
	"time"
)

// Memory keeps objects in memory. The zero value is empty and ready to use.
type Memory struct {
	// Now dates the objects. Without it they have no date.
	Now func() time.Time

	mu      sync.RWMutex
	objects map[string]memoryObject
}

type memoryObject struct {
	data []byte
	etag string
	mod  time.Time
}

func (o memoryObject) info(key string) Info {
	return Info{Key: key, Size: int64(len(o.data)), ModTime: o.mod, ETag: o.etag}
}

func (m *Memory) find(ctx context.Context, op, key string) (memoryObject, error) {
	if err := cmp.Or(ctx.Err(), CheckKey(key)); err != nil {
		return memoryObject{}, wrap(op, key, err)
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	o, ok := m.objects[key]
	if !ok {
		return memoryObject{}, wrap(op, key, ErrNotFound)
	}
	return o, nil
}

// Get returns a whole object and its tag.
func (m *Memory) Get(ctx context.Context, key string) ([]byte, string, error) {
	o, err := m.find(ctx, "get", key)
	return bytes.Clone(o.data), o.etag, err
}

// Open returns an object for reading in parts.
func (m *Memory) Open(ctx context.Context, key string) (*Object, error) {
	o, err := m.find(ctx, "open", key)
	if err != nil {
		return nil, err
	}
	return &Object{ReadSeekCloser: nopCloser{bytes.NewReader(o.data)}, Info: o.info(key)}, nil
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

// Stat tells the size and the age of an object.
func (m *Memory) Stat(ctx context.Context, key string) (Info, error) {
	o, err := m.find(ctx, "stat", key)
	return o.info(key), err
}

// PutIfAbsent creates an object.
func (m *Memory) PutIfAbsent(ctx context.Context, key string, body io.ReadSeeker) (string, error) {
	return m.put(ctx, key, body, func(_ memoryObject, exists bool) error {
		if exists {
			return ErrExists
		}
		return nil
	})
}

// Put creates or replaces an object.
func (m *Memory) Put(ctx context.Context, key string, body io.ReadSeeker) (string, error) {
	return m.put(ctx, key, body, func(memoryObject, bool) error { return nil })
}

// PutIfMatch replaces the object that had the tag.
func (m *Memory) PutIfMatch(ctx context.Context, key, etag string, body io.ReadSeeker) (string, error) {
	return m.put(ctx, key, body, func(o memoryObject, exists bool) error {
		if !exists || o.etag != etag {
			return ErrMismatch
		}
		return nil
	})
}

func (m *Memory) put(ctx context.Context, key string, body io.Reader, allowed func(memoryObject, bool) error) (string, error) {
	if err := cmp.Or(ctx.Err(), CheckKey(key)); err != nil {
		return "", wrap("put", key, err)
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return "", wrap("put", key, err)
	}
	o := memoryObject{data: data, etag: tagOf(data)}
	if m.Now != nil {
		o.mod = m.Now()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	old, exists := m.objects[key]
	if err := allowed(old, exists); err != nil {
		return "", wrap("put", key, err)
	}
	if m.objects == nil {
		m.objects = map[string]memoryObject{}
	}
	m.objects[key] = o
	return o.etag, nil
}

// Delete removes an object.
func (m *Memory) Delete(ctx context.Context, key string) error {
	if err := cmp.Or(ctx.Err(), CheckKey(key)); err != nil {
		return wrap("delete", key, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, key)
	return nil
}

// List yields the objects directly below a folder.
func (m *Memory) List(ctx context.Context, folder, after string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		if err := checkFolder(folder); err != nil {
			yield(Info{}, err)
			return
		}
		m.mu.RLock()
		objects := maps.Clone(m.objects)
		m.mu.RUnlock()
		for _, key := range slices.Sorted(maps.Keys(objects)) {
			if err := ctx.Err(); err != nil {
				yield(Info{}, err)
				return
			}
			if dir, _ := path.Split(key); dir != folder || key <= after {
				continue
			}
			if !yield(objects[key].info(key), nil) {
				return
			}
		}
	}
}
