package server_test

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gantry/repo/blob"
	"gantry/repo/server"
	"gantry/testdata/objectstore"
)

// bucketKinds start an object store of each kind and return what opens its bucket.
func bucketKinds() map[string]func(*testing.T) func() blob.Store {
	opener := func(t *testing.T, open func() (*blob.Bucket, error)) func() blob.Store {
		t.Helper()
		return func() blob.Store {
			bucket, err := open()
			if err != nil {
				t.Fatal(err)
			}
			return bucket
		}
	}
	return map[string]func(*testing.T) func() blob.Store{
		"s3": func(t *testing.T) func() blob.Store {
			t.Helper()
			o := blob.S3Options{Bucket: objectstore.Bucket, Prefix: "org/repo", Endpoint: objectstore.Start(t).URL}
			return opener(t, func() (*blob.Bucket, error) { return blob.OpenS3(t.Context(), o) })
		},
		"gcs": func(t *testing.T) func() blob.Store {
			t.Helper()
			o := blob.GCSOptions{Bucket: objectstore.Bucket, Prefix: "org/repo", Emulator: objectstore.StartGoogle(t).URL}
			return opener(t, func() (*blob.Bucket, error) { return blob.OpenGCS(t.Context(), o) })
		},
		"azure": func(t *testing.T) func() blob.Store {
			t.Helper()
			o := blob.AzureOptions{
				Container: objectstore.Bucket, Prefix: "org/repo", Endpoint: objectstore.StartAzure(t).URL,
				Account: objectstore.Account, Key: objectstore.AccountKey,
			}
			return opener(t, func() (*blob.Bucket, error) { return blob.OpenAzure(t.Context(), o) })
		},
	}
}

// inBuckets runs a test with a bucket of each kind.
func inBuckets(t *testing.T, test func(t *testing.T, open func() blob.Store)) {
	t.Helper()
	t.Parallel()
	for name, start := range bucketKinds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}

// replicas starts servers that share one bucket and nothing else.
func replicas(t *testing.T, open func() blob.Store, n int, refresh time.Duration) []*tester {
	t.Helper()
	all := make([]*tester, n)
	for i := range all {
		all[i] = serve(t, open(), server.Options{Shared: true, Refresh: refresh})
	}
	return all
}

// races is how often servers race for a version, 15 times by default:
//
//	go test -run TestReplicasRace ./repo/server -args -races 1000
var races = flag.Int("races", 15, "how often servers race for a version")

// TestReplicasRace uploads the same new version with different content to three
// servers at once, again and again, with other uploads beside it. Exactly one
// wins, and as soon as it is told so every server serves it.
func TestReplicasRace(t *testing.T) { inBuckets(t, replicasRace) }

func replicasRace(t *testing.T, open func() blob.Store) {
	t.Helper()
	servers := replicas(t, open, 3, 0)
	for round := range *races {
		version := fmt.Sprintf("1.0.%d", round)
		var group sync.WaitGroup
		var won atomic.Int32
		for i, s := range servers {
			same := chartArchive(t, "web", version, fmt.Sprint("writer: ", i))
			own := chartArchive(t, "web", fmt.Sprintf("2.%d.%d", round, i), "")
			group.Go(func() {
				switch r := s.upload(same); r.status {
				case http.StatusConflict:
				case http.StatusCreated:
					won.Add(1)
					for _, other := range servers {
						if got := other.get("/charts/web-" + version + ".tgz"); !bytes.Equal(got.body, same) {
							t.Errorf("%s: acknowledged, and another server says %d", version, got.status)
						}
					}
				default:
					t.Errorf("got %d %s", r.status, r.body)
				}
			})
			group.Go(func() {
				if r := s.upload(own); r.status != http.StatusCreated {
					t.Errorf("got %d %s", r.status, r.body)
				}
			})
		}
		group.Wait()
		if won.Load() != 1 {
			t.Fatalf("%s: %d uploads won, want exactly one", version, won.Load())
		}
	}
	want := servers[0].get("/index.yaml")
	if got := len(servers[0].index().Entries["web"]); got != *races*4 {
		t.Errorf("%d versions are listed, want %d", got, *races*4)
	}
	for _, s := range servers[1:] {
		got := s.get("/index.yaml")
		if got.header.Get("ETag") != want.header.Get("ETag") || !bytes.Equal(got.body, want.body) {
			t.Error("two servers of one store have different indexes")
		}
	}
}

