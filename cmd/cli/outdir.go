package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"gantry/charts"
	"gantry/charts/archive"
	"gantry/charts/merge"
)

// markerFile lies in every folder that gantry makes, and says that gantry may
// replace it.
const markerFile = ".gantry"

// writeDir writes the files of a new folder, or none of them: they are written
// beside it and moved into place. A folder that gantry did not make is replaced
// only by force.
func writeDir(dir string, files []charts.File, force bool) error {
	dir = filepath.Clean(dir)
	if err := mayReplace(dir, force); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	beside, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+"-")
	if err != nil {
		return fmt.Errorf("write beside %s: %w", dir, err)
	}
	defer os.RemoveAll(beside)
	fresh := filepath.Join(beside, "new")
	if !slices.ContainsFunc(files, func(f charts.File) bool { return f.Name == markerFile }) {
		files = append(files, charts.File{Name: markerFile, Data: []byte("This folder was made by gantry, which replaces it when it is made again.\n")})
	}
	for _, f := range files {
		name := filepath.Join(fresh, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			return err
		}
	}
	return archive.Swap(fresh, dir, filepath.Join(beside, "old"))
}

// mayReplace refuses to write over what is not gantry's.
func mayReplace(dir string, force bool) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(entries) == 0 || force:
		return nil
	}
	marker, err := os.ReadFile(filepath.Join(dir, markerFile))
	if record, broken := merge.ParseRecord(marker); record != nil || broken != nil {
		return withHint(fmt.Errorf("%s holds a chart, which may have been edited: nothing was written", dir), "choose another folder with -o, or pass --force to lose the chart")
	}
	if err == nil {
		return nil
	}
	return withHint(fmt.Errorf("%s exists and was not made by gantry: nothing was written", dir), "pass --force to replace it, or choose another folder with -o")
}
