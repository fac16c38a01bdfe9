package blob

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/logging"
)

// S3 keeps objects in a bucket of Amazon S3 or of a server that speaks its
// protocol. Any number of processes on any number of machines may share it, as
// long as the server honours conditional writes; [Probe] tells whether it does.
type S3 struct {
	client *s3.Client
	bucket string
	// prefix comes before every key; it is empty or ends with a slash.
	prefix string
	// alone makes up for conditional writes where there are none; otherwise it
	// is nil.
	alone *keyLocks
	// wait passes the time between two tries of a write.
	wait func(context.Context, time.Duration) error
}

// S3Options say where a bucket is. What they leave open comes from the
// environment and the files that the AWS tools share: AWS_REGION,
// AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, AWS_PROFILE, the roles of pods and
// machines.
type S3Options struct {
	Bucket string
	// Prefix is where in the bucket the store is. Default: its root.
	Prefix string
	// Endpoint is the URL of a server other than Amazon's.
	Endpoint string
	// Region is where the bucket is. Servers other than Amazon's mostly take
	// any; their default is us-east-1.
	Region string
	// Alone promises that no other process writes to the bucket. It is for
	// servers that do not know conditional writes.
	Alone bool
}

// ParseS3 reads s3://BUCKET/PREFIX.
func ParseS3(text string) (S3Options, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "s3" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return S3Options{}, fmt.Errorf("%q does not name a bucket: write s3://BUCKET or s3://BUCKET/PREFIX", text)
	}
	o := S3Options{Bucket: u.Host, Prefix: strings.Trim(u.Path, "/")}
	if o.Prefix != "" {
		err = CheckKey(o.Prefix)
	}
	return o, err
}

// ErrNoRegion reports that nothing says where a bucket of Amazon's is.
var ErrNoRegion = errors.New("the region of the bucket is not known")

const (
	// otherRegion is what servers other than Amazon's are told when nobody
	// named a region; the signature needs one.
	otherRegion = "us-east-1"

	// s3Tries is how often a request is sent that may succeed later.
	s3Tries = 6
	// s3LongestWait is the longest pause between two tries.
	s3LongestWait = 2 * time.Second
	// s3Silence is how long the server may take to begin its answer.
	s3Silence = 15 * time.Second
	// s3Connections is how many idle connections are kept for the next burst.
	s3Connections = 64
)

// OpenS3 opens a bucket as a store. It asks the bucket once, so that a wrong
// name, missing credentials and missing rights are told here.
func OpenS3(ctx context.Context, o S3Options) (*S3, error) {
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.ResponseHeaderTimeout = s3Silence
		t.MaxIdleConnsPerHost = s3Connections
	})
	c, err := config.LoadDefaultConfig(ctx,
		config.WithHTTPClient(client),
		config.WithLogger(logging.Nop{}),
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(r *retry.StandardOptions) {
				r.MaxAttempts, r.MaxBackoff = s3Tries, s3LongestWait
			})
		}),
		// Bodies are checked by Content-MD5, which every server knows.
		config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired),
		config.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenRequired),
	)
	if err != nil {
		return nil, fmt.Errorf("read the configuration of AWS: %w", err)
	}
	s := &S3{bucket: o.Bucket, wait: pause}
	if o.Prefix != "" {
		s.prefix = strings.TrimSuffix(o.Prefix, "/") + "/"
	}
	if o.Alone {
		s.alone = &keyLocks{}
	}
	s.client = s3.NewFromConfig(c, func(so *s3.Options) {
		if o.Endpoint != "" {
			so.BaseEndpoint = aws.String(o.Endpoint)
		}
		so.Region = cmp.Or(o.Region, so.Region)
		if so.BaseEndpoint != nil {
			// Few servers have a name in the DNS for every bucket.
			so.UsePathStyle = true
			so.Region = cmp.Or(so.Region, otherRegion)
		}
	})
	if s.client.Options().Region == "" {
		return nil, ErrNoRegion
	}
	for _, err := range s.List(ctx, "", "") {
		if err != nil {
			return nil, err
		}
		break
	}
	return s, nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// s3Reads is how often Get begins anew because the object was replaced while the
// connection broke off.
const s3Reads = 8

// Get returns a whole object and its tag.
func (s *S3) Get(ctx context.Context, key string) (data []byte, etag string, err error) {
	for range s3Reads {
		data, etag, err = s.getOnce(ctx, key)
		if !errors.Is(err, ErrMismatch) {
			break
		}
	}
	return data, etag, err
}

func (s *S3) getOnce(ctx context.Context, key string) ([]byte, string, error) {
	o, err := s.Open(ctx, key)
	if err != nil {
		return nil, "", err
	}
	defer o.Close()
	if o.Size > MaxGet {
		return nil, "", wrap("get", key, ErrTooLarge)
	}
	data := make([]byte, o.Size)
	if _, err := io.ReadFull(o, data); err != nil {
		return nil, "", wrap("get", key, err)
	}
	return data, o.ETag, nil
}

