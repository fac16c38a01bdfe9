package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gantry/repo"
)

// Where the server keeps what is its own. Archives elsewhere in the store were
// put there by somebody else and are never written to.
const (
	ownFolder   = "gantry/"
	shardFolder = ownFolder + "index/"
	shardExt    = ".json"
)

// shard is the record of one chart: all of its versions, newest first. It is one
// object in the store, replaced as a whole, and the only truth about what is
// published.
type shard struct {
	Chart    string      `json:"chart"`
	Versions []record    `json:"versions"`
	Deleted  []tombstone `json:"deleted,omitempty"`
}

// record is one version of a chart.
type record struct {
	Version string    `json:"version"`
	Digest  string    `json:"digest"`
	Size    int64     `json:"size"`
	Created time.Time `json:"created"`
	// Archive and Provenance are the keys of the content in the store.
	Archive    string `json:"archive"`
	Provenance string `json:"provenance,omitempty"`
	// Adopted is the date of a file that somebody else put into the store,
	// to notice when it is replaced.
	Adopted time.Time `json:"adopted,omitzero"`
	// Upstream is the URL that the index of an upstream names, of a version that
	// comes from there. Until its content is here, Size is 0.
	Upstream string `json:"upstream,omitempty"`
	// Manifest is the digest of the version's OCI manifest, once it has one.
	// FormerManifests are those that it had before, which people may have
	// pinned.
	Manifest        string   `json:"manifest,omitempty"`
	FormerManifests []string `json:"formerManifests,omitempty"`
	// Entry is the version as the index has it.
	Entry json.RawMessage `json:"entry"`
}

// tombstone remembers what was deleted, so that an archive which is not ours to
// remove does not come back at the next start.
type tombstone struct {
	Version string `json:"version"`
	Digest  string `json:"digest"`
}

// shardKey is the same for names that differ in case only: some file systems,
// and people, cannot tell them apart, so one of them wins.
func shardKey(chart string) string { return shardFolder + fold(chart) + shardExt }

// chartOf returns the folded name of the chart that a record is about.
func chartOf(key string) string {
	return strings.TrimSuffix(strings.TrimPrefix(key, shardFolder), shardExt)
}

func fold(chart string) string { return strings.ToLower(chart) }

func decodeShard(data []byte) (shard, error) {
	var sh shard
	if err := json.Unmarshal(data, &sh); err != nil {
		return shard{}, err
	}
	for _, r := range sh.Versions {
		if len(r.Entry) == 0 || r.Version == "" || r.Archive == "" {
			return shard{}, fmt.Errorf("version %q of %q is incomplete", r.Version, sh.Chart)
		}
	}
	return sh, nil
}

// encode writes the record as [json.Marshal] does, but copies the entries. They are
// nearly all of it and were valid when they came: to check and compact all of them
// again at every upload would take longer than everything else.
func (sh shard) encode() (*bytes.Reader, error) {
	frame := sh
	frame.Versions = []record{}
	data, err := json.Marshal(frame)
	if err != nil {
		return nil, err
	}
	// The name of the chart is before it, in which a quote would be escaped.
	head, tail, _ := bytes.Cut(data, []byte(`"versions":[`))
	size := len(data)
	for _, r := range sh.Versions {
		size += len(r.Entry) + recordSize
	}
	out := append(make([]byte, 0, size), head...)
	out = append(out, `"versions":[`...)
	for i, r := range sh.Versions {
		if i > 0 {
			out = append(out, ',')
		}
		if out, err = r.encode(out); err != nil {
			return nil, err
		}
	}
	return bytes.NewReader(append(out, tail...)), nil
}

// recordSize is about how long a record is without its entry.
const recordSize = 512

