package compose

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Reach is what a conversion may read of the machine: the application's own
// files, and what the user allowed. What a Compose file names beyond it may be
// anybody's secret, and would end up in objects that people share.
//
// The application's own are the folder of the project, the folders of the files
// that were named on the command line, and the Git repository around the
// project. A link counts as what it leads to.
type Reach struct {
	// workingDir is the folder that the user is in.
	workingDir string
	// roots are folders and files, with no links in their paths.
	roots []string
}

// What is wrong with a file that a Compose file names.
var (
	// ErrOutside: it is none of the application's.
	ErrOutside = errors.New("lies outside of the project")
	// ErrNoFile: it is a folder, a device, a pipe or a socket, reading of which may
	// never end.
	ErrNoFile = errors.New("is no regular file")
	// ErrTooLarge: it has more bytes than the reader takes.
	ErrTooLarge = errors.New("is too large")
)

func newReach(workingDir string, roots []string) *Reach {
	r := &Reach{workingDir: workingDir}
	for _, root := range roots {
		r.roots = append(r.roots, resolved(root))
	}
	return r
}

// Shown returns a path as the user would type it, unless it is far away.
func (r *Reach) Shown(name string) string {
	rel, err := filepath.Rel(r.workingDir, name)
	if err != nil || strings.HasPrefix(rel, filepath.Join("..", "..", "..")) {
		return name
	}
	return rel
}

// Has reports whether a file may be read, be it there or not.
func (r *Reach) Has(name string) bool {
	name = resolved(name)
	return slices.ContainsFunc(r.roots, func(root string) bool {
		rel, err := filepath.Rel(root, name)
		return err == nil && filepath.IsLocal(rel)
	})
}

// IsDir reports whether there is a folder, wherever it lies.
func (r *Reach) IsDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// Stat describes a file or folder.
func (r *Reach) Stat(name string) (fs.FileInfo, error) {
	if !r.Has(name) {
		return nil, ErrOutside
	}
	return os.Stat(name)
}

// ReadDir lists a folder, in the order of names.
func (r *Reach) ReadDir(name string) ([]fs.DirEntry, error) {
	if !r.Has(name) {
		return nil, ErrOutside
	}
	return os.ReadDir(name)
}

// ReadFile reads a regular file of at most limit bytes. The null device, by which
// people say that there is no file, is empty.
func (r *Reach) ReadFile(name string, limit int64) ([]byte, error) {
	if filepath.Clean(name) == os.DevNull {
		return nil, nil
	}
	info, err := r.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() && !info.IsDir() {
		return nil, ErrNoFile
	}
	return readNamed(name, limit)
}

// readNamed reads a file that the user named: it may lie anywhere, and be what a
// shell's <(command) stands for. Nobody is waited for to write to a pipe.
func readNamed(name string, limit int64) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%w but a folder", ErrNoFile)
	}
	return readAll(f, limit)
}

func readAll(in io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%w: more than %d MiB", ErrTooLarge, limit>>20)
	}
	return data, err
}

// resolved returns a path without links, as far as it exists.
func resolved(name string) string {
	if target, err := filepath.EvalSymlinks(name); err == nil {
		return target
	}
	dir := filepath.Dir(name)
	if dir == name {
		return name
	}
	return filepath.Join(resolved(dir), filepath.Base(name))
}

// repository returns the top folder of the Git repository that a folder lies in,
// or the folder. The home folder is no repository of an application, though some
// people keep their settings in one: everything that they have lies in it.
func repository(dir, home string) string {
	dir, home = resolved(dir), resolved(home)
	for at := dir; at != home && at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			return at
		}
	}
	return dir
}
