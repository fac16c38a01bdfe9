package cli

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"gantry/charts"
	"gantry/charts/archive"
	"gantry/charts/merge"
)

// chartFolder is a chart as it lies in a folder.
type chartFolder struct {
	dir string
	// record says what gantry generated there last time; nil for what is no chart of
	// gantry's.
	record *merge.Record
	files  []charts.File
	// contents are the same files by name.
	contents map[string][]byte
	modes    map[string]fs.FileMode
	// foreign are the names of links, and of what else is neither file nor folder.
	foreign []string
}

// readChartFolder reads the chart in a folder, of which there may be none. It
// follows no links. A record that cannot be read is as good as none where that is asked
// for.
func readChartFolder(dir string, anyRecord bool) (*chartFolder, error) {
	c := &chartFolder{dir: dir, modes: map[string]fs.FileMode{}}
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	defer root.Close()
	marker, err := root.ReadFile(markerFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", filepath.Join(dir, markerFile), err)
	default:
		if c.record, err = merge.ParseRecord(marker); err != nil && !anyRecord {
			return nil, withHint(fmt.Errorf("read %s: %w", filepath.Join(dir, markerFile), err),
				"restore the file from your version control; without it, --adopt merges what can be merged, and --force writes the chart without your edits")
		}
	}
	err = c.read(root)
	c.contents = contentsOf(c.files)
	return c, err
}

// read reads the files. What belongs to a version control system is none of a
// chart's.
func (c *chartFolder) read(root *os.Root) error {
	size := int64(0)
	return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || strings.HasPrefix(d.Name(), stagePrefix)):
			return fs.SkipDir
		case d.IsDir() || name == markerFile:
			return nil
		case !d.Type().IsRegular():
			c.foreign = append(c.foreign, name)
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if size += info.Size(); size > archive.MaxBytes || len(c.files) >= archive.MaxFiles {
			return fmt.Errorf("read %s: %w", c.dir, archive.ErrLimit)
		}
		data, err := root.ReadFile(name)
		if err != nil {
			return err
		}
		c.files = append(c.files, charts.File{Name: name, Data: data})
		c.modes[name] = info.Mode().Perm()
		return nil
	})
}

// contentsOf returns files by name.
func contentsOf(files []charts.File) map[string][]byte {
	m := make(map[string][]byte, len(files))
	for _, f := range files {
		m[f.Name] = f.Data
	}
	return m
}

// version returns the version that gantry gave the chart last, or "": a chart that
// is made again keeps it.
func (c *chartFolder) version() string {
	if c.record == nil {
		return ""
	}
	data := c.contents["Chart.yaml"]
	for _, f := range c.record.Files {
		if f.Name == "Chart.yaml" {
			data = f.Data
		}
	}
	var metadata struct {
		Version string `yaml:"version"`
	}
	if err := yaml.Unmarshal(data, &metadata); err != nil {
		return "" // merging will tell
	}
	return metadata.Version
}

// behindLinks returns which of the names cannot be files of this chart, because
// they or a folder above them is a link.
func (c *chartFolder) behindLinks(names []string) []string {
	var out []string
	for _, name := range names {
		for at := name; at != "."; at = path.Dir(at) {
			if slices.Contains(c.foreign, at) {
				out = append(out, name)
				break
			}
		}
	}
	return out
}

// stagePrefix begins the name of the folder in which the files of a chart are
// written before they are moved into place. It lies in the chart, so that nothing
// ever leaves it, and is not packed.
const stagePrefix = ".gantry.tmp-"

// isChart reports whether there is a chart, whoever made it.
func (c *chartFolder) isChart() bool { return c.contents["Chart.yaml"] != nil }

// rewrite is a set of changes to the files of a chart: all are made or none.
type rewrite struct {
	*chartFolder
	// write are the files to be written, remove those to be deleted.
	write  []charts.File
	remove []string
}

