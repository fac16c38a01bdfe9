package server

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// TestShardIsEncodedAsJSON holds the encoding against that of the standard library.
func TestShardIsEncodedAsJSON(t *testing.T) {
	t.Parallel()
	entry := json.RawMessage(`{"name":"web","description":"\u003cb\u003e \"versions\":[ null}"}`)
	digest := strings.Repeat("ab", 32)
	full := record{
		Version: "1.0.0", Digest: digest, Size: 1, Created: time.Unix(1, 2).UTC(), Archive: blobKey(digest), Provenance: blobKey(digest),
		Adopted: time.Unix(3, 4).UTC(), Upstream: `https://example.org/"versions":[/"entry":null}`, Manifest: "sha256:" + digest, FormerManifests: []string{"null}"}, Entry: entry,
	}
	odd := record{Version: "1.0.0+<b>&\u2028\x7f\xff\\", Archive: "a\tb", Created: time.Date(9999, 1, 1, 0, 0, 0, 0, time.FixedZone("", 3600)), Entry: json.RawMessage(`{}`)}
	short := record{Version: "0.1.0", Archive: "web-0.1.0.tgz", Entry: json.RawMessage(`{}`)}
	for _, sh := range []shard{
		{Chart: "web", Versions: []record{}},
		{Chart: "web", Versions: []record{full}},
		{Chart: `a "versions":[ b`, Versions: []record{full, short, odd, full}, Deleted: []tombstone{{"0.0.1", digest}}},
		{Chart: "web", Versions: []record{}, Deleted: []tombstone{{"0.0.1", digest}}},
	} {
		body, err := sh.encode()
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(body)
		if want, _ := json.Marshal(sh); string(got) != string(want) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	for name, r := range map[string]record{
		"a version without an entry": {Version: "1.0.0"},
		"a date that RFC 3339 lacks": {Version: "1.0.0", Entry: json.RawMessage(`{}`), Created: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		if _, err := (shard{Versions: []record{r}}).encode(); err == nil {
			t.Errorf("%s is written, which nobody could read again", name)
		}
	}
}

// BenchmarkShardEncode encodes what an upload writes.
func BenchmarkShardEncode(b *testing.B) {
	sh := shard{Chart: "web"}
	for i := range 50 {
		entry := fmt.Sprintf(`{"name":"web","version":"1.%d.0","description":%q}`, i, strings.Repeat("what its users ask for ", 40))
		sh.Versions = append(sh.Versions, record{Version: fmt.Sprintf("1.%d.0", i), Digest: strings.Repeat("ab", 32), Archive: "archive", Entry: json.RawMessage(entry)})
	}
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			if _, err := sh.encode(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("json.Marshal", func(b *testing.B) {
		for b.Loop() {
			if _, err := json.Marshal(sh); err != nil {
				b.Fatal(err)
			}
		}
	})
}
