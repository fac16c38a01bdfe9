package controlplane

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// maxSocketPath leaves room below the 104 bytes that macOS has for the path of a
// unix socket (Linux has 108).
const maxSocketPath = 100

// socket returns a free path for a unix socket: in the state folder, or, when
// that would be too long, in a folder of our own for temporary files.
func (c *cluster) socket(name string) (string, error) {
	path := c.folder.path(name)
	if len(path) > maxSocketPath {
		dir, err := socketFolder(c.Dir, os.TempDir())
		if err != nil {
			return "", err
		}
		c.onStop(func() { _ = os.Remove(dir) }) // the last socket's turn empties it
		path = filepath.Join(dir, name)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	c.onStop(func() { _ = os.Remove(path) })
	return path, nil
}

// socketFolder makes a folder below tmp that is always the same one for dir, so
// that killed processes leave no more than one. Others can write below tmp: what
// is there already must be ours alone.
func socketFolder(dir, tmp string) (string, error) {
	sum := sha256.Sum256([]byte(dir))
	path := filepath.Join(tmp, fmt.Sprintf("gantry-%d-%s", os.Getuid(), hex.EncodeToString(sum[:6])))
	err := os.Mkdir(path, 0o700)
	if err == nil || !errors.Is(err, fs.ErrExist) {
		return path, err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || int(owner.Uid) != os.Getuid() || info.Mode().Perm() != 0o700 {
		return "", fmt.Errorf("%s is not a folder that only we can use: remove it", path)
	}
	return path, nil
}
