package blob

import (
	"context"
	"errors"
	"io"
)

// resumable reads an object of known size over connections that may break off.
type resumable struct {
	size   int64
	offset int64
	// stream delivers from position on; it is nil when the last one ended.
	stream   io.ReadCloser
	position int64
	// fetch opens a stream from an offset on.
	fetch func(offset int64) (io.ReadCloser, error)
	// wait passes the time before a try; the first is 1.
	wait func(try int) error
}

// Read reads on, with a new stream where the last one broke off.
func (r *resumable) Read(p []byte) (int, error) {
	if r.offset >= r.size {
		return 0, io.EOF
	}
	for try := 1; ; try++ {
		n, err := r.readOnce(p)
		if n > 0 {
			return n, nil
		}
		if err == nil && len(p) == 0 {
			return 0, nil
		}
		if try == bucketTries || try >= bucketSilences && isSilence(err) || errors.Is(err, ErrMismatch) || errors.Is(err, ErrNotFound) || errors.Is(err, context.Canceled) {
			return 0, err
		}
		if err := r.wait(try); err != nil {
			return 0, err
		}
	}
}

func (r *resumable) readOnce(p []byte) (int, error) {
	if r.stream != nil && r.position != r.offset {
		r.drop()
	}
	if r.stream == nil {
		stream, err := r.fetch(r.offset)
		if err != nil {
			return 0, err
		}
		r.stream, r.position = stream, r.offset
	}
	n, err := r.stream.Read(p)
	r.offset += int64(n)
	r.position = r.offset
	if errors.Is(err, io.EOF) && r.offset < r.size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		r.drop()
	}
	return n, err
}

func (r *resumable) drop() {
	_ = r.stream.Close() // whatever it would say, nothing more is read from it
	r.stream = nil
}

// Seek moves to where the next Read begins.
func (r *resumable) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.offset
	case io.SeekEnd:
		offset += r.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the start of an object")
	}
	r.offset = offset
	return offset, nil
}

// smallRest is how much is read off a stream that nobody wants to the end, so
// that its connection can be used again.
const smallRest = 64 << 10

// Close ends the stream.
func (r *resumable) Close() error {
	if r.stream == nil {
		return nil
	}
	if r.size-r.position <= smallRest {
		_, _ = io.CopyN(io.Discard, r.stream, smallRest) // to no avail if it fails
	}
	r.drop()
	return nil
}
