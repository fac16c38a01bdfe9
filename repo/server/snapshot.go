package server

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"sync"
	"time"
)

// snapshot is the whole repository at one moment. It never changes; the bodies
// are made when first asked for, by one goroutine for all that wait.
type snapshot struct {
	segments []*segment // ordered by key
	encoder  *encoder

	tag  func() string
	json func() *body
	yaml func() *body
	sums func() *body

	views snapshotViews
}

func newSnapshot(e *encoder, segments []*segment) *snapshot {
	s := &snapshot{segments: segments, encoder: e}
	s.tag = sync.OnceValue(s.computeTag)
	s.json = sync.OnceValue(s.joinJSON)
	s.yaml = sync.OnceValue(s.joinYAML)
	s.sums = sync.OnceValue(s.joinSums)
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
	published := s.published()
	inParallel(published, func(seg *segment) { seg.sum() })
	h := sha256.New()
	h.Write([]byte("index 1\n"))
	for _, seg := range published {
		sum := seg.sum()
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// frame is what the index in JSON begins and ends with.
func (s *snapshot) frame() (head, tail string) {
	generated, _ := json.Marshal(s.generated()) // years of four digits can be encoded
	return `{"apiVersion":"v1","generated":` + string(generated) + `,"serverInfo":{},"entries":{`, "}}\n"
}

func (s *snapshot) joinJSON() *body {
	head, tail := s.frame()
	pieces := []piece{s.encoder.piece([]byte(head))}
	comma := s.encoder.piece([]byte(","))
	for i, seg := range s.published() {
		if i > 0 {
			pieces = append(pieces, comma)
		}
		pieces = append(pieces, seg.json)
	}
	return newBody(append(pieces, s.encoder.piece([]byte(tail))))
}

func (s *snapshot) joinYAML() *body {
	published := s.published()
	head := "apiVersion: v1\nentries:\n"
	if len(published) == 0 {
		head = "apiVersion: v1\nentries: {}\n"
	}
	pieces := []piece{s.encoder.piece([]byte(head))}
	for _, seg := range published {
		pieces = append(pieces, seg.yaml())
	}
	tail := "generated: \"" + s.generated().Format(time.RFC3339Nano) + "\"\nserverInfo: {}\n"
	return newBody(append(pieces, s.encoder.piece([]byte(tail))))
}
