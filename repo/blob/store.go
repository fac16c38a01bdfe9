package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"strings"
	"time"
	"unicode/utf8"
)

var (
	// ErrNotFound reports that there is no object of that name.
	ErrNotFound = errors.New("no such object")
	// ErrExists reports that an object of that name is there already.
	ErrExists = errors.New("the object exists")
	// ErrMismatch reports that the object is not, or no longer, the one that
	// the writer had read.
	ErrMismatch = errors.New("the object has changed")
	// ErrKey reports a name that no object can have.
	ErrKey = errors.New("not a valid object name")
	// ErrTooLarge reports that an object is larger than Get reads.
	ErrTooLarge = errors.New("the object is too large")
)

// MaxGet is the largest object that Get returns.
const MaxGet = 256 << 20

// Store keeps objects under slash-separated keys (see [CheckKey]).
//
// A write that returned nil is durable and visible to every reader at once. A
// write that failed left the old object or the new one, never a mixture. All
// methods may be called from many goroutines, and where the store is shared from
// many processes.
type Store interface {
	// Get returns a whole object and its tag for PutIfMatch. It is for small
	// objects that change.
	Get(ctx context.Context, key string) (data []byte, etag string, err error)
	// Open returns an object for reading in parts. The caller closes it.
	Open(ctx context.Context, key string) (*Object, error)
	// Stat tells what is known of an object without reading it.
	Stat(ctx context.Context, key string) (Info, error)
	// PutIfAbsent creates an object and returns its tag. Of any number of
	// writers one wins; the others get ErrExists.
	PutIfAbsent(ctx context.Context, key string, body io.ReadSeeker) (etag string, err error)
	// Put creates or replaces an object, whatever was there. Of several writers
	// at once the last one wins.
	Put(ctx context.Context, key string, body io.ReadSeeker) (etag string, err error)
	// PutIfMatch replaces the object that had the tag and returns the new tag.
	// It is ErrMismatch when the object has another tag or is gone. Where the
	// answer of a shared store was lost, it may be that the write took place and
	// was replaced since: who is told so reads again before writing again.
	PutIfMatch(ctx context.Context, key, etag string, body io.ReadSeeker) (newTag string, err error)
	// Delete removes an object. It is no error when there is none. After an
	// error the object may be gone, or go later, when the answer of a shared
	// store was lost. After nil nothing is under way.
	Delete(ctx context.Context, key string) error
	// List yields the objects directly below a folder that sort after a key,
	// in order. The folder is "" or ends with a slash. It stops at the first
	// error.
	List(ctx context.Context, folder, after string) iter.Seq2[Info, error]
}

// Info is what a store knows of an object without reading it.
type Info struct {
	Key     string
	Size    int64
	ModTime time.Time
	// ETag is the tag of the content, where the store knows it without reading
	// the object, and empty elsewhere.
	ETag string
}

// Object is an open object.
type Object struct {
	io.ReadSeekCloser
	Info
}

// maxKey is the longest key of S3, the strictest of the stores in view.
const maxKey = 1024

// CheckKey says why a key is none. A key is a relative path with forward
// slashes whose segments begin with a letter, a digit or an underscore and hold
// no character that a file system or a shell could take for something else. So
// no key can leave the store, and names with a leading dot are free for the
// store's own use.
func CheckKey(key string) error {
	if key == "" || len(key) > maxKey || !utf8.ValidString(key) || !fs.ValidPath(key) {
		return fmt.Errorf("%w: %q", ErrKey, key)
	}
	for segment := range strings.SplitSeq(key, "/") {
		if !plainSegment(segment) {
			return fmt.Errorf("%w: %q", ErrKey, key)
		}
	}
	return nil
}

func plainSegment(segment string) bool {
	for i, r := range segment {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_':
		case i > 0 && strings.ContainsRune("-.+@~", r):
		default:
			return false
		}
	}
	return true
}

// checkFolder says why List cannot list a folder.
func checkFolder(folder string) error {
	if folder == "" {
		return nil
	}
	trimmed, ok := strings.CutSuffix(folder, "/")
	if !ok {
		return fmt.Errorf("%w: folder %q must end with a slash", ErrKey, folder)
	}
	return CheckKey(trimmed)
}

// tagOf returns the tag of a content: its SHA-256. Content that is put back is
// the same object again, and no clock or counter is involved.
func tagOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func wrap(op, key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", op, key, err)
}
