package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"sync"
	"time"

	"sigs.k8s.io/yaml"

	"gantry/repo/pages"
)

// segment is one chart as the index shows it. It never changes.
type segment struct {
	shard shard
	// etag is that of the shard in the store, and empty when it is not there.
	etag   string
	newest time.Time
	// json is "name":[...]. It is empty when the chart has no versions.
	json piece
	// sum is that of json, made when somebody asks.
	sum func() [sha256.Size]byte
	// yaml is the chart as lines below "entries:", made when somebody asks.
	yaml func() piece
	// card is the chart as the page shows it, made when somebody looks.
	card func() (*pages.Card, error)

	encoder *encoder
	views   segmentViews
}

func (seg *segment) key() string { return fold(seg.shard.Chart) }

// segment encodes a chart. The records' entries are made to share the memory of
// the encoded text.
func (e *encoder) segment(sh shard, etag string) *segment {
	seg := &segment{shard: sh, etag: etag, encoder: e}
	seg.yaml = sync.OnceValue(func() piece { return e.piece(seg.encodeYAML()) })
	seg.card = sync.OnceValues(seg.describe)
	seg.sum = sync.OnceValue(func() [sha256.Size]byte { return sha256.Sum256(seg.json.plain) })
	if len(sh.Versions) == 0 {
		return seg
	}
	name, _ := json.Marshal(sh.Chart) // a string can be encoded
	size := len(name) + len(":[]") + len(sh.Versions)
	for _, r := range sh.Versions {
		size += len(r.Entry)
	}
	text := make([]byte, 0, size)
	text = append(append(text, name...), ":["...)
	versions := make([]record, len(sh.Versions))
	for i, r := range sh.Versions {
		if i > 0 {
			text = append(text, ',')
		}
		start := len(text)
		text = append(text, r.Entry...)
		r.Entry = text[start:len(text):len(text)]
		versions[i] = r
		if r.Created.After(seg.newest) {
			seg.newest = r.Created
		}
	}
	text = append(text, ']')
	seg.shard.Versions = versions
	seg.json = e.piece(text)
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
