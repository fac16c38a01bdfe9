package deps

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"gantry/charts/archive"
)

// carryOver copies to another folder what is to stay of charts/: all but the
// archives of charts that are no dependency any more. It returns these.
func carryOver(from, to string, archives map[string][]byte, keep []string) (removed []string, err error) {
	entries, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return []string{}, nil
	}
	if err != nil {
		return nil, err
	}
	removed = []string{}
	for _, e := range entries {
		name := filepath.Join(from, e.Name())
		if _, anew := archives[e.Name()]; anew {
			continue
		}
		if outdated(name, e, keep) {
			removed = append(removed, e.Name())
			continue
		}
		if err := copyEntry(name, filepath.Join(to, e.Name()), e); err != nil {
			return nil, err
		}
	}
	return removed, nil
}

// outdated reports whether an entry of charts/ is an archive that nothing asks
// for. What cannot be read is somebody else's, and stays.
func outdated(name string, e fs.DirEntry, keep []string) bool {
	if filepath.Ext(name) != ".tgz" || !e.Type().IsRegular() {
		return false
	}
	c, err := archive.Load(name)
	return err == nil && !slices.Contains(keep, c.Name())
}

func copyEntry(from, to string, e fs.DirEntry) error {
	switch {
	case e.IsDir():
		return os.CopyFS(to, os.DirFS(from))
	case e.Type()&fs.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	default:
		return os.Link(from, to)
	}
}
