package blob

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// gcsServer speaks the JSON API of Google Cloud Storage. The tag of an object is its
// generation, a number that each write makes anew.
type gcsServer struct {
	client *http.Client
	// endpoint is the URL of the server, without a slash at its end.
	endpoint string
	bucket   string
	// tokens is nil where nobody asks for them.
	tokens oauth2.TokenSource
}

const (
	// gcsPage is how many objects a page of a listing has.
	gcsPage = 1000
	// gcsMaxAnswer is how much of an answer is read that describes objects.
	gcsMaxAnswer = 16 << 20
	// gcsMaxRefusal is how much is read of an answer that says no.
	gcsMaxRefusal = 64 << 10
	// gcsNoBucket is in what is said of a bucket that is not there. For reads, nothing
	// else tells it from an object that is not.
	gcsNoBucket = "bucket does not exist"
)

// gcsObject is an object as the API describes it.
type gcsObject struct {
	Name       string            `json:"name"`
	Size       int64             `json:"size,string"`
	Updated    time.Time         `json:"updated"`
	Generation string            `json:"generation"`
	Metadata   map[string]string `json:"metadata"`
}

func (o gcsObject) stored() stored {
	return stored{name: o.Name, size: o.Size, modified: o.Updated, etag: o.Generation, mark: o.Metadata[writerKey]}
}

// gcsQuery is a request to the API.
type gcsQuery struct {
	method string
	// path is what comes after the version of the API, as it is sent.
	path   string
	upload bool
	values url.Values
	header http.Header
	body   io.ReadCloser
	size   int64
}

func (s *gcsServer) objects() string { return "/b/" + url.PathEscape(s.bucket) + "/o" }

func (s *gcsServer) object(name string) string { return s.objects() + "/" + url.PathEscape(name) }

func (s *gcsServer) read(ctx context.Context, name string, offset int64, etag string) (io.ReadCloser, stored, error) {
	q := gcsQuery{method: http.MethodGet, path: s.object(name), values: url.Values{"alt": {"media"}}, header: http.Header{}}
	// Otherwise Google unpacks what was uploaded with this encoding.
	q.header.Set("Accept-Encoding", "gzip")
	if offset > 0 {
		q.header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	if etag != "" {
		q.values.Set("generation", etag)
	}
	resp, err := s.send(ctx, q)
	if err != nil {
		if etag != "" && statusOf(err) == http.StatusNotFound {
			return nil, stored{}, ErrMismatch // this generation is gone, and there may be another
		}
		return nil, stored{}, err
	}
	found := stored{name: name, size: resp.ContentLength, etag: resp.Header.Get("X-Goog-Generation")}
	if found.modified, err = http.ParseTime(resp.Header.Get("Last-Modified")); err != nil {
		found.modified = time.Time{}
	}
	if found.size < 0 || !isGeneration(found.etag) {
		return nil, stored{}, errors.Join(errNotGCS, resp.Body.Close())
	}
	body, err := fromOffset(resp.Body, resp.Header.Get("Content-Range"), offset)
	return body, found, err
}

// errNotGCS reports an answer that lacks what Google's have.
var errNotGCS = errors.New("the answer has no size or no generation: it is not that of Google Cloud Storage")

func (s *gcsServer) stat(ctx context.Context, name string) (stored, error) {
	q := gcsQuery{method: http.MethodGet, path: s.object(name), values: url.Values{"fields": {"name,size,updated,generation,metadata"}}}
	var o gcsObject
	err := s.call(ctx, q, &o)
	if err == nil && !isGeneration(o.Generation) {
		err = errNotGCS
	}
	return o.stored(), err
}

func (s *gcsServer) remove(ctx context.Context, name string) error {
	resp, err := s.send(ctx, gcsQuery{method: http.MethodDelete, path: s.object(name)})
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func (s *gcsServer) list(ctx context.Context, folder, after, token string) ([]stored, string, error) {
	q := gcsQuery{method: http.MethodGet, path: s.objects(), values: url.Values{
		"prefix": {folder}, "delimiter": {"/"}, "maxResults": {strconv.Itoa(gcsPage)},
		"fields": {"nextPageToken,items(name,size,updated,generation)"},
	}}
	if after != "" {
		q.values.Set("startOffset", after)
	}
	if token != "" {
		q.values.Set("pageToken", token)
	}
	var answer struct {
		Items         []gcsObject `json:"items"`
		NextPageToken string      `json:"nextPageToken"`
	}
	if err := s.call(ctx, q, &answer); err != nil {
		return nil, "", bucketMissing(err)
	}
	page := make([]stored, 0, len(answer.Items))
	for _, o := range answer.Items {
		page = append(page, o.stored())
	}
	return page, answer.NextPageToken, nil
}

// bucketMissing tells what it is that an answer has not found, where nothing but the
// bucket can be meant.
func bucketMissing(err error) error {
	if a, ok := errors.AsType[*answerError](err); ok {
		a.bucket = a.status == http.StatusNotFound
	}
	return err
}

// isGeneration keeps a tag that is none from becoming a condition of another kind: 0 is
// that of an object that is not there.
func isGeneration(etag string) bool {
	n, err := strconv.ParseInt(etag, 10, 64)
	return err == nil && n > 0
}

func (s *gcsServer) write(ctx context.Context, u *upload) (string, error) {
	if u.etag != "" && !isGeneration(u.etag) {
		return "", &answerError{status: http.StatusPreconditionFailed}
	}
	q := gcsQuery{method: http.MethodPost, path: s.objects(), upload: true, values: url.Values{
		"uploadType": {"multipart"}, "name": {u.name}, "fields": {"generation"},
	}, header: http.Header{}}
	switch {
	case u.absent:
		q.values.Set("ifGenerationMatch", "0")
	case u.etag != "":
		q.values.Set("ifGenerationMatch", u.etag)
	}
	head, tail, contentType, err := envelope(u)
	if err != nil {
		return "", err
	}
	q.header.Set("Content-Type", contentType)
	lent := &lentBody{reader: io.MultiReader(bytes.NewReader(head), io.LimitReader(u.body, u.size), bytes.NewReader(tail))}
	defer lent.takeBack()
	q.body, q.size = lent, int64(len(head))+u.size+int64(len(tail))
	var o gcsObject
	if err := s.call(ctx, q, &o); err != nil {
		return "", bucketMissing(err)
	}
	if !isGeneration(o.Generation) {
		return "", errNotGCS
	}
	return o.Generation, nil
}

// envelope returns what is sent before and after the content of an object: its
// metadata, and the bounds of the parts. Google checks the sum before it keeps anything.
func envelope(u *upload) (head, tail []byte, contentType string, err error) {
	meta, err := json.Marshal(map[string]any{
		"md5Hash":  u.sum,
		"metadata": map[string]string{writerKey: u.mark},
		// Objects that everybody may read would be served from caches for an hour.
		"cacheControl": "no-store",
	})
	if err != nil {
		return nil, nil, "", err
	}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreatePart(textproto.MIMEHeader{"Content-Type": {"application/json; charset=UTF-8"}})
	if err == nil {
		_, err = part.Write(meta)
	}
	if err == nil {
		_, err = w.CreatePart(textproto.MIMEHeader{"Content-Type": {"application/octet-stream"}})
	}
	at := b.Len()
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, nil, "", err
	}
	return b.Bytes()[:at], b.Bytes()[at:], "multipart/related; boundary=" + w.Boundary(), nil
}

// call sends a request and reads the answer.
func (s *gcsServer) call(ctx context.Context, q gcsQuery, into any) error {
	resp, err := s.send(ctx, q)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, gcsMaxAnswer))
	if err != nil {
		return unanswered(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%w: %w", errNotGCS, err)
	}
	return nil
}

