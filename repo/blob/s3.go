package blob

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithy "github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// S3Options say where a bucket of Amazon S3 is, or of a server that speaks its
// protocol. What they leave open comes from the environment and the files that the
// AWS tools share: AWS_REGION, AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, AWS_PROFILE, the
// roles of pods and machines.
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
func ParseS3(text string) (o S3Options, err error) {
	o.Bucket, o.Prefix, err = parseBucket("s3", text)
	return o, err
}

// ErrNoRegion reports that nothing says where a bucket of Amazon's is.
var ErrNoRegion = errors.New("the region of the bucket is not known")

// otherRegion is what servers other than Amazon's are told when nobody named a
// region; the signature needs one.
const otherRegion = "us-east-1"

// OpenS3 opens a bucket as a store.
func OpenS3(ctx context.Context, o S3Options) (*Bucket, error) {
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.ResponseHeaderTimeout = bucketSilence
		t.MaxIdleConnsPerHost = bucketConnections
	}).WithDialerOptions(func(d *net.Dialer) { d.Timeout = bucketSilence })
	c, err := config.LoadDefaultConfig(ctx,
		config.WithHTTPClient(client),
		config.WithLogger(logging.Nop{}),
		// What is sent again is decided by Bucket.
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
		// Bodies are checked by Content-MD5, which every server knows.
		config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired),
		config.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenRequired),
	)
	if err != nil {
		return nil, fmt.Errorf("read the configuration of AWS: %w", err)
	}
	server := &s3Server{bucket: o.Bucket}
	server.client = s3.NewFromConfig(c, func(so *s3.Options) {
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
	if server.client.Options().Region == "" {
		return nil, ErrNoRegion
	}
	return openBucket(ctx, &Bucket{server: server, url: "s3://" + o.Bucket + "/"}, o.Prefix, o.Alone)
}

// s3Server is a bucket behind the library of AWS.
type s3Server struct {
	client *s3.Client
	bucket string
}

func (s *s3Server) read(ctx context.Context, name string, offset int64, etag string) (io.ReadCloser, stored, error) {
	in := &s3.GetObjectInput{Bucket: &s.bucket, Key: &name}
	if offset > 0 {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", offset))
	}
	if etag != "" {
		in.IfMatch = &etag
	}
	out, err := s.client.GetObject(ctx, in)
	if err != nil {
		return nil, stored{}, s3Answer(err)
	}
	body, err := fromOffset(out.Body, aws.ToString(out.ContentRange), offset)
	return body, s3Stored(name, out.ContentLength, out.LastModified, out.ETag), err
}

func (s *s3Server) stat(ctx context.Context, name string) (stored, error) {
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: &name})
	if err != nil {
		return stored{}, s3Answer(err)
	}
	found := s3Stored(name, out.ContentLength, out.LastModified, out.ETag)
	found.mark = out.Metadata[writerKey]
	return found, nil
}

func s3Stored(name string, size *int64, modified *time.Time, etag *string) stored {
	return stored{name: name, size: aws.ToInt64(size), modified: aws.ToTime(modified), etag: aws.ToString(etag)}
}

func (s *s3Server) write(ctx context.Context, u *upload) (string, error) {
	in := &s3.PutObjectInput{
		Bucket: &s.bucket, Key: &u.name,
		Body: u.body, ContentLength: &u.size, ContentMD5: &u.sum,
		Metadata: map[string]string{writerKey: u.mark},
	}
	if u.absent {
		in.IfNoneMatch = aws.String("*")
	}
	if u.etag != "" {
		in.IfMatch = &u.etag
	}
	out, err := s.client.PutObject(ctx, in)
	if err != nil {
		return "", s3Answer(err)
	}
	return aws.ToString(out.ETag), nil
}

func (s *s3Server) remove(ctx context.Context, name string) error {
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: &name})
	return s3Answer(err)
}

func (s *s3Server) list(ctx context.Context, folder, after, token string) ([]stored, string, error) {
	in := &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &folder, Delimiter: aws.String("/")}
	if after != "" {
		in.StartAfter = &after
	}
	if token != "" {
		in.ContinuationToken = &token
	}
	out, err := s.client.ListObjectsV2(ctx, in)
	if err != nil {
		return nil, "", s3Answer(err)
	}
	page := make([]stored, 0, len(out.Contents))
	for _, o := range out.Contents {
		page = append(page, s3Stored(aws.ToString(o.Key), o.Size, o.LastModified, o.ETag))
	}
	return page, aws.ToString(out.NextContinuationToken), nil
}

// s3Answer returns an error of the library as what the server said.
func s3Answer(err error) error {
	if err == nil {
		return nil
	}
	a := &answerError{text: err.Error(), err: err}
	if answer, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		a.status = answer.HTTPStatusCode()
	}
	if says, ok := errors.AsType[smithy.APIError](err); ok {
		a.code, a.text = says.ErrorCode(), said(a.status, says.ErrorCode(), says.ErrorMessage())
	} else if _, ok := errors.AsType[*url.Error](err); ok {
		a.text = unsent(err)
	}
	a.bucket = a.code == "NoSuchBucket"
	a.later = retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) == aws.TrueTernary
	return a
}