// TestReplicasLearn deletes on one server and asks the other, and wants servers
// that may be a while behind to catch up by themselves.
func TestReplicasLearn(t *testing.T) { inBuckets(t, replicasLearn) }

func replicasLearn(t *testing.T, open func() blob.Store) {
	t.Helper()
	servers := replicas(t, open, 2, time.Nanosecond)
	a, b := servers[0], servers[1]
	for i := range 5 {
		a.publish(chartArchive(t, fmt.Sprintf("chart-%d", i), "1.0.0", ""))
	}
	if diff := cmp.Diff(a.listed(), b.listed()); diff != "" {
		t.Errorf("(-a +b):\n%s", diff)
	}
	if r := b.do(http.MethodDelete, "/api/charts/chart-3/1.0.0", nil); r.status != http.StatusOK {
		t.Errorf("delete: %d %s", r.status, r.body)
	}
	if r := a.get("/charts/chart-3-1.0.0.tgz"); r.status != http.StatusNotFound {
		t.Errorf("deleted by another server, still served: %d", r.status)
	}
	part := b.get("/charts/chart-1-1.0.0.tgz", "Range: bytes=2-5")
	whole := a.get("/charts/chart-1-1.0.0.tgz")
	if part.status != http.StatusPartialContent || !bytes.Equal(part.body, whole.body[2:6]) {
		t.Errorf("range: %d %q", part.status, part.body)
	}
}

// TestReplicasAdopt starts two servers at once on a bucket of loose charts.
func TestReplicasAdopt(t *testing.T) { inBuckets(t, replicasAdopt) }

func replicasAdopt(t *testing.T, open func() blob.Store) {
	t.Helper()
	bucket := open()
	var want []string
	for i := range 5 {
		name := fmt.Sprintf("web-1.0.%d", 4-i)
		want = append(want, name)
		if _, err := bucket.Put(t.Context(), name+".tgz", bytes.NewReader(chartArchive(t, "web", fmt.Sprintf("1.0.%d", 4-i), ""))); err != nil {
			t.Fatal(err)
		}
	}
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			s := serve(t, bucket, server.Options{Shared: true})
			if diff := cmp.Diff(want, s.listed()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if err := s.handler.Refresh(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

// TestFreshnessAsksLittle counts what a server asks of a store that does not
// change, and of one that only it writes to.
func TestFreshnessAsksLittle(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var ops []string
	store := faulty{&blob.Memory{}, func(op, key string) error {
		mu.Lock()
		defer mu.Unlock()
		ops = append(ops, op+" "+key)
		return nil
	}}
	s := serve(t, store, server.Options{Shared: true})
	s.publish(chartArchive(t, "web", "1.0.0", ""))
	s.listed()
	ops = nil
	s.publish(chartArchive(t, "web", "1.1.0", ""))
	s.listed()
	s.listed()
	if slices.Contains(ops, "list gantry/index/") {
		t.Errorf("its own commit made the server list the store: %v", ops)
	}
	if got := ops[len(ops)-2:]; !slices.Equal(got, []string{"get gantry/gen", "get gantry/gen"}) {
		t.Errorf("reading asks %v", got)
	}
}

// TestFreshnessOutlivesTheStore wants what was read to be served while the store
// is down.
func TestFreshnessOutlivesTheStore(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	s := serve(t, faulty{&blob.Memory{}, func(string, string) error {
		if down.Load() {
			return errKilled
		}
		return nil
	}}, server.Options{Shared: true})
	s.publish(chartArchive(t, "web", "1.0.0", ""))
	down.Store(true)
	if diff := cmp.Diff([]string{"web-1.0.0"}, s.listed()); diff != "" {
		t.Error(diff)
	}
}

// TestStaleServer publishes through a server that has not heard yet of what another
// has deleted: what it refuses or finds done already it must find in the store.
func TestStaleServer(t *testing.T) {
	t.Parallel()
	for name, version := range map[string]string{"the same content": "a: 1", "other content": "a: 2"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &blob.Memory{}
			late, other := serve(t, store, server.Options{}), serve(t, store, server.Options{})
			late.publish(chartArchive(t, "web", "1.0.0", "a: 1"))
			if err := other.handler.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			if r := other.do(http.MethodDelete, "/api/charts/web/1.0.0", nil); r.status != http.StatusOK {
				t.Fatalf("delete: %d %s", r.status, r.body)
			}
			late.publish(chartArchive(t, "web", "1.0.0", version))
			if err := other.handler.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := other.listed(); len(got) != 1 {
				t.Errorf("an upload was acknowledged, and the store has %v", got)
			}
		})
	}
}
