package server

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/json"
	"hash/crc32"
	"sync"
	"time"

	"sigs.k8s.io/yaml"
)

// piece is a part of a body, compressed so that pieces in a row are one valid
// stream: it begins without looking back and ends at a byte.
type piece struct {
	plain    []byte
	deflated []byte
	crc      uint32
	shift    *shift
}

// segment is one chart as the index shows it. It never changes.
type segment struct {
	shard shard
	// etag is that of the shard in the store, and empty when it is not there.
	etag   string
	newest time.Time
	// json is "name":[...]. It is empty when the chart has no versions.
	json piece
	sum  [sha256.Size]byte
	// yaml is made when somebody asks for it.
	yaml func() []byte
	// card is the chart as the page shows it, made when somebody looks.
	card func() (pageChart, error)
}

func (seg *segment) key() string { return fold(seg.shard.Chart) }

// encoder makes pieces. Its writers are costly to set up, hence the pool.
type encoder struct{ writers sync.Pool }

func (e *encoder) piece(plain []byte) piece {
	var out bytes.Buffer
	w, ok := e.writers.Get().(*flate.Writer)
	if ok {
		w.Reset(&out)
	} else {
		w, _ = flate.NewWriter(&out, flate.DefaultCompression) // the level is valid
	}
	_, _ = w.Write(plain) // a buffer takes everything
	_ = w.Flush()
	e.writers.Put(w)
	return piece{
		plain:    plain,
		deflated: bytes.Clone(out.Bytes()),
		crc:      crc32.ChecksumIEEE(plain),
		shift:    shiftBy(len(plain)),
	}
}

// segment encodes a chart. The records' entries are made to share the memory of
// the encoded text.
func (e *encoder) segment(sh shard, etag string) *segment {
	seg := &segment{shard: sh, etag: etag}
	seg.yaml = sync.OnceValue(seg.encodeYAML)
	seg.card = sync.OnceValues(seg.describe)
	if len(sh.Versions) == 0 {
		return seg
	}
	var b bytes.Buffer
	name, _ := json.Marshal(sh.Chart) // a string can be encoded
	b.Write(name)
	b.WriteString(":[")
	ends := make([]int, len(sh.Versions))
	for i, r := range sh.Versions {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(r.Entry)
		ends[i] = b.Len()
		if r.Created.After(seg.newest) {
			seg.newest = r.Created
		}
	}
	b.WriteByte(']')
	text := bytes.Clone(b.Bytes())
	versions := make([]record, len(sh.Versions))
	for i, r := range sh.Versions {
		r.Entry = text[ends[i]-len(r.Entry) : ends[i] : ends[i]]
		versions[i] = r
	}
	seg.shard.Versions = versions
	seg.json = e.piece(text)
	seg.sum = sha256.Sum256(text)
	return seg
}

// versionsJSON returns the versions as a JSON list.
func (seg *segment) versionsJSON() []byte {
	if len(seg.shard.Versions) == 0 {
		return []byte("[]")
	}
	_, list, _ := bytes.Cut(seg.json.plain, []byte(":"))
	return list
}

// encodeYAML returns the chart as lines below "entries:".
func (seg *segment) encodeYAML() []byte {
	if len(seg.shard.Versions) == 0 {
		return nil
	}
	text, err := yaml.JSONToYAML([]byte(`{"entries":{` + string(seg.json.plain) + `}}`))
	if err != nil {
		// What was valid JSON when it was read has a form in YAML.
		return nil
	}
	_, lines, _ := bytes.Cut(text, []byte("\n"))
	return lines
}