// errWholeObject reports an answer that begins elsewhere than was asked for.
var errWholeObject = errors.New("the bucket does not answer with parts of objects")

// Open returns an object for reading in parts. The first part begins to arrive
// at once, at the cost of one request. When the connection breaks off, reading
// goes on with another one, unless the object was replaced meanwhile.
func (s *S3) Open(ctx context.Context, key string) (*Object, error) {
	if err := cmp.Or(ctx.Err(), CheckKey(key)); err != nil {
		return nil, wrap("open", key, err)
	}
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: aws.String(s.prefix + key)})
	if err != nil {
		return nil, wrap("open", key, translateS3(err))
	}
	info := s3Info(key, out.ContentLength, out.LastModified, out.ETag)
	reader := &resumable{size: info.Size, stream: out.Body, wait: func(try int) error { return s.wait(ctx, backoff(try)) }}
	reader.fetch = func(offset int64) (io.ReadCloser, error) {
		part, err := s.client.GetObject(ctx, &s3.GetObjectInput{
			Bucket: &s.bucket, Key: aws.String(s.prefix + key),
			Range: aws.String(fmt.Sprintf("bytes=%d-", offset)), IfMatch: out.ETag,
		})
		if err != nil {
			return nil, translateS3(err)
		}
		if !strings.HasPrefix(aws.ToString(part.ContentRange), fmt.Sprintf("bytes %d-", offset)) {
			return nil, errors.Join(errWholeObject, part.Body.Close())
		}
		return part.Body, nil
	}
	return &Object{ReadSeekCloser: reader, Info: info}, nil
}

// Stat tells what the bucket knows of an object.
func (s *S3) Stat(ctx context.Context, key string) (Info, error) {
	if err := cmp.Or(ctx.Err(), CheckKey(key)); err != nil {
		return Info{}, wrap("stat", key, err)
	}
	out, err := s.head(ctx, key)
	if err != nil {
		return Info{}, wrap("stat", key, translateS3(err))
	}
	return s3Info(key, out.ContentLength, out.LastModified, out.ETag), nil
}

func (s *S3) head(ctx context.Context, key string) (*s3.HeadObjectOutput, error) {
	return s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: aws.String(s.prefix + key)})
}

// s3Info dates an object to the second: the header of an object is no more
// precise, though a listing may be.
func s3Info(key string, size *int64, modified *time.Time, etag *string) Info {
	return Info{Key: key, Size: aws.ToInt64(size), ModTime: aws.ToTime(modified).Truncate(time.Second), ETag: aws.ToString(etag)}
}

// Delete removes an object. It is sent again only when the server has answered that
// it failed: where an answer was lost, the first request may still be on its way.
func (s *S3) Delete(ctx context.Context, key string) error {
	if err := cmp.Or(ctx.Err(), CheckKey(key)); err != nil {
		return wrap("delete", key, err)
	}
	in := &s3.DeleteObjectInput{Bucket: &s.bucket, Key: aws.String(s.prefix + key)}
	for try := 1; ; try++ {
		_, err := s.client.DeleteObject(ctx, in, func(o *s3.Options) { o.Retryer = aws.NopRetryer{} })
		if err == nil {
			return nil
		}
		if try == s3Tries || !failedForSure(err) || !retryable(err) {
			if err = translateS3(err); errors.Is(err, ErrNotFound) {
				return nil
			}
			return wrap("delete", key, err)
		}
		if err := s.wait(ctx, backoff(try)); err != nil {
			return wrap("delete", key, err)
		}
	}
}

// List yields the objects directly below a folder. Names that could not be keys
// are passed over.
func (s *S3) List(ctx context.Context, folder, after string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		if err := cmp.Or(ctx.Err(), checkFolder(folder)); err != nil {
			yield(Info{}, wrap("list", "s3://"+s.bucket+"/"+s.prefix+folder, err))
			return
		}
		in := &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: aws.String(s.prefix + folder), Delimiter: aws.String("/")}
		if after != "" {
			in.StartAfter = aws.String(s.prefix + after)
		}
		for pages := s3.NewListObjectsV2Paginator(s.client, in); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(Info{}, wrap("list", "s3://"+s.bucket+"/"+s.prefix+folder, translateS3(err)))
				return
			}
			for _, info := range s.keys(page.Contents) {
				if info.Key > after && !yield(info, nil) {
					return
				}
			}
		}
	}
}

// keys returns the objects of a page that have valid keys.
func (s *S3) keys(page []types.Object) []Info {
	infos := make([]Info, 0, len(page))
	for _, o := range page {
		key := strings.TrimPrefix(aws.ToString(o.Key), s.prefix)
		if CheckKey(key) == nil {
			infos = append(infos, s3Info(key, o.Size, o.LastModified, o.ETag))
		}
	}
	return infos
}
