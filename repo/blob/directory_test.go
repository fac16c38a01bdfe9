package blob_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gantry/repo/blob"
)

func TestDirectory(t *testing.T) {
	t.Parallel()
	suite(t, func(t *testing.T) (store, again blob.Store) {
		t.Helper()
		dir := t.TempDir()
		return openDirectory(t, dir), openDirectory(t, dir)
	})
}

func openDirectory(t *testing.T, dir string) *blob.Directory {
	t.Helper()
	d, err := blob.OpenDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func TestDirectoryLinksLeadNowhere(t *testing.T) {
	t.Parallel()
	outside, dir := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"file": filepath.Join(outside, "secret"), "folder": outside} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Skip("no symbolic links here:", err)
		}
	}
	d := openDirectory(t, dir)
	for _, key := range []string{"file", "folder/secret"} {
		if data, _, err := d.Get(t.Context(), key); err == nil {
			t.Errorf("%s reads %q", key, data)
		}
	}
	if _, err := d.PutIfAbsent(t.Context(), "folder/planted", strings.NewReader("x")); err == nil {
		t.Error("a link led a writer out of the store")
	}
	if _, err := os.Stat(filepath.Join(outside, "planted")); err == nil {
		t.Error("a file was written outside of the store")
	}
	for info, err := range d.List(t.Context(), "", "") {
		t.Errorf("%s is listed (%v)", info.Key, err)
	}
}

func TestDirectorySweepsLeftovers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	temp := filepath.Join(dir, ".gantry-tmp")
	if err := os.MkdirAll(temp, 0o755); err != nil {
		t.Fatal(err)
	}
	young, old := filepath.Join(temp, "young"), filepath.Join(temp, "old")
	for _, name := range []string{young, old} {
		if err := os.WriteFile(name, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(old, past, past); err != nil {
		t.Fatal(err)
	}
	openDirectory(t, dir)
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an old leftover is still there: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("what may be in use was removed: %v", err)
	}
	entries, err := os.ReadDir(temp)
	if err != nil || len(entries) != 1 {
		t.Errorf("got %v, %v, want the young file alone", entries, err)
	}
}

func TestDirectoryLeavesNoTemporaryFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDirectory(t, dir)
	etag, err := d.PutIfAbsent(t.Context(), "key", strings.NewReader("one"))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = d.PutIfAbsent(t.Context(), "key", strings.NewReader("two"))
	_, _ = d.PutIfMatch(t.Context(), "key", etag, strings.NewReader("three"))
	_, _ = d.PutIfMatch(t.Context(), "key", etag, strings.NewReader("four"))
	entries, err := os.ReadDir(filepath.Join(dir, ".gantry-tmp"))
	if err != nil || len(entries) != 0 {
		t.Errorf("left over: %v, %v", entries, err)
	}
}
