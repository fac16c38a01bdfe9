package server_test

import (
	"bytes"
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"gantry/repo/blob"
	"gantry/repo/server"
)

// sign pushes a manifest that refers to another one, and returns its digest.
func (s *tester) sign(name, tag, text, subject string) string {
	s.Helper()
	m := s.artifactManifest(name, text, subject)
	digest := "sha256:" + digestOf(s, m)
	if r := s.putManifest(name, cmp.Or(tag, digest), m); r.status != http.StatusCreated {
		s.Fatalf("sign: %d %s", r.status, r.body)
	}
	return digest
}

// referrers returns the digests of what refers to a manifest.
func (s *tester) referrers(name, digest string) []string {
	s.Helper()
	var list struct{ Manifests []struct{ Digest string } }
	s.decode(s.get("/v2/"+name+"/referrers/"+digest), &list)
	var all []string
	for _, m := range list.Manifests {
		all = append(all, m.Digest)
	}
	return all
}

// pushVersion pushes a chart by its manifest.
func (s *tester) pushVersion(version string) (digest string, manifest []byte) {
	s.Helper()
	manifest = s.chartManifest("web", chartArchive(s, "web", version, ""))
	if r := s.putManifest("web", version, manifest); r.status != http.StatusCreated {
		s.Fatalf("push: %d %s", r.status, r.body)
	}
	return "sha256:" + digestOf(s, manifest), manifest
}

