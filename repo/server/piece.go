package server

import (
	"bytes"
	"hash/crc32"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
)

// piece is a part of a body. It is compressed when somebody asks for it, once,
// so that pieces in a row are one valid stream of each coding.
type piece struct {
	plain []byte
	// deflated begins without looking back and ends at a byte.
	deflated func() deflated
	// frame is a frame of zstd; frames in a row are a stream.
	frame func() []byte
}

// deflated is a piece of a gzip member, and what the member's checksum needs.
type deflated struct {
	data  []byte
	crc   uint32
	shift *shift
}

// encoder makes pieces. Its writers are costly to set up, hence the pools.
type encoder struct {
	deflaters sync.Pool
	zstds     sync.Pool
}

func (e *encoder) piece(plain []byte) piece {
	return piece{
		plain:    plain,
		deflated: sync.OnceValue(func() deflated { return e.deflate(plain) }),
		frame:    sync.OnceValue(func() []byte { return e.zstd(plain) }),
	}
}

func (e *encoder) deflate(plain []byte) deflated {
	var out bytes.Buffer
	w, ok := e.deflaters.Get().(*flate.Writer)
	if ok {
		w.Reset(&out)
	} else {
		w, _ = flate.NewWriter(&out, flate.DefaultCompression) // the level is valid
	}
	_, _ = w.Write(plain) // a buffer takes everything
	_ = w.Flush()
	e.deflaters.Put(w)
	return deflated{data: bytes.Clone(out.Bytes()), crc: crc32.ChecksumIEEE(plain), shift: shiftBy(len(plain))}
}

func (e *encoder) zstd(plain []byte) []byte {
	w, ok := e.zstds.Get().(*zstd.Encoder)
	if !ok {
		w, _ = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1)) // the options are valid
	}
	defer e.zstds.Put(w)
	return bytes.Clone(w.EncodeAll(plain, nil))
}
