package server_test

import (
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gantry/repo/blob"
	"gantry/repo/server"
)

// downloads returns what the page of a chart says, for its version and in all.
func (s *tester) downloads(chart string) string {
	s.Helper()
	_, rest, _ := strings.Cut(s.page("/chart/"+chart, http.StatusOK), "<dt>Downloads</dt><dd>")
	text, _, _ := strings.Cut(rest, "</dd>")
	return strings.NewReplacer(`<span class="soft">`, "", "</span>", "").Replace(text)
}

func (s *tester) flush() {
	s.Helper()
	if err := s.handler.Flush(s.Context()); err != nil {
		s.Error(err)
	}
}

func TestDownloadsAreCounted(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	web := chartArchive(t, "web", "1.0.0", "")
	s.publish(web)
	s.publish(chartArchive(t, "web", "0.9.0", ""))
	if got := s.downloads("web"); got != "0" {
		t.Errorf("nobody has fetched it: %q", got)
	}
	const archive = "/charts/web-1.0.0.tgz"
	first := s.get(archive)
	s.get("/charts/web-0.9.0.tgz")
	s.get("/@chart/web" + archive)
	s.get(archive, "Range: bytes=0-9")
	s.get("/v2/web/blobs/sha256:" + digestOf(t, web))
	// None of these begins a download.
	s.do(http.MethodHead, archive, nil)
	s.get(archive, "If-None-Match: "+first.header.Get("ETag"))
	s.get(archive, "Range: bytes=5-")
	s.get(archive, "Range: bytes=999999-")
	s.get("/charts/web-9.9.9.tgz")
	s.get(archive + ".prov")
	if got := s.downloads("web"); got != "4 of 5 in all" {
		t.Errorf("got %q", got)
	}
	hasAll(t, s.page("/chart/web/1.0.0/versions", http.StatusOK), `<td class="number" data-name="downloads">4</td>`, `<td class="number" data-name="downloads">1</td>`)
	hasAll(t, s.page("/", http.StatusOK), "5 downloads")
	hasAll(t, string(s.get("/metrics").body), `gantry_downloads_total{protocol="http"} 4`, `gantry_downloads_total{protocol="oci"} 1`)
}

// TestDownloadsOfReplicas wants three servers to show the sum of what they have
// counted, one that is killed to take no more with it than it had not written, and
// nothing to be counted twice when servers start again.
func TestDownloadsOfReplicas(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	var all []*tester
	for range 3 {
		all = append(all, serve(t, store, server.Options{Shared: true, Depth: 1}))
	}
	all[0].do(http.MethodPost, "/api/team/charts", strings.NewReader(string(chartArchive(t, "web", "1.0.0", ""))))
	all[0].publish(chartArchive(t, "web", "1.0.0", ""))
	for i, s := range all {
		for range i + 1 {
			s.get("/charts/web-1.0.0.tgz")
			s.get("/team/charts/web-1.0.0.tgz")
		}
		s.flush()
	}
	all[2].get("/charts/web-1.0.0.tgz") // it is killed before it writes that down
	for range 2 {
		for _, s := range all[:2] {
			s.flush()
			if got := s.downloads("web"); got != "6" {
				t.Errorf("1 + 2 + 3 are %q", got)
			}
		}
	}
	again := serve(t, store, server.Options{Shared: true})
	again.flush()
	again.get("/charts/web-1.0.0.tgz")
	if got := again.downloads("web"); got != "7" {
		t.Errorf("started again: %q", got)
	}
}

// TestDownloadsAreFolded lets servers of one store count for a month, all of them adding
// up past days at the same time.
func TestDownloadsAreFolded(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	var days atomic.Int64
	now := func() time.Time {
		return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC).AddDate(0, 0, int(days.Load()))
	}
	all := []*tester{serve(t, store, server.Options{Now: now}), serve(t, store, server.Options{Now: now})}
	all[0].publish(chartArchive(t, "web", "1.0.0", ""))
	if err := all[1].handler.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	const month = 30
	for range month {
		var group sync.WaitGroup
		for _, s := range all {
			s.get("/charts/web-1.0.0.tgz")
			group.Go(s.flush)
		}
		group.Wait()
		days.Add(1)
	}
	for _, s := range all {
		s.flush()
	}
	for _, s := range append(all, serve(t, store, server.Options{Now: now})) {
		s.flush()
		if got := s.downloads("web"); got != "60" {
			t.Errorf("%q of %d downloads", got, 2*month)
		}
	}
	objects := 0
	for _, err := range store.List(t.Context(), "gantry/downloads/", "") {
		if err != nil {
			t.Fatal(err)
		}
		objects++
	}
	if objects > 8 {
		t.Errorf("%d objects are left: those of some days and the total are enough", objects)
	}
}

// TestDownloadsOutliveTheStore wants what could not be written to be written later,
// and a store that is read-only not to be an error.
func TestDownloadsOutliveTheStore(t *testing.T) {
	t.Parallel()
	var fault error
	store := faulty{&blob.Memory{}, func(op, key string) error {
		if op == "put" && strings.HasPrefix(key, "gantry/downloads/") {
			return fault
		}
		return nil
	}}
	s := serve(t, store, server.Options{})
	s.publish(chartArchive(t, "web", "1.0.0", ""))
	s.get("/charts/web-1.0.0.tgz")
	for _, tt := range []struct {
		fault error
		ok    bool
	}{{errKilled, false}, {fs.ErrPermission, true}} {
		fault = tt.fault
		if err := s.handler.Flush(t.Context()); (err == nil) != tt.ok {
			t.Errorf("%v: got %v", tt.fault, err)
		}
	}
	fault = nil
	s.flush()
	again := serve(t, store, server.Options{})
	again.flush()
	if got := again.downloads("web"); got != "1" {
		t.Errorf("got %q", got)
	}
}
