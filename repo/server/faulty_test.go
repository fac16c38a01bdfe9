package server_test

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"gantry/repo"
	"gantry/repo/blob"
	"gantry/repo/server"
	"gantry/testdata/faultystore"
)

// faultSeed draws what fails:
//
//	go test -run TestUploadsAmongFaults ./repo/server -args -fault-seed 17
var faultSeed = flag.Uint64("fault-seed", 1, "what the faults of stores are drawn from")

// TestUploadsAmongFaults lets three servers of one store take uploads while the store
// refuses, forgets to answer, breaks off and dawdles. What was acknowledged is there;
// what is there is whole; and an index that is served can be read.
func TestUploadsAmongFaults(t *testing.T) {
	t.Parallel()
	stores := map[string]func(t *testing.T) blob.Store{
		"memory":    func(*testing.T) blob.Store { return &blob.Memory{} },
		"directory": func(t *testing.T) blob.Store { t.Helper(); return directory(t, t.TempDir()) },
	}
	for name, start := range bucketKinds() {
		stores[name] = func(t *testing.T) blob.Store { t.Helper(); return start(t)() }
	}
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			amongFaults(t, open(t))
		})
	}
}

func amongFaults(t *testing.T, store blob.Store) {
	t.Helper()
	const servers, uploaders, each = 3, 6, 8
	failing := faultystore.New(store, *faultSeed, faultystore.Faults{Refused: .08, Lost: .08, Truncated: .08, Slow: .2, Delay: 3 * time.Millisecond})
	var all []*tester
	for range servers {
		for {
			handler, err := server.New(t.Context(), failing, server.Options{Now: clock(), TempDir: t.TempDir(), Shared: true})
			if err == nil {
				all = append(all, over(t, handler))
				break
			}
		}
	}
	var mu sync.Mutex
	acknowledged := map[string][]byte{}
	var group sync.WaitGroup
	for i := range uploaders {
		group.Go(func() {
			for n := range each {
				chart, version := fmt.Sprintf("chart-%d", n%3), fmt.Sprintf("1.%d.%d", i, n)
				archive := chartArchive(t, chart, version, "")
				if all[i%servers].uploaded(archive) {
					mu.Lock()
					acknowledged[chart+"-"+version] = archive
					mu.Unlock()
				}
			}
		})
	}
	group.Go(func() {
		for range 40 {
			r := all[0].get("/index.yaml")
			if _, _, err := repo.Parse("index.yaml", r.body); r.status == http.StatusOK && err != nil {
				t.Errorf("an index that cannot be read: %v", err)
			}
			if err := all[1].handler.Flush(t.Context()); err != nil {
				t.Log(err) // it is written the next time
			}
		}
	})
	group.Wait()
	if len(acknowledged) != uploaders*each || failing.Failed() == 0 {
		t.Errorf("%d of %d uploads passed in the end, among %d faults", len(acknowledged), uploaders*each, failing.Failed())
	}

	failing.Heal()
	after := serve(t, store, server.Options{})
	listed := map[string]bool{}
	for _, name := range after.listed() {
		listed[name] = true
	}
	for name, archive := range acknowledged {
		if r := after.get("/charts/" + name + ".tgz"); !listed[name] || !bytes.Equal(r.body, archive) {
			t.Errorf("%s was acknowledged: listed %v, %d", name, listed[name], r.status)
		}
	}
	report, err := server.Check(t.Context(), store, server.CheckOptions{})
	if err != nil || len(report.Findings) > 0 || report.Versions != uploaders*each {
		t.Errorf("%+v %v", report, err)
	}
	for _, s := range all {
		if err := s.handler.Refresh(t.Context()); err != nil {
			t.Error(err)
		}
		if got := s.get("/index.yaml").header.Get("ETag"); got != all[0].get("/index.yaml").header.Get("ETag") {
			t.Error("two servers of one store have different indexes")
		}
	}
}

// uploaded tries until the server takes the chart, or says that it has it: what failed
// may have been done.
func (s *tester) uploaded(archive []byte) bool {
	s.Helper()
	for range 100 {
		switch r := s.upload(archive); {
		case r.status == http.StatusCreated, r.status == http.StatusConflict:
			return true
		case r.status < http.StatusInternalServerError:
			s.Errorf("%d %s", r.status, r.body)
			return false
		case strings.Contains(string(r.body), faultystore.ErrUnavailable.Error()):
			s.Errorf("the answer tells what is for the log: %s", r.body)
		}
	}
	return false
}

// restartVersions is how many versions a server is started with:
//
//	go test -run TestRestart ./repo/server -args -restart-versions 100000
var restartVersions = flag.Int("restart-versions", 5_000, "how many versions a server is started with")

// TestRestart starts a server on a folder that holds very many versions, publishes, and
// starts again without an end to the first: nothing is missing, and both serve
// the same index.
func TestRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := over(t, filled(t, directory(t, dir), *restartVersions))
	s.publish(chartArchive(t, "chart-0000", "2.0.0", ""))
	want := s.get("/index.yaml")
	again := serve(t, directory(t, dir), server.Options{})
	got := again.get("/index.yaml")
	if !bytes.Equal(got.body, want.body) || got.header.Get("ETag") != want.header.Get("ETag") {
		t.Errorf("after a restart the index is another one: %d and %d bytes", len(got.body), len(want.body))
	}
	versions := 0
	for _, entries := range again.index().Entries {
		versions += len(entries)
	}
	if versions != *restartVersions+1 {
		t.Errorf("%d versions of %d are there", versions, *restartVersions+1)
	}
	again.publish(chartArchive(t, "chart-0000", "2.0.1", ""))
}
