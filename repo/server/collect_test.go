package server_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gantry/repo/blob"
	"gantry/repo/server"
)

// collect collects and returns what was deleted and what waits, by digest.
func collect(t *testing.T, store blob.Store, o server.CollectOptions) (deleted, waiting []string) {
	t.Helper()
	found, err := server.Collect(t.Context(), store, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range found {
		if u.Deleted {
			deleted = append(deleted, u.Digest)
		} else {
			waiting = append(waiting, u.Digest)
		}
	}
	return deleted, waiting
}

func TestCollect(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	s := serve(t, store, server.Options{Overwrite: true})
	kept, gone, back := chartArchive(t, "web", "1.0.0", ""), chartArchive(t, "web", "1.1.0", ""), chartArchive(t, "web", "1.2.0", "")
	for _, archive := range [][]byte{kept, gone, back} {
		s.publish(archive)
	}
	s.putManifest("web", "1.0.0", s.chartManifest("web", kept))
	signature := s.artifactManifest("web", "a signature", "sha256:"+digestOf(t, kept))
	if r := s.putManifest("web", "signed", signature); r.status != http.StatusCreated {
		t.Fatalf("%d %s", r.status, r.body)
	}
	lost := s.pushBlob("web", []byte("an upload that came to nothing"))
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	grace := server.CollectOptions{Now: now, Grace: time.Hour}

	deleted, waiting := collect(t, store, grace)
	if diff := cmp.Diff([]string{lost}, waiting); diff != "" || len(deleted) > 0 {
		t.Fatalf("deleted %v; waiting:\n%s", deleted, diff)
	}
	for _, version := range []string{"1.1.0", "1.2.0"} {
		s.do(http.MethodDelete, "/api/charts/web/"+version, nil)
	}
	grace.Now = now.Add(time.Hour)
	dry := grace
	dry.DryRun = true
	for _, o := range []server.CollectOptions{dry, grace} {
		if deleted, waiting = collect(t, store, o); !slices.Equal(deleted, []string{lost}) || len(waiting) != 2 {
			t.Fatalf("deleted %v, waiting %v", deleted, waiting)
		}
	}
	// Somebody publishes again what has been marked.
	s.publish(back)
	grace.Now = now.Add(3 * time.Hour)
	if deleted, waiting = collect(t, store, grace); !slices.Equal(deleted, []string{"sha256:" + digestOf(t, gone)}) || len(waiting) > 0 {
		t.Errorf("deleted %v, waiting %v", deleted, waiting)
	}
	report, err := server.Check(t.Context(), store, server.CheckOptions{})
	if err != nil || len(report.Findings) > 0 || report.Unreferenced > 0 {
		t.Errorf("%+v, %v", report, err)
	}
	for info, err := range store.List(t.Context(), "gantry/unnamed/", "") {
		t.Errorf("a mark stays: %s %v", info.Key, err)
	}
	if r := s.get("/charts/web-1.2.0.tgz"); !slices.Equal(r.body, back) {
		t.Errorf("what was published again: %d", r.status)
	}
	// The same content may come back after it is gone.
	s.publish(gone)
	if deleted, _ = collect(t, store, server.CollectOptions{Now: now, Offline: true}); len(deleted) > 0 {
		t.Errorf("deleted %v", deleted)
	}
}

// TestCollectRaces lets an upload of marked content and a collection take turns in
// every order: at the end the version is there whole, or was refused.
func TestCollectRaces(t *testing.T) {
	t.Parallel()
	archive := chartArchive(t, "web", "1.0.0", "")
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for step := range 40 {
		store := &blob.Memory{}
		before := serve(t, store, server.Options{})
		before.publish(archive)
		before.do(http.MethodDelete, "/api/charts/web/1.0.0", nil)
		collect(t, store, server.CollectOptions{Now: now, Grace: time.Hour})
		// The upload runs in the middle of the collection, at each of its
		// operations in turn.
		var once sync.Once
		ops, status := 0, 0
		at := faulty{store, func(op, _ string) error {
			if op == "list" {
				return nil // there are hundreds, and nothing is decided in between
			}
			if ops++; ops > step {
				once.Do(func() { status = before.upload(archive).status })
			}
			return nil
		}}
		if _, err := server.Collect(t.Context(), at, server.CollectOptions{Now: now.Add(2 * time.Hour), Grace: time.Hour}); err != nil {
			t.Fatal(err)
		}
		report, err := server.Check(t.Context(), store, server.CheckOptions{})
		switch {
		case err != nil || len(report.Findings) > 0:
			t.Errorf("step %d, upload %d: %+v, %v", step, status, report, err)
		case status == http.StatusCreated != (report.Versions == 1):
			t.Errorf("step %d, upload %d: %d versions", step, status, report.Versions)
		}
		if status == 0 {
			if step < 5 {
				t.Errorf("a collection has %d operations", step)
			}
			return
		}
		if status != http.StatusCreated {
			before.publish(archive) // it is over now
		}
	}
	t.Error("the collection never came to its end")
}

// TestCollectLooksForLong lets a collection read records for so long that an upload of
// what it has found without a name is published meanwhile, which began before another
// collection marked it.
func TestCollectLooksForLong(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	memory := &blob.Memory{Now: func() time.Time { return time.Unix(1_800_000_000+now.Load(), 0) }}
	first := serve(t, memory, server.Options{})
	archive := chartArchive(t, "web", "1.0.0", "")
	first.publish(archive)
	first.do(http.MethodDelete, "/api/charts/web/1.0.0", nil)
	first.publish(chartArchive(t, "zoo", "1.0.0", ""))
	o := server.CollectOptions{Grace: server.MinGrace}
	var mark, upload sync.Once
	uploader := serve(t, faulty{memory, func(op, key string) error {
		if op == "put" && strings.HasPrefix(key, "gantry/blobs/") {
			mark.Do(func() { collect(t, memory, o) })
		}
		return nil
	}}, server.Options{})
	slow := faulty{memory, func(op, key string) error {
		if op == "get" && key == "gantry/index/zoo.json" {
			upload.Do(func() {
				uploader.publish(archive)
				now.Add(int64(2 * server.MinGrace / time.Second))
			})
		}
		return nil
	}}
	collect(t, slow, o)
	if report, err := server.Check(t.Context(), memory, server.CheckOptions{}); err != nil || report.Versions != 2 || len(report.Findings) > 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestCollectDeletesForLong asks whether what is being deleted may be published, long
// after the collection that deletes it has begun.
func TestCollectDeletesForLong(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	memory := &blob.Memory{Now: func() time.Time { return time.Unix(1_800_000_000+now.Load(), 0) }}
	s := serve(t, memory, server.Options{})
	archive := chartArchive(t, "web", "1.0.0", "")
	s.publish(archive)
	s.do(http.MethodDelete, "/api/charts/web/1.0.0", nil)
	o := server.CollectOptions{Grace: server.MinGrace}
	collect(t, memory, o)
	now.Add(int64(2 * server.MinGrace / time.Second))
	collect(t, faulty{memory, func(op, key string) error {
		switch {
		case op == "get" && strings.HasPrefix(key, "gantry/unnamed/"):
			now.Add(int64(2 * time.Hour / time.Second)) // there were many before it
		case op == "delete" && strings.HasPrefix(key, "gantry/blobs/"):
			if r := s.upload(archive); r.status != http.StatusServiceUnavailable {
				t.Errorf("what is being deleted was published: %d %s", r.status, r.body)
			}
		}
		return nil
	}}, o)
	s.publish(archive)
}

// TestUploadRaces lets a whole collection run in the middle of an upload, at each of
// its operations in turn, of a content that is there and marked, or being deleted.
func TestUploadRaces(t *testing.T) {
	t.Parallel()
	archive := chartArchive(t, "web", "1.0.0", "")
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	pushes := map[string]func(s *tester) int{
		"upload": func(s *tester) int { return s.upload(archive).status },
		"push": func(s *tester) int {
			return s.putManifest("web", "1.0.0", fmt.Appendf(nil, `{"schemaVersion":2,"config":%s,"layers":[%s]}`,
				descriptor("application/vnd.cncf.helm.config.v1+json", "sha256:"+digestOf(t, []byte("{}")), 2),
				descriptor("application/vnd.cncf.helm.chart.content.v1.tar+gzip", "sha256:"+digestOf(t, archive), len(archive)))).status
		},
	}
	for name, push := range pushes {
		for step := range 40 {
			store := &blob.Memory{}
			before := serve(t, store, server.Options{})
			before.publish(archive)
			before.pushBlob("web", []byte("{}"))
			before.do(http.MethodDelete, "/api/charts/web/1.0.0", nil)
			collect(t, store, server.CollectOptions{Now: now, Grace: time.Hour})
			var once sync.Once
			ops := 0
			at := faulty{store, func(op, _ string) error {
				if ops++; ops > step && op != "list" {
					once.Do(func() { collect(t, store, server.CollectOptions{Now: now.Add(2 * time.Hour), Grace: time.Hour}) })
				}
				return nil
			}}
			s := serve(t, at, server.Options{Now: func() time.Time { return now.Add(2 * time.Hour) }})
			status := push(s)
			report, err := server.Check(t.Context(), store, server.CheckOptions{})
			if err != nil || len(report.Findings) > 0 || (status == http.StatusCreated) != (report.Versions == 1) {
				t.Errorf("%s, step %d: %d: %+v, %v", name, step, status, report, err)
			}
		}
	}
}

// TestCollectLostAnswers deletes a content without learning of it, at once or long
// after it was sent. Whoever publishes the content meanwhile is refused, or keeps it.
func TestCollectLostAnswers(t *testing.T) {
	t.Parallel()
	archive := chartArchive(t, "web", "1.0.0", "")
	digest := digestOf(t, archive)
	content := "gantry/blobs/sha256/" + digest[:2] + "/" + digest
	start := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for name, late := range map[string]bool{"it is gone": false, "it goes later": true} {
		t.Run(name, func(t *testing.T) {
			now := start
			// The clock of the server is hours ahead: the store's counts.
			store := &blob.Memory{Now: func() time.Time { return now }}
			s := serve(t, store, server.Options{Now: func() time.Time { return now.Add(5 * time.Hour) }})
			s.publish(archive)
			s.do(http.MethodDelete, "/api/charts/web/1.0.0", nil)
			collect(t, store, server.CollectOptions{Now: now, Grace: time.Hour})
			now = now.Add(2 * time.Hour)
			lost := faulty{store, func(op, key string) error {
				if op != "delete" || key != content {
					return nil
				}
				if !late {
					if err := store.Delete(t.Context(), key); err != nil {
						t.Error(err)
					}
				}
				return errKilled
			}}
			found, err := server.Collect(t.Context(), lost, server.CollectOptions{Now: now, Grace: time.Hour})
			if err != nil || len(found) != 1 || found[0].Deleted || found[0].Failed == "" {
				t.Fatalf("%+v, %v", found, err)
			}
			for range 3 {
				if code, _, _ := s.upload(archive).problem(t); code != "content-collected" {
					t.Errorf("it is published: %s", code)
				}
				now = now.Add(15 * time.Minute)
				// Another collection leaves it alone.
				if deleted, waiting := collect(t, store, server.CollectOptions{Now: now, Grace: time.Minute}); len(deleted)+len(waiting) > 0 {
					t.Errorf("deleted %v, waiting %v", deleted, waiting)
				}
			}
			if err := store.Delete(t.Context(), content); err != nil {
				t.Fatal(err)
			}
			now = now.Add(time.Hour)
			s.publish(archive)
			collect(t, store, server.CollectOptions{Now: now.Add(24 * time.Hour), Grace: time.Hour})
			if r := s.get("/charts/web-1.0.0.tgz"); !slices.Equal(r.body, archive) {
				t.Errorf("it is lost: %d", r.status)
			}
			for info, err := range store.List(t.Context(), "gantry/unnamed/", "") {
				t.Errorf("a mark stays: %s %v", info.Key, err)
			}
		})
	}
}

func TestCollectRefusesDamage(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	s := serve(t, store, server.Options{})
	s.publish(chartArchive(t, "web", "1.0.0", ""))
	if _, err := store.Put(t.Context(), "gantry/index/web.json", strings.NewReader("{")); err != nil {
		t.Fatal(err)
	}
	_, err := server.Collect(t.Context(), store, server.CollectOptions{Offline: true})
	if e, ok := errors.AsType[*server.DamagedError](err); !ok || e.Finding.Code != "record-damaged" {
		t.Errorf("got %v", err)
	}
}

func TestRetention(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	s := serve(t, store, server.Options{})
	for _, version := range []string{"1.0.0", "1.1.0", "1.2.0-rc.1", "1.2.0", "2.0.0-rc.1", "2.0.0-rc.2"} {
		s.publish(chartArchive(t, "web", version, ""))
	}
	s.publish(chartArchive(t, "db", "0.1.0-alpha", ""))
	now := time.Date(2026, 5, 1, 1, 0, 0, 0, time.UTC)
	if _, err := server.FindExpired(t.Context(), store, server.Retention{}, now); err == nil {
		t.Error("no rule at all deletes everything")
	}
	for _, tc := range []struct {
		keep server.Retention
		want string
	}{
		{server.Retention{Last: 3}, "[web 1.2.0-rc.1 web 1.1.0 web 1.0.0]"},
		{server.Retention{Last: 1}, "[web 2.0.0-rc.1 web 1.2.0-rc.1 web 1.1.0 web 1.0.0]"},
		{server.Retention{Stable: true}, "[web 2.0.0-rc.1 web 1.2.0-rc.1]"},
		{server.Retention{Within: 2 * time.Hour}, "[]"},
		{server.Retention{Within: time.Minute}, "[web 2.0.0-rc.1 web 1.2.0-rc.1 web 1.1.0 web 1.0.0]"},
		{server.Retention{Last: 1, Charts: []string{"d*"}}, "[]"},
	} {
		expired, err := server.FindExpired(t.Context(), store, tc.keep, now)
		if err != nil {
			t.Fatal(err)
		}
		names := []string{}
		for _, e := range expired {
			names = append(names, e.Chart+" "+e.Version)
		}
		if got := fmt.Sprint(names); got != tc.want {
			t.Errorf("%+v: %s, want %s", tc.keep, got, tc.want)
		}
	}
	expired, err := server.FindExpired(t.Context(), store, server.Retention{Last: 3}, now)
	if err != nil {
		t.Fatal(err)
	}
	// What is replaced meanwhile stays.
	expired[0].Digest = "sha256:" + strings.Repeat("0", 64)
	if err := (server.Operator{Store: store, User: "ana", From: "command line", Now: clock()}).Expire(t.Context(), "", expired); err != nil {
		t.Fatal(err)
	}
	if err := s.handler.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{"db-0.1.0-alpha", "web-2.0.0-rc.2", "web-2.0.0-rc.1", "web-1.2.0", "web-1.2.0-rc.1"}
	if diff := cmp.Diff(want, s.listed()); diff != "" {
		t.Error(diff)
	}
}

// TestRetentionAndReferrers lets versions refer to others as their subjects: those that
// one which stays refers to stay, and those that go are no longer listed as referrers.
func TestRetentionAndReferrers(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	s := serve(t, store, server.Options{})
	digests := map[string]string{}
	push := func(version, subject string) {
		t.Helper()
		manifest := s.chartManifest("web", chartArchive(t, "web", version, ""))
		if subject != "" {
			manifest = append(bytes.TrimSuffix(manifest, []byte("}")), `,"subject":`+descriptor(manifestType, digests[subject], 1)+"}"...)
		}
		if r := s.putManifest("web", version, manifest); r.status != http.StatusCreated {
			t.Fatalf("%d %s", r.status, r.body)
		}
		digests[version] = "sha256:" + digestOf(t, manifest)
	}
	referrers := func(version string) int {
		t.Helper()
		var list struct{ Manifests []any }
		s.decode(s.get("/v2/web/referrers/"+digests[version]), &list)
		return len(list.Manifests)
	}
	push("1.0.0", "")
	push("1.1.0", "1.0.0")
	push("1.2.0", "")
	push("1.3.0", "1.2.0")
	push("1.4.0", "1.3.0")
	if got := []int{referrers("1.0.0"), referrers("1.2.0"), referrers("1.3.0")}; !slices.Equal(got, []int{1, 1, 1}) {
		t.Fatalf("referrers: %v", got)
	}
	expired, err := server.FindExpired(t.Context(), store, server.Retention{Last: 1}, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	if err := (server.Operator{Store: store, User: "ana", From: "command line", Now: clock()}).Expire(t.Context(), "", expired); err != nil {
		t.Fatal(err)
	}
	if err := s.handler.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"web-1.4.0", "web-1.3.0", "web-1.2.0"}, s.listed()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := []int{referrers("1.0.0"), referrers("1.2.0"), referrers("1.3.0")}; !slices.Equal(got, []int{0, 1, 1}) {
		t.Errorf("referrers after pruning: %v", got)
	}
	report, err := server.Check(t.Context(), store, server.CheckOptions{})
	if err != nil || len(report.Findings) > 0 {
		t.Errorf("%+v %v", report, err)
	}
}
