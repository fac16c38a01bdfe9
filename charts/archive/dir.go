package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"

	"helm.sh/helm/v3/pkg/ignore"

	"gantry/charts"
)

// readDir reads the files of a chart's folder, in the order of their names.
//
// It follows links that stay inside the folder and refuses those that leave it:
// what a chart is made of must not depend on the machine it lies on.
func readDir(dir string, b *budget) ([]charts.File, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	rules, err := ignoreRules(root)
	if err != nil {
		return nil, err
	}
	w := &walker{root: root, rules: rules, budget: b, seen: map[string]bool{}}
	if err := w.walk("."); err != nil {
		return nil, err
	}
	if !w.seen[metadataFile] {
		return nil, faultf("", "not a chart: there is no %s in it", metadataFile)
	}
	return w.files, nil
}

func ignoreRules(root *os.Root) (*ignore.Rules, error) {
	data, err := root.ReadFile(ignore.HelmIgnore)
	rules := ignore.Empty()
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, faultf(ignore.HelmIgnore, "read: %w", err)
	default:
		if rules, err = ignore.Parse(bytes.NewReader(data)); err != nil {
			return nil, fault(ignore.HelmIgnore, err)
		}
	}
	rules.AddDefaults()
	return rules, nil
}

type walker struct {
	root   *os.Root
	rules  *ignore.Rules
	budget *budget
	seen   map[string]bool
	files  []charts.File
}

func (w *walker) walk(dir string) error {
	entries, err := fs.ReadDir(w.root.FS(), dir)
	if err != nil {
		return faultf(dir, "read: %w", err)
	}
	for _, entry := range entries {
		if err := w.visit(path.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) visit(name string) error {
	// Stat follows links, and fails for one that leaves the root.
	info, err := w.root.Stat(name)
	if err != nil {
		if link, lerr := w.root.Lstat(name); lerr == nil && w.rules.Ignore(name, link) {
			return nil
		}
		return w.linkFault(name, err)
	}
	switch {
	case w.rules.Ignore(name, info):
		return nil
	case info.IsDir():
		// Links can make a circle; the depth ends it.
		if err := checkName(name, map[string]bool{}); err != nil {
			return err
		}
		return w.walk(name)
	case !info.Mode().IsRegular():
		return faultf(name, "a %s; a chart holds plain files", kind(info.Mode()))
	}
	return w.read(name, info)
}

func (w *walker) read(name string, info fs.FileInfo) error {
	if err := checkName(name, w.seen); err != nil {
		return err
	}
	if err := w.budget.entry(name, info.Size()); err != nil {
		return err
	}
	f, err := w.root.Open(name)
	if err != nil {
		return faultf(name, "read: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, w.budget.fileBytes+1))
	if err != nil {
		return faultf(name, "read: %w", err)
	}
	if err := w.budget.take(name, len(data)); err != nil {
		return err
	}
	w.files = append(w.files, charts.File{Name: name, Data: bytes.TrimPrefix(data, []byte(byteOrderMark))})
	return nil
}

// linkFault explains why an entry of the folder cannot be opened.
func (w *walker) linkFault(name string, err error) error {
	target, lerr := w.root.Readlink(name)
	if lerr != nil {
		return faultf(name, "read: %w", err)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return faultf(name, "a link to %s, which does not exist", target)
	case errors.Is(err, syscall.ELOOP):
		return faultf(name, "%w: links lead to each other", ErrLimit)
	}
	return fault(name, fmt.Errorf("%w: it is a link to %s", ErrEscape, target))
}

func kind(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeNamedPipe != 0:
		return "named pipe"
	case mode&fs.ModeSocket != 0:
		return "socket"
	default:
		return "device"
	}
}
