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

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// PutIfAbsent creates an object.
func (s *S3) PutIfAbsent(ctx context.Context, key string, body io.ReadSeeker) (string, error) {
	return s.put(ctx, key, body, condition{absent: true})
}

// PutIfMatch replaces the object that had the tag.
func (s *S3) PutIfMatch(ctx context.Context, key, etag string, body io.ReadSeeker) (string, error) {
	if etag == "" { // would be no condition at all
		return "", wrap("put", key, cmp.Or(CheckKey(key), ErrMismatch))
	}
	return s.put(ctx, key, body, condition{etag: etag})
}

// Put creates or replaces an object.
func (s *S3) Put(ctx context.Context, key string, body io.ReadSeeker) (string, error) {
	return s.put(ctx, key, body, condition{})
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

// writerKey is the metadata that tells one write from another.
const writerKey = "gantry-writer"

// check looks whether the condition holds, for a bucket that cannot.
func (c condition) check(ctx context.Context, s *S3, key string) error {
	info, err := s.Stat(ctx, key)
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

func (s *S3) put(ctx context.Context, key string, body io.ReadSeeker, c condition) (string, error) {
	if err := cmp.Or(ctx.Err(), CheckKey(key)); err != nil {
		return "", wrap("put", key, err)
	}
	if s.alone != nil {
		defer s.alone.lock(key)()
		if err := c.check(ctx, s, key); err != nil {
			return "", wrap("put", key, err)
		}
		c = condition{}
	}
	etag, err := s.putUntilKnown(ctx, key, body, c)
	return etag, wrap("put", key, err)
}

// putUntilKnown sends a write until its outcome is known. A write whose answer
// was lost may have taken place: sent again, it would fail for its own sake. So
// each write has a mark, by which it knows its own object.
func (s *S3) putUntilKnown(ctx context.Context, key string, body io.ReadSeeker, c condition) (string, error) {
	in, err := s.putInput(key, body, c)
	if err != nil {
		return "", err
	}
	start, err := body.Seek(0, io.SeekCurrent)
	if err != nil {
		return "", err
	}
	for try := 1; ; try++ {
		out, err := s.client.PutObject(ctx, in, func(o *s3.Options) { o.Retryer = aws.NopRetryer{} })
		if err == nil {
			return aws.ToString(out.ETag), nil
		}
		if refused := c.failed(err); refused != nil {
			if try == 1 {
				return "", refused
			}
			return s.ours(ctx, key, in.Metadata[writerKey], refused)
		}
		if try == s3Tries || ctx.Err() != nil || !retryable(err) {
			return "", translateS3(err)
		}
		if err := s.wait(ctx, backoff(try)); err != nil {
			return "", err
		}
		if _, err := body.Seek(start, io.SeekStart); err != nil {
			return "", err
		}
	}
}

// putInput reads the body once, for its size and its sum, and goes back.
func (s *S3) putInput(key string, body io.ReadSeeker, c condition) (*s3.PutObjectInput, error) {
	start, err := body.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	sum := md5.New()
	size, err := io.Copy(sum, body)
	if err != nil {
		return nil, err
	}
	if _, err := body.Seek(start, io.SeekStart); err != nil {
		return nil, err
	}
	in := &s3.PutObjectInput{
		Bucket: &s.bucket, Key: aws.String(s.prefix + key),
		Body: body, ContentLength: &size,
		ContentMD5: aws.String(base64.StdEncoding.EncodeToString(sum.Sum(nil))),
		Metadata:   map[string]string{writerKey: rand.Text()},
	}
	if c.absent {
		in.IfNoneMatch = aws.String("*")
	}
	if c.etag != "" {
		in.IfMatch = &c.etag
	}
	return in, nil
}

// ours returns the tag of an object that this write has put there, and the
// refusal when somebody else has.
func (s *S3) ours(ctx context.Context, key, mark string, refused error) (string, error) {
	out, err := s.head(ctx, key)
	switch {
	case err != nil && !errors.Is(translateS3(err), ErrNotFound):
		return "", translateS3(err)
	case err == nil && out.Metadata[writerKey] == mark:
		return aws.ToString(out.ETag), nil
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
	longest := min(firstPause<<(try-1), s3LongestWait)
	return longest/2 + mathrand.N(longest/2)
}
