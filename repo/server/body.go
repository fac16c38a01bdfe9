package server

import (
	"bufio"
	"encoding/binary"
	"io"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"gantry/repo/codings"
)

// body is the index in one form, JSON or YAML, as pieces in a row. The plain form
// is never put together: it is by far the largest, and the pieces can be sent as
// they are. The compressed ones are, when first asked for, by one goroutine for
// all that wait.
type body struct {
	pieces []piece
	size   int64
	gzip   func() []byte
	zstd   func() []byte
	// files has a place for each form.
	files [3]handOver
}

// form returns a body in a coding: its size, what writes it, and its file.
func (b *body) form(coding string) (size int64, write func(io.Writer) error, files *handOver) {
	whole := func(data []byte) (int64, func(io.Writer) error) {
		return int64(len(data)), func(w io.Writer) error { _, err := w.Write(data); return err }
	}
	switch coding {
	case codings.Gzip:
		size, write = whole(b.gzip())
		return size, write, &b.files[1]
	case codings.Zstd:
		size, write = whole(b.zstd())
		return size, write, &b.files[2]
	default:
		return b.size, func(w io.Writer) error { _, err := b.WriteTo(w); return err }, &b.files[0]
	}
}

func newBody(pieces []piece) *body {
	b := &body{pieces: pieces}
	for _, p := range pieces {
		b.size += int64(len(p.plain))
	}
	b.gzip = sync.OnceValue(b.joinGzip)
	b.zstd = sync.OnceValue(b.joinZstd)
	return b
}

// parallelChunk is how many items one goroutine takes.
const parallelChunk = 64

// sendBuffer joins pieces that are too small to be sent one by one.
const sendBuffer = 128 << 10

// WriteTo writes the plain form.
func (b *body) WriteTo(w io.Writer) (int64, error) {
	out := bufio.NewWriterSize(w, sendBuffer)
	var sent int64
	for _, p := range b.pieces {
		n, err := out.Write(p.plain)
		sent += int64(n)
		if err != nil {
			return sent, err
		}
	}
	return sent, out.Flush()
}

// joinGzip writes one gzip member around the pieces (RFC 1952): several members
// in a row would be valid as well, but not every client reads beyond the first.
func (b *body) joinGzip() []byte {
	inParallel(b.pieces, func(p piece) { p.deflated() })
	size := 32
	for _, p := range b.pieces {
		size += len(p.deflated().data)
	}
	out := append(make([]byte, 0, size), 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff)
	var crc uint32
	for _, p := range b.pieces {
		d := p.deflated()
		out = append(out, d.data...)
		crc = joinCRC(crc, d.crc, d.shift)
	}
	out = append(out, 0x03, 0x00) // an empty last block
	out = binary.LittleEndian.AppendUint32(out, crc)
	return binary.LittleEndian.AppendUint32(out, uint32(b.size)) // modulo 2^32, as the format wants it
}

func (b *body) joinZstd() []byte {
	inParallel(b.pieces, func(p piece) { p.frame() })
	var out []byte
	for _, p := range b.pieces {
		out = append(out, p.frame()...)
	}
	return out
}

// inParallel does for each item what may have been done before, when it costs
// nothing. After a start it is all of them, so all processors help.
func inParallel[T any](items []T, one func(T)) {
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for chunk := range slices.Chunk(items, parallelChunk) {
		group.Go(func() error {
			for _, item := range chunk {
				one(item)
			}
			return nil
		})
	}
	_ = group.Wait() // nothing of it fails
}