// send sends a request and returns the answer if it says yes.
func (s *gcsServer) send(ctx context.Context, q gcsQuery) (*http.Response, error) {
	path := "/storage/v1"
	if q.upload {
		path = "/upload" + path
	}
	// A body that nobody sends must be none, and not an interface that holds nothing.
	var body io.Reader
	if q.body != nil {
		body = q.body
	}
	req, err := http.NewRequestWithContext(ctx, q.method, s.endpoint+path+q.path+"?"+q.values.Encode(), body)
	if err != nil {
		return nil, err
	}
	if q.header != nil {
		req.Header = q.header
	}
	req.Header.Set("User-Agent", "gantry")
	if q.body != nil {
		req.ContentLength = q.size
	}
	if s.tokens != nil {
		token, err := s.tokens.Token()
		if err != nil {
			return nil, refusedToken(err)
		}
		token.SetAuthHeader(req)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, unanswered(err)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return nil, refusal(resp)
	}
	return resp, nil
}

// refusedToken tells whether there may be a token later.
func refusedToken(err error) error {
	err = fmt.Errorf("%w: %w", ErrCredentials, err)
	a := &answerError{text: err.Error(), err: err, later: true}
	if no, ok := errors.AsType[*oauth2.RetrieveError](err); ok && no.Response != nil {
		a.later = passes(no.Response.StatusCode)
	}
	return a
}

// refusal reads what a server says that says no.
func refusal(resp *http.Response) error {
	defer resp.Body.Close()
	data, _ := io.ReadAll(io.LimitReader(resp.Body, gcsMaxRefusal)) // half of it says something, too
	var answer struct {
		Error struct {
			Message string `json:"message"`
			Errors  []struct {
				Reason string `json:"reason"`
			} `json:"errors"`
		} `json:"error"`
	}
	a := &answerError{status: resp.StatusCode, later: passes(resp.StatusCode)}
	message := string(data)
	if json.Unmarshal(data, &answer) == nil && answer.Error.Message != "" {
		message = answer.Error.Message
	}
	if len(answer.Error.Errors) > 0 {
		a.code = answer.Error.Errors[0].Reason
	}
	a.bucket = a.status == http.StatusNotFound && strings.Contains(message, gcsNoBucket)
	if a.code == "" {
		a.code = http.StatusText(resp.StatusCode)
	}
	a.text = said(a.status, a.code, oneLine(message))
	return a
}
