package blob

import (
	"context"
	"io"
	"iter"
	"strings"
)

// Below returns the part of a store below a folder, such as "org/repo/", as a
// store of its own.
func Below(s Store, folder string) (Store, error) {
	if err := checkFolder(folder); err != nil {
		return nil, err
	}
	return below{s, folder}, nil
}

type below struct {
	store  Store
	folder string
}

// key puts the folder before a key. A key that is none must not become one by it.
func (b below) key(op, key string) (string, error) {
	if err := CheckKey(key); err != nil {
		return "", wrap(op, key, err)
	}
	return b.folder + key, nil
}

func (b below) info(i Info) Info {
	i.Key = strings.TrimPrefix(i.Key, b.folder)
	return i
}

func (b below) Get(ctx context.Context, key string) ([]byte, string, error) {
	full, err := b.key("get", key)
	if err != nil {
		return nil, "", err
	}
	return b.store.Get(ctx, full)
}

func (b below) Open(ctx context.Context, key string) (*Object, error) {
	full, err := b.key("open", key)
	if err != nil {
		return nil, err
	}
	o, err := b.store.Open(ctx, full)
	if err != nil {
		return nil, err
	}
	o.Info = b.info(o.Info)
	return o, nil
}

func (b below) Stat(ctx context.Context, key string) (Info, error) {
	full, err := b.key("stat", key)
	if err != nil {
		return Info{}, err
	}
	i, err := b.store.Stat(ctx, full)
	return b.info(i), err
}

func (b below) PutIfAbsent(ctx context.Context, key string, body io.ReadSeeker) (string, error) {
	full, err := b.key("put", key)
	if err != nil {
		return "", err
	}
	return b.store.PutIfAbsent(ctx, full, body)
}

func (b below) Put(ctx context.Context, key string, body io.ReadSeeker) (string, error) {
	full, err := b.key("put", key)
	if err != nil {
		return "", err
	}
	return b.store.Put(ctx, full, body)
}

func (b below) PutIfMatch(ctx context.Context, key, etag string, body io.ReadSeeker) (string, error) {
	full, err := b.key("put", key)
	if err != nil {
		return "", err
	}
	return b.store.PutIfMatch(ctx, full, etag, body)
}

func (b below) Delete(ctx context.Context, key string) error {
	full, err := b.key("delete", key)
	if err != nil {
		return err
	}
	return b.store.Delete(ctx, full)
}

func (b below) List(ctx context.Context, folder, after string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		if err := checkFolder(folder); err != nil {
			yield(Info{}, err)
			return
		}
		if after != "" {
			after = b.folder + after
		}
		for i, err := range b.store.List(ctx, b.folder+folder, after) {
			if !yield(b.info(i), err) {
				return
			}
		}
	}
}