// encode writes field after field: reflection would take longer than all the rest.
func (r record) encode(out []byte) ([]byte, error) {
	if len(r.Entry) == 0 {
		return nil, fmt.Errorf("version %q has no entry", r.Version)
	}
	var former []byte
	created, err := r.Created.AppendText(nil)
	adopted, adoptedErr := r.Adopted.AppendText(nil)
	if len(r.FormerManifests) > 0 {
		former, _ = json.Marshal(r.FormerManifests) // strings can be encoded
	}
	if err := errors.Join(err, adoptedErr); err != nil {
		return nil, err
	}
	out = appendText(append(out, `{"version":`...), r.Version)
	out = appendText(append(out, `,"digest":`...), r.Digest)
	out = strconv.AppendInt(append(out, `,"size":`...), r.Size, 10)
	out = appendText(append(out, `,"created":`...), string(created))
	out = appendText(append(out, `,"archive":`...), r.Archive)
	if r.Provenance != "" {
		out = appendText(append(out, `,"provenance":`...), r.Provenance)
	}
	if !r.Adopted.IsZero() {
		out = appendText(append(out, `,"adopted":`...), string(adopted))
	}
	if r.Upstream != "" {
		out = appendText(append(out, `,"upstream":`...), r.Upstream)
	}
	if r.Manifest != "" {
		out = appendText(append(out, `,"manifest":`...), r.Manifest)
	}
	if former != nil {
		out = append(append(out, `,"formerManifests":`...), former...)
	}
	out = append(out, `,"entry":`...)
	return append(append(out, r.Entry...), '}'), nil
}

// appendText writes a string of JSON as [json.Marshal] does.
func appendText(out []byte, text string) []byte {
	if !plain(text) {
		quoted, _ := json.Marshal(text) // a string can be encoded
		return append(out, quoted...)
	}
	return append(append(append(out, '"'), text...), '"')
}

// plain reports whether a text needs nothing but quotes around it in JSON.
func plain(text string) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}

// find returns the place of a version and whether it is there.
func (sh shard) find(version string) (int, bool) {
	i := slices.IndexFunc(sh.Versions, func(r record) bool { return r.Version == version })
	return i, i >= 0
}

// names returns the versions, newest first.
func (sh shard) names() []string {
	versions := make([]string, len(sh.Versions))
	for i, r := range sh.Versions {
		versions[i] = r.Version
	}
	return versions
}

// with returns a copy that has the record, in place of one of the same version.
func (sh shard) with(r record) shard {
	versions := make([]record, 0, len(sh.Versions)+1)
	placed := false
	for _, have := range sh.Versions {
		if have.Version == r.Version {
			continue
		}
		if !placed && repo.CompareVersions(r.Version, have.Version) > 0 {
			versions, placed = append(versions, r), true
		}
		versions = append(versions, have)
	}
	if !placed {
		versions = append(versions, r)
	}
	sh.Versions = versions
	sh.Deleted = slices.DeleteFunc(slices.Clone(sh.Deleted), func(t tombstone) bool { return t.Version == r.Version })
	return sh
}

// withAll is with for many versions, each of them once.
func (sh shard) withAll(records []record) shard {
	replaced := make(map[string]bool, len(records))
	for _, r := range records {
		replaced[r.Version] = true
	}
	versions := make([]record, 0, len(sh.Versions)+len(records))
	for _, have := range sh.Versions {
		if !replaced[have.Version] {
			versions = append(versions, have)
		}
	}
	sh.Versions = append(versions, records...)
	slices.SortStableFunc(sh.Versions, func(a, b record) int { return repo.CompareVersions(b.Version, a.Version) })
	sh.Deleted = slices.DeleteFunc(slices.Clone(sh.Deleted), func(t tombstone) bool { return replaced[t.Version] })
	return sh
}

// without returns a copy that lacks the version and remembers it.
func (sh shard) without(i int) shard {
	gone := sh.Versions[i]
	sh.Versions = slices.Delete(slices.Clone(sh.Versions), i, i+1)
	sh.Deleted = append(slices.Clone(sh.Deleted), tombstone{Version: gone.Version, Digest: gone.Digest})
	return sh
}

// manifests returns the manifest of the version, if it has one, and those that it had.
func (r record) manifests() []string {
	if r.Manifest == "" {
		return r.FormerManifests
	}
	return append(slices.Clone(r.FormerManifests), r.Manifest)
}

// withManifest returns the record with another manifest. The one that it had
// stays known.
func (r record) withManifest(digest string) record {
	if r.Manifest != "" && r.Manifest != digest {
		r.FormerManifests = append(slices.Clone(r.FormerManifests), r.Manifest)
	}
	r.Manifest = digest
	return r
}

// buried reports whether exactly this content was deleted.
func (sh shard) buried(version, digest string) bool {
	return slices.Contains(sh.Deleted, tombstone{Version: version, Digest: digest})
}
