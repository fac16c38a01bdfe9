package blob

import (
	"cmp"
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"time"
)

// PutIfAbsent creates an object.
func (b *Bucket) PutIfAbsent(ctx context.Context, key string, body io.ReadSeeker) (string, error) {
	return b.put(ctx, key, body, condition{absent: true})
}

// PutIfMatch replaces the object that had the tag.
func (b *Bucket) PutIfMatch(ctx context.Context, key, etag string, body io.ReadSeeker) (string, error) {
	if etag == "" { // would be no condition at all
		return "", wrap("put", key, cmp.Or(CheckKey(key), ErrMismatch))
	}
	return b.put(ctx, key, body, condition{etag: etag})
}

// Put creates or replaces an object.
func (b *Bucket) Put(ctx context.Context, key string, body io.ReadSeeker) (string, error) {
	return b.put(ctx, key, body, condition{})
}

// condition is what must be true of the object that a write is for.
type condition struct {
	absent bool
	etag   string
}

// failed returns the error of the contract when the server says that the
// condition does not hold, and nil when it says something else.
func (c condition) failed(err error) error {
	status := statusOf(err)
	switch {
	case c.absent && status == http.StatusPreconditionFailed:
		return ErrExists
	case c.etag != "" && (status == http.StatusPreconditionFailed || status == http.StatusNotFound && !isBucket(err)):
		return ErrMismatch
	default:
		return nil
	}
}

// upload is a write as it is sent.
type upload struct {
	condition

	name string
	// body is read from where it stands; the size is what is left of it, and sum
	// the MD5 of that in base64.
	body io.ReadSeeker
	size int64
	sum  string
	// mark tells one write from another; it becomes the metadata writerKey.
	mark string
}

// writerKey is the metadata that tells one write from another.
const writerKey = "gantry-writer"

// check looks whether the condition holds, for a bucket that cannot.
func (c condition) check(ctx context.Context, b *Bucket, key string) error {
	info, err := b.Stat(ctx, key)
	switch {
	case err != nil && !errors.Is(err, ErrNotFound):
		return err
	case c.absent && err == nil:
		return ErrExists
	case c.etag != "" && info.ETag != c.etag:
		return ErrMismatch
	default:
		return nil
	}
}

func (b *Bucket) put(ctx context.Context, key string, body io.ReadSeeker, c condition) (string, error) {
	if err := cmp.Or(ctx.Err(), CheckKey(key)); err != nil {
		return "", wrap("put", key, err)
	}
	if b.alone != nil {
		defer b.alone.lock(key)()
		if err := c.check(ctx, b, key); err != nil {
			return "", wrap("put", key, err)
		}
		c = condition{}
	}
	etag, err := b.putUntilKnown(ctx, key, body, c)
	return etag, wrap("put", key, err)
}

// putUntilKnown sends a write until its outcome is known. A write whose answer
// was lost may have taken place: sent again, it would fail for its own sake. So
// each write has a mark, by which it knows its own object.
func (b *Bucket) putUntilKnown(ctx context.Context, key string, body io.ReadSeeker, c condition) (string, error) {
	start, err := body.Seek(0, io.SeekCurrent)
	if err != nil {
		return "", err
	}
	u := &upload{condition: c, name: b.prefix + key, body: body, mark: rand.Text()}
	if err := u.measure(); err != nil {
		return "", err
	}
	for try := 1; ; try++ {
		if _, err := body.Seek(start, io.SeekStart); err != nil {
			return "", err
		}
		etag, err := b.server.write(ctx, u)
		if err == nil {
			return etag, nil
		}
		if refused := c.failed(err); refused != nil {
			if try == 1 {
				return "", refused
			}
			return b.ours(ctx, key, u.mark, refused)
		}
		if ctx.Err() != nil || !again(try, err) {
			// A server that refuses a large object while it is sent is not heard, but
			// what was sent first may be there.
			if try > 1 {
				return b.kept(ctx, u, translateAnswer(err))
			}
			return "", translateAnswer(err)
		}
		if err := b.wait(ctx, backoff(try)); err != nil {
			return "", err
		}
	}
}

// kept returns the tag of a write whose last answer was an error, if it took place
// nevertheless. It looks once: the server has failed often enough.
func (b *Bucket) kept(ctx context.Context, u *upload, failed error) (string, error) {
	found, err := b.server.stat(ctx, u.name)
	if err != nil || found.mark != u.mark {
		return "", failed
	}
	return found.etag, nil
}

// measure reads the body once, for its size and its sum.
func (u *upload) measure() (err error) {
	sum := md5.New()
	u.size, err = io.Copy(sum, u.body)
	u.sum = base64.StdEncoding.EncodeToString(sum.Sum(nil))
	return err
}

// ours returns the tag of an object that this write has put there, and the
// refusal when somebody else has.
func (b *Bucket) ours(ctx context.Context, key, mark string, refused error) (string, error) {
	found, err := b.stat(ctx, key)
	switch {
	case err != nil && !errors.Is(err, ErrNotFound):
		return "", err
	case err == nil && found.mark == mark:
		return found.etag, nil
	default:
		return "", refused
	}
}

// firstPause is the longest pause after the first try; each further one is twice
// as long.
const firstPause = 100 * time.Millisecond

// backoff returns how long to wait after a try. Half of it is by chance, so that
// writers who failed together do not come back together.
func backoff(try int) time.Duration {
	longest := min(firstPause<<(try-1), bucketLongestWait)
	return longest/2 + mathrand.N(longest/2)
}
