package blob

import (
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	azblob "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// azureServer is a container behind the library of Azure. The tag of an object is its
// ETag without the quotes, which headers have and listings have not.
type azureServer struct {
	client *container.Client
}

// azureWriterKey is writerKey as Azure allows it: an identifier of C#.
const azureWriterKey = "gantry_writer"

// azureTagged is the condition that the object has a tag, or that there is none when
// that is wanted.
func azureTagged(etag string, absent bool) *azblob.AccessConditions {
	c := &azblob.ModifiedAccessConditions{}
	switch {
	case absent:
		c.IfNoneMatch = new(azcore.ETagAny)
	case etag != "":
		c.IfMatch = new(azcore.ETag(`"` + etag + `"`))
	default:
		return nil
	}
	return &azblob.AccessConditions{ModifiedAccessConditions: c}
}

// isAzureTag keeps a tag that is none from becoming a condition of another kind: every
// object matches a star.
func isAzureTag(etag string) bool {
	return etag != "" && !strings.ContainsFunc(etag, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '-'
	})
}

func azureStored(name string, size *int64, modified *time.Time, etag *azcore.ETag) (stored, error) {
	if size == nil || modified == nil || etag == nil {
		return stored{}, errNotAzure
	}
	found := stored{name: name, size: *size, modified: *modified, etag: strings.Trim(string(*etag), `"`)}
	if !isAzureTag(found.etag) {
		return stored{}, errNotAzure
	}
	return found, nil
}

// errNotAzure reports an answer that lacks what Azure's have.
var errNotAzure = errors.New("the answer has no size, no time or no ETag: it is not that of Azure Blob Storage")

func (s *azureServer) read(ctx context.Context, name string, offset int64, etag string) (io.ReadCloser, stored, error) {
	out, err := s.client.NewBlobClient(name).DownloadStream(ctx, &azblob.DownloadStreamOptions{
		Range:            azblob.HTTPRange{Offset: offset},
		AccessConditions: azureTagged(etag, false),
	})
	if err != nil {
		return nil, stored{}, azureAnswer(err)
	}
	found, err := azureStored(name, out.ContentLength, out.LastModified, out.ETag)
	if err != nil {
		return nil, stored{}, errors.Join(err, out.Body.Close())
	}
	var contentRange string
	if out.ContentRange != nil {
		contentRange = *out.ContentRange
	}
	body, err := fromOffset(out.Body, contentRange, offset)
	return body, found, err
}

func (s *azureServer) stat(ctx context.Context, name string) (stored, error) {
	out, err := s.client.NewBlobClient(name).GetProperties(ctx, nil)
	if err != nil {
		return stored{}, azureAnswer(err)
	}
	found, err := azureStored(name, out.ContentLength, out.LastModified, out.ETag)
	for key, value := range out.Metadata { // the case of headers is lost on the way
		if strings.EqualFold(key, azureWriterKey) && value != nil {
			found.mark = *value
		}
	}
	return found, err
}

func (s *azureServer) write(ctx context.Context, u *upload) (string, error) {
	if u.etag != "" && !isAzureTag(u.etag) {
		return "", &answerError{status: http.StatusPreconditionFailed}
	}
	sum, err := base64.StdEncoding.DecodeString(u.sum)
	if err != nil {
		return "", err
	}
	lent, err := lendSection(u.body, u.size)
	if err != nil {
		return "", err
	}
	defer lent.takeBack()
	out, err := s.client.NewBlockBlobClient(u.name).Upload(ctx, lent, &blockblob.UploadOptions{
		Metadata:                map[string]*string{azureWriterKey: &u.mark},
		TransactionalValidation: azblob.TransferValidationTypeMD5(sum),
		AccessConditions:        azureTagged(u.etag, u.absent),
	})
	if err != nil {
		return "", azureAnswer(err)
	}
	written, err := azureStored(u.name, &u.size, out.LastModified, out.ETag)
	return written.etag, err
}

