package server_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gantry/repo/blob"
	"gantry/repo/server"
)

// perChart is how many versions a chart of the benchmarks has.
const perChart = 50

// filled returns a server over a store of so many versions, as another server
// left it.
func filled(tb testing.TB, store blob.Store, versions int) *server.Server {
	tb.Helper()
	for c := range versions / perChart {
		name := fmt.Sprintf("chart-%04d", c)
		var shard bytes.Buffer
		fmt.Fprintf(&shard, `{"chart":%q,"versions":[`, name)
		for v := range perChart {
			if v > 0 {
				shard.WriteByte(',')
			}
			version, digest := fmt.Sprintf("1.%d.0", perChart-v), fmt.Sprintf("%032x%032x", c, v)
			fmt.Fprintf(&shard, `{"version":%q,"digest":%q,"size":870,"created":"2026-05-01T00:00:00Z","archive":"gantry/blobs/sha256/00/%s","entry":%s}`,
				version, digest, digest, entryJSON(name, version, digest))
		}
		shard.WriteString(`]}`)
		if _, err := store.PutIfAbsent(tb.Context(), "gantry/index/"+name+".json", bytes.NewReader(shard.Bytes())); err != nil {
			tb.Fatal(err)
		}
	}
	return open(tb, store)
}

// entryJSON is as long as the entries of real charts are.
func entryJSON(name, version, digest string) string {
	return fmt.Sprintf(`{"name":%q,"home":"https://example.org/%s","sources":["https://git.example.org/charts/%s","https://git.example.org/%s"],"version":%q,"description":"%s serves what its users ask for, and keeps what they give it","keywords":["web","http","proxy","cache"],"maintainers":[{"name":"Team A","email":"team-a@example.org"},{"name":"Team B","email":"team-b@example.org"}],"icon":"https://example.org/%s.svg","apiVersion":"v2","appVersion":"2.4.1","annotations":{"category":"Infrastructure","licenses":"Apache-2.0"},"kubeVersion":">=1.25.0-0","dependencies":[{"name":"common","version":"2.x.x","repository":"https://charts.example.org/common"}],"type":"application","urls":["charts/%s-%s.tgz"],"created":"2026-05-01T00:00:00Z","digest":%q}`,
		name, name, name, name, version, name, name, name, version, digest)
}

func open(tb testing.TB, store blob.Store) *server.Server {
	tb.Helper()
	s, err := server.New(tb.Context(), store, server.Options{Now: clock(), TempDir: tb.TempDir()})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// discard is a client that reads fast.
type discard struct {
	header http.Header
	status int
	bytes  int64
}

func (d *discard) Header() http.Header { return d.header }
func (d *discard) WriteHeader(s int)   { d.status = s }
func (d *discard) Write(p []byte) (int, error) {
	d.bytes += int64(len(p))
	return len(p), nil
}

func ask(b *testing.B, h http.Handler, r *http.Request) *discard {
	b.Helper()
	w := &discard{header: http.Header{}}
	h.ServeHTTP(w, r)
	return w
}

func sizes(b *testing.B, run func(b *testing.B, versions int)) {
	b.Helper()
	for _, versions := range []int{1_000, 10_000} {
		b.Run(strconv.Itoa(versions), func(b *testing.B) { run(b, versions) })
	}
}

// BenchmarkStart reads all records of a folder.
func BenchmarkStart(b *testing.B) {
	sizes(b, func(b *testing.B, versions int) {
		b.Helper()
		store := directory(b, b.TempDir())
		filled(b, store, versions)
		for b.Loop() {
			open(b, store)
		}
	})
}

// BenchmarkIndex reads the index when nothing has changed.
func BenchmarkIndex(b *testing.B) {
	for _, encoding := range []string{"identity", "gzip"} {
		b.Run(encoding, func(b *testing.B) {
			sizes(b, func(b *testing.B, versions int) {
				b.Helper()
				s := filled(b, &blob.Memory{}, versions)
				r := httptest.NewRequest(http.MethodGet, "/index.yaml", nil)
				r.Header.Set("Accept-Encoding", encoding)
				for b.Loop() {
					b.SetBytes(ask(b, s, r).bytes)
				}
			})
		})
	}
}

// BenchmarkUpload publishes new versions to a folder, one after the other and
// from several clients at once. TMPDIR decides what file system it is on.
func BenchmarkUpload(b *testing.B) {
	sizes(b, func(b *testing.B, versions int) {
		b.Helper()
		for _, clients := range []int{1, 8} {
			b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) { benchmarkUpload(b, versions, clients) })
		}
	})
}

func benchmarkUpload(b *testing.B, versions, clients int) {
	b.Helper()
	s := filled(b, directory(b, b.TempDir()), versions)
	requests := make([]*http.Request, b.N)
	for i := range requests {
		archive := chartArchive(b, fmt.Sprintf("chart-%04d", i%(versions/perChart)), fmt.Sprintf("2.0.%d", i), "")
		requests[i] = httptest.NewRequest(http.MethodPost, "/api/charts", bytes.NewReader(archive))
	}
	took := make([]time.Duration, b.N)
	var next atomic.Int64
	var group sync.WaitGroup
	b.ResetTimer()
	for range clients {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(requests)); i = next.Add(1) - 1 {
				began := time.Now()
				if w := ask(b, s, requests[i]); w.status != http.StatusCreated {
					b.Errorf("got %d", w.status)
				}
				took[i] = time.Since(began)
			}
		})
	}
	group.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "uploads/s")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
}

// BenchmarkIndexAfterUpload publishes a version and reads the index, which is
// put together anew.
func BenchmarkIndexAfterUpload(b *testing.B) {
	sizes(b, func(b *testing.B, versions int) {
		b.Helper()
		s := filled(b, &blob.Memory{}, versions)
		r := httptest.NewRequest(http.MethodGet, "/index.yaml", nil)
		i := 0
		for b.Loop() {
			i++
			archive := chartArchive(b, fmt.Sprintf("chart-%04d", i%(versions/perChart)), fmt.Sprintf("2.0.%d", i), "")
			ask(b, s, httptest.NewRequest(http.MethodPost, "/api/charts", bytes.NewReader(archive)))
			b.SetBytes(ask(b, s, r).bytes)
		}
	})
}

// BenchmarkUnchanged answers clients that have the index already.
func BenchmarkUnchanged(b *testing.B) {
	s := filled(b, &blob.Memory{}, 1_000)
	r := httptest.NewRequest(http.MethodGet, "/index.yaml", nil)
	r.Header.Set("If-None-Match", "*")
	b.ReportAllocs()
	for b.Loop() {
		ask(b, s, r)
	}
}
