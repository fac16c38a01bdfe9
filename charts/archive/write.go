package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile writes a file beside its place and moves it there, so that nobody
// ever reads half of it. It makes the folder when there is none.
func WriteFile(name string, data []byte) error {
	return write(name, data, func(beside *os.File) error { return beside.Chmod(0o644) })
}

// WriteSecret is WriteFile for what its owner alone may read, or who may read the file
// that is there already. It is on the disk when the file that was there before no longer
// is.
func WriteSecret(name string, data []byte) error {
	return write(name, data, func(beside *os.File) error { // CreateTemp lets nobody else read
		var err error
		if before, statErr := os.Stat(name); statErr == nil {
			mode := before.Mode().Perm()
			if giveAway(beside, before) != nil {
				mode &= 0o700 // the group would be another one
			}
			err = beside.Chmod(mode)
		}
		return errors.Join(err, beside.Sync())
	})
}

func write(name string, data []byte, finish func(*os.File) error) error {
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	beside, err := os.CreateTemp(dir, "."+filepath.Base(name)+"-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(beside.Name())
	_, werr := beside.Write(data)
	if err := errors.Join(werr, finish(beside), beside.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return os.Rename(beside.Name(), name)
}

// Swap puts a folder in the place of another, which is old meanwhile, and back
// should that fail. The three must be on one file system.
func Swap(fresh, dir, old string) error {
	if err := os.Rename(dir, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(fresh, dir); err != nil {
		return errors.Join(err, os.Rename(old, dir))
	}
	return nil
}
