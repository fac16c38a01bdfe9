package blob

import (
	"context"
	"fmt"
	"hash/fnv"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// bucketLock excludes the other goroutines of this process by a channel and the
// other processes by a lock on a file. Waiting ends with the context.
type bucketLock struct {
	held chan struct{}
	path string
}

// lockPoll is how often a lock that another process holds is tried. Such locks
// are held for the time of one small write.
const lockPoll = 2 * time.Millisecond

func newBucketLock(dir string, bucket int) bucketLock {
	return bucketLock{
		held: make(chan struct{}, 1),
		path: filepath.Join(dir, lockFolder, fmt.Sprintf("%02d", bucket)),
	}
}

func (l bucketLock) acquire(ctx context.Context) (unlock func(), err error) {
	select {
	case l.held <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	file := flock.New(l.path)
	if _, err := file.TryLockContext(ctx, lockPoll); err != nil {
		<-l.held
		return nil, err
	}
	return func() {
		_ = file.Close() // closing the file releases the lock in any case
		<-l.held
	}, nil
}

// bucketOf spreads keys over the locks. Which key falls where is part of the
// contract between processes that share a folder.
func bucketOf(key string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key)) // a hash takes everything
	return int(h.Sum32() % lockBuckets)
}

// keyLocks excludes the other goroutines of this process.
type keyLocks [lockBuckets]sync.Mutex

func (l *keyLocks) lock(key string) (unlock func()) {
	mu := &l[bucketOf(key)]
	mu.Lock()
	return mu.Unlock
}
