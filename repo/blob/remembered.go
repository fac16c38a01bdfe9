package blob

import (
	"hash/maphash"
	"sync"
)

// remembered knows the objects that this process has replaced last by a hash that is
// far quicker than that of their tags: whoever replaces an object again and again reads
// it each time, for another process may have replaced it, and finds what it wrote
// itself. Two contents are taken for one another when 64 bits agree under a seed that
// nobody knows.
type remembered struct {
	seed maphash.Seed

	mu      sync.Mutex
	objects map[string]written
}

// written is an object as this process wrote it.
type written struct {
	etag string
	hash uint64
}

// maxRemembered is how many objects are known.
const maxRemembered = 10_000

// has reports whether the content is known to be the object with the tag.
func (r *remembered) has(key, etag string, data []byte) bool {
	r.mu.Lock()
	w, ok := r.objects[key]
	r.mu.Unlock()
	return ok && w.etag == etag && w.hash == maphash.Bytes(r.seed, data)
}

// hash returns the quick hash.
func (r *remembered) hash() *maphash.Hash {
	var h maphash.Hash
	h.SetSeed(r.seed)
	return &h
}

func (r *remembered) keep(key string, w written) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.objects == nil || len(r.objects) >= maxRemembered {
		r.objects = map[string]written{}
	}
	r.objects[key] = w
}
