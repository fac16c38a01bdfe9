package blob

import (
	"context"
	"fmt"
	"path/filepath"
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
