package blob

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"strings"
	"time"

	"gantry/repo/pause"
)

// Bucket keeps objects in a bucket of an object store. Any number of processes on
// any number of machines may share it, as long as its server honours conditional
// writes; [Probe] tells whether it does.
type Bucket struct {
	server objectServer
	// url names the bucket in errors; it ends with a slash.
	url string
	// prefix comes before every key; it is empty or ends with a slash.
	prefix string
	// alone makes up for conditional writes where there are none; otherwise it
	// is nil.
	alone *keyLocks
	// wait passes the time between two tries of a request.
	wait func(context.Context, time.Duration) error
}

// objectServer is what kinds of object stores differ in. Each call sends one request
// and none a second time: what may be sent again, and how often, is decided here for
// all of them. Names are keys with the prefix before them. Errors of the server are
// an [answerError].
type objectServer interface {
	// read returns an object from an offset on. With a tag it is an error that
	// translates to ErrMismatch when the object has another one.
	read(ctx context.Context, name string, offset int64, etag string) (io.ReadCloser, stored, error)
	// stat tells what is known of an object, its mark included.
	stat(ctx context.Context, name string) (stored, error)
	// write sends a whole object and returns its tag.
	write(ctx context.Context, u *upload) (etag string, err error)
	// remove deletes an object. It may be an error when there is none.
	remove(ctx context.Context, name string) error
	// list returns a page of the objects whose names begin with a folder and
	// have no further slash, from those that sort after a name on, and the token
	// of the next page, which is empty after the last one. Names up to after,
	// and those of other folders, may be among them.
	list(ctx context.Context, folder, after, token string) (page []stored, next string, err error)
}

// stored is what the server of a bucket knows of an object.
type stored struct {
	name     string
	size     int64
	modified time.Time
	etag     string
	// mark is what its writer put into its metadata, where that was asked for.
	mark string
}

// info dates an object to the second: the header of an object is no more precise,
// though a listing may be.
func (s stored) info(key string) Info {
	return Info{Key: key, Size: s.size, ModTime: s.modified.Truncate(time.Second), ETag: s.etag}
}

const (
	// bucketTries is how often a request is sent that may succeed later.
	bucketTries = 6
	// bucketSilences is how often it is sent to a server that does not answer at all,
	// for each of them takes as long as its silence is borne: who uploads hears of it
	// before proxies on the way give up.
	bucketSilences = 2
	// bucketPatience is how often it is sent to a server that has too many of them:
	// Google takes about one write a second to the same object.
	bucketPatience = 14
	// bucketLongestWait is the longest pause between two tries.
	bucketLongestWait = 2 * time.Second
	// bucketSilence is how long a server may take to take a connection, and to begin
	// its answer.
	bucketSilence = 15 * time.Second
	// bucketConnections is how many idle connections are kept for the next burst.
	bucketConnections = 64
	// bucketReads is how often Get begins anew because the object was replaced
	// while the connection broke off.
	bucketReads = 8
)

// openBucket asks the bucket once, so that a wrong name, missing credentials and
// missing rights are told here.
func openBucket(ctx context.Context, b *Bucket, prefix string, alone bool) (*Bucket, error) {
	b.wait = pause.For
	if prefix != "" {
		b.prefix = strings.TrimSuffix(prefix, "/") + "/"
	}
	if alone {
		b.alone = &keyLocks{}
	}
	for _, err := range b.List(ctx, "", "") {
		if err != nil {
			return nil, err
		}
		break
	}
	return b, nil
}

// parseBucket reads SCHEME://BUCKET/PREFIX.
func parseBucket(scheme, text string) (bucket, prefix string, err error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != scheme || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", "", fmt.Errorf("%q does not name a bucket: write %s://BUCKET or %s://BUCKET/PREFIX", text, scheme, scheme)
	}
	prefix = strings.Trim(u.Path, "/")
	if prefix != "" {
		err = CheckKey(prefix)
	}
	return u.Host, prefix, err
}

// ask sends a request that changes nothing until it is answered or cannot be.
func (b *Bucket) ask(ctx context.Context, send func() error) error {
	for try := 1; ; try++ {
		err := send()
		if err == nil || ctx.Err() != nil || !again(try, err) {
			return translateAnswer(err)
		}
		if err := b.wait(ctx, backoff(try)); err != nil {
			return err
		}
	}
}

// Get returns a whole object and its tag.
func (b *Bucket) Get(ctx context.Context, key string) (data []byte, etag string, err error) {
	for range bucketReads {
		data, etag, err = b.getOnce(ctx, key)
		if !errors.Is(err, ErrMismatch) {
			break
		}
	}
	return data, etag, err
}

