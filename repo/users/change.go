package users

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"gantry/charts/archive"
)

const (
	// lockWait is how long somebody else may be changing a file, and lockPoll how often
	// that is looked at.
	lockWait = 30 * time.Second
	lockPoll = 10 * time.Millisecond
)

// Change changes a file, be it behind a link, and writes it as a whole. One that is not
// there is empty. Changes wait for one another, lest one undo the other; they lock a file
// beside it, which stays.
func Change(ctx context.Context, file string, change func(*File) error) error {
	if place, err := filepath.EvalSymlinks(file); err == nil {
		file = place
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	lock := flock.New(filepath.Join(filepath.Dir(file), "."+filepath.Base(file)+".lock"))
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		return fmt.Errorf("lock %s: %w", file, err)
	}
	defer lock.Close()
	f, err := Read(file)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = Parse(file, nil)
	}
	if err != nil {
		return err
	}
	if err := change(f); err != nil {
		return err
	}
	return archive.WriteSecret(file, f.Bytes())
}