// newRewrite says how to make a chart of the folder: what differs is written, and
// what is not among the files any more is deleted.
func newRewrite(c *chartFolder, files []charts.File) *rewrite {
	r := &rewrite{chartFolder: c}
	left := map[string]bool{}
	for _, f := range files {
		left[f.Name] = true
		if old, ok := c.contents[f.Name]; !ok || !bytes.Equal(old, f.Data) {
			r.write = append(r.write, f)
		}
	}
	for _, f := range c.files {
		if !left[f.Name] {
			r.remove = append(r.remove, f.Name)
		}
	}
	return r
}

// apply makes the changes. Each file is replaced by a rename, and the record comes
// last: should the process be killed in the middle, the next merge takes what is
// done already for the same change made by both sides, and completes it.
func (r *rewrite) apply(record []byte) error {
	root, err := os.OpenRoot(r.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := removeStages(root); err != nil {
		return err
	}
	s := &staged{root: root, folder: stagePrefix + rand.Text()}
	if err := root.Mkdir(s.folder, 0o700); err != nil {
		return fmt.Errorf("write in %s: %w", r.dir, err)
	}
	defer func() { _ = root.RemoveAll(s.folder) }() // what is left is not packed
	write := append(slices.Clone(r.write), charts.File{Name: markerFile, Data: record})
	for i, f := range write {
		if err := s.put(i, f, r.modes[f.Name]); err != nil {
			return fmt.Errorf("write %s: %w", filepath.Join(r.dir, f.Name), err)
		}
	}
	for i, f := range write[:len(write)-1] {
		if err := s.replace(i, f.Name); err != nil {
			return r.undo(s, i, 0, err)
		}
	}
	for i, name := range r.remove {
		if err := root.Remove(name); err != nil {
			return r.undo(s, len(r.write), i, err)
		}
	}
	if err := s.replace(len(r.write), markerFile); err != nil {
		return r.undo(s, len(r.write), len(r.remove), err)
	}
	for _, name := range r.remove {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if root.Remove(dir) != nil {
				break // it is not empty
			}
		}
	}
	return nil
}

// removeStages deletes what a process that was killed has left.
func removeStages(root *os.Root) error {
	left, err := fs.Glob(root.FS(), stagePrefix+"*")
	if err != nil {
		return err
	}
	for _, name := range left {
		if err := root.RemoveAll(name); err != nil {
			return err
		}
	}
	return nil
}

// undo takes back the first changes after a failure, and returns the failure.
func (r *rewrite) undo(s *staged, written, removed int, failure error) error {
	errs := []error{fmt.Errorf("write %s: %w", r.dir, failure)}
	restore := func(name string) {
		old, ok := r.contents[name]
		if !ok {
			errs = append(errs, s.root.Remove(name))
			return
		}
		f := charts.File{Name: name, Data: old}
		n := len(r.write) + 1
		if err := s.put(n, f, r.modes[name]); err != nil {
			errs = append(errs, err)
			return
		}
		errs = append(errs, s.replace(n, name))
	}
	for _, f := range r.write[:written] {
		restore(f.Name)
	}
	for _, name := range r.remove[:removed] {
		restore(name)
	}
	return errors.Join(errs...)
}

// staged is a folder with files that are to be moved into place.
type staged struct {
	root   *os.Root
	folder string
}

func (s *staged) name(i int) string { return fmt.Sprintf("%s/%d", s.folder, i) }

// put writes a file into the folder, with the mode that it has in the chart.
func (s *staged) put(i int, f charts.File, mode fs.FileMode) error {
	if mode == 0 {
		mode = 0o644
	}
	if err := s.root.WriteFile(s.name(i), f.Data, 0o600); err != nil {
		return err
	}
	return s.root.Chmod(s.name(i), mode)
}

func (s *staged) replace(i int, name string) error {
	if err := s.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	return s.root.Rename(s.name(i), name)
}