func (b *Bucket) getOnce(ctx context.Context, key string) ([]byte, string, error) {
	o, err := b.Open(ctx, key)
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

// fromOffset returns the body of an answer that begins where it should.
func fromOffset(body io.ReadCloser, contentRange string, offset int64) (io.ReadCloser, error) {
	if offset > 0 && !strings.HasPrefix(contentRange, fmt.Sprintf("bytes %d-", offset)) {
		return nil, errors.Join(errWholeObject, body.Close())
	}
	return body, nil
}

// Open returns an object for reading in parts. The first part begins to arrive
// at once, at the cost of one request. When the connection breaks off, reading
// goes on with another one, unless the object was replaced meanwhile.
func (b *Bucket) Open(ctx context.Context, key string) (*Object, error) {
	if err := cmp.Or(ctx.Err(), CheckKey(key)); err != nil {
		return nil, wrap("open", key, err)
	}
	var stream io.ReadCloser
	var found stored
	err := b.ask(ctx, func() (err error) {
		stream, found, err = b.server.read(ctx, b.prefix+key, 0, "")
		return err
	})
	if err != nil {
		return nil, wrap("open", key, err)
	}
	reader := &resumable{
		size: found.size, stream: stream,
		wait: func(try int) error { return b.wait(ctx, backoff(try)) },
		fetch: func(offset int64) (io.ReadCloser, error) {
			part, _, err := b.server.read(ctx, b.prefix+key, offset, found.etag)
			return part, translateAnswer(err)
		},
	}
	return &Object{ReadSeekCloser: reader, Info: found.info(key)}, nil
}

// Stat tells what the bucket knows of an object.
func (b *Bucket) Stat(ctx context.Context, key string) (Info, error) {
	if err := cmp.Or(ctx.Err(), CheckKey(key)); err != nil {
		return Info{}, wrap("stat", key, err)
	}
	found, err := b.stat(ctx, key)
	if err != nil {
		return Info{}, wrap("stat", key, err)
	}
	return found.info(key), nil
}

func (b *Bucket) stat(ctx context.Context, key string) (found stored, err error) {
	err = b.ask(ctx, func() (err error) {
		found, err = b.server.stat(ctx, b.prefix+key)
		return err
	})
	return found, err
}

// Delete removes an object. It is sent again only when the server has answered that
// it failed: where an answer was lost, the first request may still be on its way.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	if err := cmp.Or(ctx.Err(), CheckKey(key)); err != nil {
		return wrap("delete", key, err)
	}
	for try := 1; ; try++ {
		err := b.server.remove(ctx, b.prefix+key)
		if err == nil {
			return nil
		}
		if !failedForSure(err) || !again(try, err) {
			if err = translateAnswer(err); errors.Is(err, ErrNotFound) {
				return nil
			}
			return wrap("delete", key, err)
		}
		if err := b.wait(ctx, backoff(try)); err != nil {
			return wrap("delete", key, err)
		}
	}
}

// errSamePage reports a server that would list the same page for ever.
var errSamePage = errors.New("the bucket lists the same page twice")

// List yields the objects directly below a folder. Names that could not be keys
// are passed over.
func (b *Bucket) List(ctx context.Context, folder, after string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		fail := func(err error) { yield(Info{}, wrap("list", b.url+b.prefix+folder, err)) }
		if err := cmp.Or(ctx.Err(), checkFolder(folder)); err != nil {
			fail(err)
			return
		}
		from := ""
		if after != "" {
			from = b.prefix + after
		}
		for token := ""; ; {
			page, next, err := b.page(ctx, b.prefix+folder, from, token)
			if err != nil {
				fail(err)
				return
			}
			for _, info := range b.keys(page) {
				if info.Key > after && !yield(info, nil) {
					return
				}
			}
			if token = next; token == "" {
				return
			}
		}
	}
}

// page asks for a page of a listing.
func (b *Bucket) page(ctx context.Context, folder, from, token string) (page []stored, next string, err error) {
	err = b.ask(ctx, func() (err error) {
		page, next, err = b.server.list(ctx, folder, from, token)
		return err
	})
	if err == nil && next != "" && next == token {
		err = errSamePage
	}
	return page, next, err
}

// keys returns the objects of a page that have valid keys.
func (b *Bucket) keys(page []stored) []Info {
	infos := make([]Info, 0, len(page))
	for _, o := range page {
		key := strings.TrimPrefix(o.name, b.prefix)
		if CheckKey(key) == nil {
			infos = append(infos, o.info(key))
		}
	}
	return infos
}