// TestCollectReferrers deletes a version: what signs it goes with it, and nothing else.
func TestCollectReferrers(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	s := serve(t, store, server.Options{})
	stays, _ := s.pushVersion("1.0.0")
	gone, again := s.pushVersion("1.1.0")
	kept := []string{s.sign("web", "", "of 1.0.0", stays), s.sign("web", "tagged", "with a tag", gone), s.sign("web", "", "in an index", gone)}
	index := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[%s]}`, descriptor(manifestType, kept[2], 1))
	if r := s.do(http.MethodPut, "/v2/web/manifests/all", bytes.NewReader(index), "Content-Type: application/vnd.oci.image.index.v1+json"); r.status != http.StatusCreated {
		t.Fatalf("%d %s", r.status, r.body)
	}
	kept = append(kept, s.sign("web", "", "of what has a tag", kept[1]))
	orphan := s.sign("web", "", "of 1.1.0", gone)
	second := s.sign("web", "", "of a signature", orphan)
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	at := func(after time.Duration) server.CollectOptions {
		return server.CollectOptions{Now: now.Add(after), Grace: time.Hour}
	}
	sound := func(orphans int) {
		t.Helper()
		report, err := server.Check(t.Context(), store, server.CheckOptions{})
		if err != nil || len(report.Findings) > 0 || report.Orphans != orphans {
			t.Errorf("%+v, %v", report, err)
		}
	}
	if deleted, waiting := collect(t, store, at(0)); len(deleted)+len(waiting) > 0 {
		t.Fatalf("deleted %v, waiting %v", deleted, waiting)
	}
	sound(0)

	t.Log("the subject comes back in time")
	remove := func() {
		t.Helper()
		if r := s.do(http.MethodDelete, "/v2/web/manifests/1.1.0", nil); r.status != http.StatusAccepted {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	remove()
	sound(2)
	if _, waiting := collect(t, store, at(time.Hour)); !slices.Contains(waiting, orphan) || !slices.Contains(waiting, second) {
		t.Errorf("waiting %v", waiting)
	}
	if r := s.putManifest("web", "1.1.0", again); r.status != http.StatusCreated {
		t.Fatalf("%d %s", r.status, r.body)
	}
	for _, after := range []time.Duration{3 * time.Hour, 5 * time.Hour} {
		if deleted, waiting := collect(t, store, at(after)); len(deleted)+len(waiting) > 0 {
			t.Fatalf("deleted %v, waiting %v", deleted, waiting)
		}
	}

	t.Log("it stays away")
	remove()
	collect(t, store, at(6*time.Hour))
	if got := s.referrers("web", gone); !slices.Contains(got, orphan) {
		t.Errorf("before the grace is over: %v", got)
	}
	dry := at(7 * time.Hour)
	dry.DryRun = true
	for _, o := range []server.CollectOptions{dry, at(7 * time.Hour)} {
		if got := s.referrers("web", gone); !slices.Contains(got, orphan) {
			t.Errorf("before it is collected: %v", got)
		}
		if deleted, _ := collect(t, store, o); !slices.Contains(deleted, orphan) || !slices.Contains(deleted, second) || !slices.Contains(deleted, gone) {
			t.Errorf("deleted %v", deleted)
		}
	}
	sound(0)
	if diff := gocmp.Diff(slices.Sorted(slices.Values(kept[1:3])), s.referrers("web", gone)); diff != "" {
		t.Errorf("referrers of what is gone (-want +got):\n%s", diff)
	}
	for digest, want := range map[string]int{orphan: http.StatusNotFound, second: http.StatusNotFound, kept[0]: 200, kept[1]: 200, kept[2]: 200, kept[3]: 200} {
		if r := s.get("/v2/web/manifests/" + digest); r.status != want {
			t.Errorf("%s: %d, want %d", digest, r.status, want)
		}
	}
	collect(t, store, at(9*time.Hour))
	report, err := server.Check(t.Context(), store, server.CheckOptions{})
	if err != nil || report.Unreferenced > 0 {
		t.Errorf("%+v, %v", report, err)
	}

	t.Log("without servers, at once")
	if r := s.do(http.MethodDelete, "/v2/web/manifests/1.0.0", nil); r.status != http.StatusAccepted {
		t.Fatalf("%d %s", r.status, r.body)
	}
	collect(t, store, server.CollectOptions{Now: now, Offline: true})
	if report, err := server.Check(t.Context(), store, server.CheckOptions{}); err != nil || len(report.Findings)+report.Orphans+report.Unreferenced > 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestCollectReferrersRaces pushes the subject of a signature, or the signature, at each
// operation of the collection that is about to remove it. What was listed when the
// subject came back stays; a signature that was accepted is there, whole.
func TestCollectReferrersRaces(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for _, subject := range []bool{true, false} {
		for step := range 60 {
			store := &blob.Memory{}
			s := serve(t, store, server.Options{})
			digest, manifest := s.pushVersion("1.0.0")
			signed := s.sign("web", "", "a signature", digest)
			signature := s.get("/v2/web/manifests/" + signed).body
			s.do(http.MethodDelete, "/v2/web/manifests/1.0.0", nil)
			collect(t, store, server.CollectOptions{Now: now, Grace: time.Hour})
			var once sync.Once
			var ops atomic.Int64
			var status int
			var listed bool
			at := faulty{store, func(op, _ string) error {
				if op == "list" {
					return nil
				}
				if ops.Add(1) > int64(step) {
					once.Do(func() {
						listed = slices.Contains(s.referrers("web", digest), signed)
						if subject {
							status = s.putManifest("web", "1.0.0", manifest).status
						} else {
							status = s.putManifest("web", signed, signature).status
						}
					})
				}
				return nil
			}}
			if _, err := server.Collect(t.Context(), at, server.CollectOptions{Now: now.Add(2 * time.Hour), Grace: time.Hour}); err != nil {
				t.Fatal(err)
			}
			if report, err := server.Check(t.Context(), store, server.CheckOptions{}); err != nil || len(report.Findings) > 0 {
				t.Errorf("subject %t, step %d, push %d: %+v, %v", subject, step, status, report, err)
			}
			there := slices.Contains(s.referrers("web", digest), signed)
			if status == http.StatusCreated && !there && (listed || !subject) {
				t.Errorf("subject %t, step %d: the signature is lost", subject, step)
			}
			if status == 0 {
				if step < 10 {
					t.Errorf("a collection has %d operations", step)
				}
				break
			}
			if step == 59 {
				t.Error("the collection never came to its end")
			}
		}
	}
}

// TestCheckBadDigests reads records whose digests are none.
func TestCheckBadDigests(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	for key, text := range map[string]string{
		"gantry/oci/a.json":   `{"name":"a","manifests":[{"digest":""},{"digest":"sha256:x","subject":"sha256:y"}]}`,
		"gantry/oci/b.json":   `{"name":"b","manifests":[{"digest":"sha256:` + strings.Repeat("0", 64) + `","subject":"x"}]}`,
		"gantry/index/c.json": `{"chart":"c","versions":[{"version":"1.0.0","archive":"c-1.0.0.tgz","digest":"x","manifest":"x","entry":{}}]}`,
	} {
		if _, err := store.Put(t.Context(), key, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	report, err := server.Check(t.Context(), store, server.CheckOptions{})
	if err != nil || len(report.Findings) != 5 {
		t.Errorf("%+v, %v", report, err)
	}
	if _, err := server.Collect(t.Context(), store, server.CollectOptions{Now: time.Now(), Offline: true}); err == nil {
		t.Error("a damaged store is collected")
	}
}
