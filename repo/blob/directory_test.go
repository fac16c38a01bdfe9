package blob_test

import (
	"os"
	"path/filepath"
	"slices"
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
	folder := filepath.Join(dir, "folder")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	young, old := filepath.Join(folder, ".gantry-tmp-YOUNG"), filepath.Join(folder, ".gantry-tmp-OLD")
	past := time.Now().Add(-2 * time.Hour)
	for name, at := range map[string]time.Time{young: {}, old: past, filepath.Join(folder, "object"): past} {
		if err := os.WriteFile(name, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, at, at); err != nil { // the zero time leaves it as it is
			t.Fatal(err)
		}
	}
	if _, err := openDirectory(t, dir).Put(t.Context(), "folder/new", strings.NewReader("whole")); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, folder), []string{".gantry-tmp-YOUNG", "new", "object"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want what may be in use and the objects, %q", got, want)
	}
}

func names(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestDirectoryLeavesNoTemporaryFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDirectory(t, dir)
	etag, err := d.PutIfAbsent(t.Context(), "folder/key", strings.NewReader("one"))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = d.PutIfAbsent(t.Context(), "folder/key", strings.NewReader("two"))
	_, _ = d.PutIfMatch(t.Context(), "folder/key", etag, strings.NewReader("three"))
	_, _ = d.PutIfMatch(t.Context(), "folder/key", etag, strings.NewReader("four"))
	if got, want := names(t, filepath.Join(dir, "folder")), []string{"key"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestDirectoryListIsWhole ends the store while it is listed: what could not be looked
// at is not taken for gone.
func TestDirectoryListIsWhole(t *testing.T) {
	t.Parallel()
	d, err := blob.OpenDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"folder/a", "folder/b", "folder/c"}
	for _, key := range want {
		create(t, d, key, "x")
	}
	var got []string
	for info, err := range d.List(t.Context(), "folder/", "") {
		if err != nil {
			return
		}
		got = append(got, info.Key)
		wantErr(t, d.Close(), nil)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q without an error", got)
	}
}

// TestDirectoryObjectIsNoFolder looks for objects below an object.
func TestDirectoryObjectIsNoFolder(t *testing.T) {
	t.Parallel()
	d := openDirectory(t, t.TempDir())
	create(t, d, "a.tgz", "x")
	_, _, err := d.Get(t.Context(), "a.tgz/gantry/gen")
	wantErr(t, err, blob.ErrNotFound)
	_, err = d.Stat(t.Context(), "a.tgz/b")
	wantErr(t, err, blob.ErrNotFound)
	wantErr(t, d.Delete(t.Context(), "a.tgz/b"), nil)
	for _, err := range d.List(t.Context(), "a.tgz/gantry/", "") {
		t.Error(err)
	}
	for _, err := range d.List(t.Context(), "a.tgz/", "") {
		t.Error(err)
	}
	if _, err := d.PutIfAbsent(t.Context(), "a.tgz/b", strings.NewReader("x")); err == nil {
		t.Error("an object is a folder as well")
	}
}