func (s *azureServer) remove(ctx context.Context, name string) error {
	_, err := s.client.NewBlobClient(name).Delete(ctx, nil)
	return azureAnswer(err)
}

// list begins at the start of the folder: what Azure means by a listing from a name on
// is not said of folders.
func (s *azureServer) list(ctx context.Context, folder, _, token string) ([]stored, string, error) {
	o := &container.ListBlobsHierarchyOptions{Prefix: &folder}
	if token != "" {
		o.Marker = &token
	}
	out, err := s.client.NewListBlobsHierarchyPager("/", o).NextPage(ctx)
	if err != nil {
		return nil, "", azureAnswer(err)
	}
	if out.Segment == nil {
		return nil, "", errNotAzure
	}
	page := make([]stored, 0, len(out.Segment.BlobItems))
	for _, item := range out.Segment.BlobItems {
		if item.Name == nil || item.Properties == nil {
			return nil, "", errNotAzure
		}
		found, err := azureStored(*item.Name, item.Properties.ContentLength, item.Properties.LastModified, item.Properties.ETag)
		if err != nil {
			return nil, "", err
		}
		page = append(page, found)
	}
	var next string
	if out.NextMarker != nil {
		next = *out.NextMarker
	}
	return page, next, nil
}

// azureAnswer returns an error of the library as what the server said.
func azureAnswer(err error) error {
	if err == nil {
		return nil
	}
	if a, ok := errors.AsType[*answerError](err); ok {
		return a
	}
	no, ok := errors.AsType[*azcore.ResponseError](err)
	if !ok {
		_, unsent := errors.AsType[*url.Error](err)
		if _, syntax := errors.AsType[*xml.SyntaxError](err); !unsent && (syntax || errors.Is(err, io.EOF)) {
			return fmt.Errorf("%w: %w", errNotAzure, err)
		}
		return unanswered(err)
	}
	a := &answerError{status: no.StatusCode, code: no.ErrorCode, later: passes(no.StatusCode)}
	if a.code == "" {
		a.code = http.StatusText(no.StatusCode)
	}
	switch code := bloberror.Code(no.ErrorCode); {
	case code == bloberror.ContainerNotFound:
		a.bucket = true
	case code == bloberror.BlobAlreadyExists: // what other servers answer to If-None-Match
		a.status = http.StatusPreconditionFailed
	case code == bloberror.AuthenticationFailed:
		a.status = http.StatusUnauthorized
	case no.StatusCode == http.StatusPreconditionFailed && code != bloberror.ConditionNotMet:
		a.status = http.StatusLocked // by a lease
	}
	a.text = said(no.StatusCode, a.code, azureMessage(no.RawResponse))
	return a
}

// azureMessage is what an answer says in words, without its identifiers and times.
func azureMessage(resp *http.Response) string {
	if resp == nil {
		return ""
	}
	data, err := runtime.Payload(resp) // the library has read it already
	if err != nil {
		return ""
	}
	var answer struct{ Message string }
	if xml.Unmarshal(data, &answer) == nil {
		data = []byte(answer.Message)
	}
	message, _, _ := strings.Cut(string(data), "\nRequestId:")
	return oneLine(message)
}

// lentSection is a lentBody that can be sent from its start again.
type lentSection struct {
	lentBody

	body        io.ReadSeeker
	start, size int64
}

// lendSection lends a body from where it stands.
func lendSection(body io.ReadSeeker, size int64) (*lentSection, error) {
	start, err := body.Seek(0, io.SeekCurrent)
	return &lentSection{lentBody: lentBody{reader: body}, body: body, start: start, size: size}, err
}

func (l *lentSection) Seek(offset int64, whence int) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reader == nil {
		return 0, errTakenBack
	}
	switch whence {
	case io.SeekStart:
		offset += l.start
	case io.SeekEnd:
		offset, whence = offset+l.start+l.size, io.SeekStart
	}
	at, err := l.body.Seek(offset, whence)
	return at - l.start, err
}
