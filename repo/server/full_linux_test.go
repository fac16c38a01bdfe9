package server_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"strings"
	"syscall"
	"testing"
	"time"

	"gantry/repo/server"
)

// TestFullDisk fills a small file system of its own, for which the test has to be root:
// what was acknowledged is there and nothing else is, and once there is room it goes on.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=4m"); err != nil {
		t.Skip("no small file system can be mounted here:", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	store := directory(t, disk)
	s := serve(t, store, server.Options{})
	published := map[string][]byte{}
	version := 0
	fill := func() {
		t.Helper()
		for {
			version++
			stem := fmt.Sprintf("web-1.0.%d", version)
			text := fmt.Sprintf("apiVersion: v2\nname: web\nversion: 1.0.%d\n", version)
			archive := pack(t, file{name: "web/Chart.yaml", text: text}, file{name: "web/noise", text: noise(version, 600_000)})
			r := s.upload(archive)
			if r.status == http.StatusCreated {
				published[stem] = archive
				continue
			}
			if code, _, _ := r.problem(t); r.status != http.StatusInsufficientStorage || code != "storage-full" {
				t.Errorf("%s: %d %s", stem, r.status, r.body)
			}
			return
		}
	}
	check := func(s *tester) {
		t.Helper()
		if got := s.listed(); len(got) != len(published) {
			t.Errorf("%q are listed, and %d were acknowledged", got, len(published))
		}
		for stem, want := range published {
			if r := s.get("/charts/" + stem + ".tgz"); r.status != http.StatusOK || !bytes.Equal(r.body, want) {
				t.Errorf("%s: %d with %d bytes", stem, r.status, len(r.body))
			}
		}
	}
	fill()
	first := len(published)
	check(s)
	check(serve(t, directory(t, disk), server.Options{}))
	for _, stem := range []string{"web-1.0.1", "web-1.0.2"} {
		if r := s.do(http.MethodDelete, "/api/charts/web/"+strings.TrimPrefix(stem, "web-"), nil); r.status != http.StatusOK {
			t.Fatalf("%s cannot be deleted: %d %s", stem, r.status, r.body)
		}
		delete(published, stem)
	}
	collect(t, store, server.CollectOptions{Now: time.Now(), Offline: true})
	fill()
	if len(published) < first {
		t.Errorf("%d fit in the place of two, want as many", len(published)-first+2)
	}
	check(s)
	err := fs.WalkDir(os.DirFS(disk), ".", func(name string, _ fs.DirEntry, err error) error {
		if strings.HasPrefix(path.Base(name), ".gantry-tmp") {
			t.Errorf("%s takes room", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
