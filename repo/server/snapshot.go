package server

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"
	"sync"
	"time"
)

// snapshot is the whole repository at one moment. It never changes; the bodies
// are put together when first asked for, by one goroutine for all that wait.
type snapshot struct {
	segments []*segment // ordered by key
	encoder  *encoder

	tag      func() string
	jsonBody func() []byte
	gzipBody func() []byte
	yamlBody func() []byte
	yamlGzip func() []byte
}

func newSnapshot(e *encoder, segments []*segment) *snapshot {
	s := &snapshot{segments: segments, encoder: e}
	s.tag = sync.OnceValue(s.computeTag)
	s.jsonBody = sync.OnceValue(s.joinJSON)
	s.gzipBody = sync.OnceValue(s.joinGzip)
	s.yamlBody = sync.OnceValue(s.joinYAML)
	s.yamlGzip = sync.OnceValue(func() []byte { return compress(s.yamlBody()) })
	return s
}

// find returns the segment of a chart, or nil.
func (s *snapshot) find(chart string) *segment {
	i, ok := s.search(fold(chart))
	if !ok {
		return nil
	}
	return s.segments[i]
}

func (s *snapshot) search(key string) (int, bool) {
	return slices.BinarySearchFunc(s.segments, key, func(seg *segment, key string) int {
		return cmp.Compare(seg.key(), key)
	})
}

// with returns a snapshot that has the segment in place of an older one.
func (s *snapshot) with(seg *segment) *snapshot {
	i, ok := s.search(seg.key())
	if ok && s.segments[i] == seg {
		return s
	}
	segments := slices.Clone(s.segments)
	if ok {
		segments[i] = seg
	} else {
		segments = slices.Insert(segments, i, seg)
	}
	return newSnapshot(s.encoder, segments)
}

// without returns a snapshot that lacks a chart.
func (s *snapshot) without(key string) *snapshot {
	i, ok := s.search(key)
	if !ok {
		return s
	}
	return newSnapshot(s.encoder, slices.Delete(slices.Clone(s.segments), i, i+1))
}

// published returns the charts that have versions.
func (s *snapshot) published() []*segment {
	return slices.DeleteFunc(slices.Clone(s.segments), func(seg *segment) bool { return len(seg.shard.Versions) == 0 })
}

func (s *snapshot) count() (charts, versions int) {
	for _, seg := range s.published() {
		charts++
		versions += len(seg.shard.Versions)
	}
	return charts, versions
}

// names returns the names of the charts that have versions.
func (s *snapshot) names() []string {
	var names []string
	for _, seg := range s.published() {
		names = append(names, seg.shard.Chart)
	}
	return names
}

// generated is the date of the newest version, and not that of the request: the
// same content must have the same tag on every server.
func (s *snapshot) generated() time.Time {
	var newest time.Time
	for _, seg := range s.segments {
		if seg.newest.After(newest) {
			newest = seg.newest
		}
	}
	return newest.UTC()
}

// computeTag covers all that the bodies are made of. The word in front changes
// when their form does.
func (s *snapshot) computeTag() string {
	h := sha256.New()
	h.Write([]byte("index 1\n"))
	for _, seg := range s.published() {
		h.Write(seg.sum[:])
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// pieces returns the parts of the JSON body in order.
func (s *snapshot) pieces() []piece {
	generated, _ := json.Marshal(s.generated()) // years of four digits can be encoded
	parts := []piece{s.encoder.piece([]byte(`{"apiVersion":"v1","generated":` + string(generated) + `,"serverInfo":{},"entries":{`))}
	comma := s.encoder.piece([]byte(","))
	for i, seg := range s.published() {
		if i > 0 {
			parts = append(parts, comma)
		}
		parts = append(parts, seg.json)
	}
	return append(parts, s.encoder.piece([]byte("}}\n")))
}

func (s *snapshot) joinJSON() []byte {
	parts := s.pieces()
	size := 0
	for _, p := range parts {
		size += len(p.plain)
	}
	body := make([]byte, 0, size)
	for _, p := range parts {
		body = append(body, p.plain...)
	}
	return body
}

// joinGzip writes one gzip member around the pieces (RFC 1952): several members
// in a row would be valid as well, but not every client reads beyond the first.
func (s *snapshot) joinGzip() []byte {
	parts := s.pieces()
	size := 32
	for _, p := range parts {
		size += len(p.deflated)
	}
	body := append(make([]byte, 0, size), 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff)
	var crc, length uint32
	for _, p := range parts {
		body = append(body, p.deflated...)
		crc = joinCRC(crc, p.crc, p.shift)
		length += uint32(len(p.plain)) // modulo 2^32, as the format wants it
	}
	body = append(body, 0x03, 0x00) // an empty last block
	body = binary.LittleEndian.AppendUint32(body, crc)
	return binary.LittleEndian.AppendUint32(body, length)
}

func (s *snapshot) joinYAML() []byte {
	var b bytes.Buffer
	b.WriteString("apiVersion: v1\n")
	published := s.published()
	if len(published) == 0 {
		b.WriteString("entries: {}\n")
	} else {
		b.WriteString("entries:\n")
	}
	for _, seg := range published {
		b.Write(seg.yaml())
	}
	b.WriteString("generated: \"" + s.generated().Format(time.RFC3339Nano) + "\"\nserverInfo: {}\n")
	return b.Bytes()
}

func compress(plain []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(plain) // a buffer takes everything
	_ = w.Close()
	return b.Bytes()
}
