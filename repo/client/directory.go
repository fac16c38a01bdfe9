package client

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"gantry/charts/archive"
	"gantry/charts/diag"
	"gantry/repo"
)

// IndexDirectory makes the index of the archives in a folder and in the folders
// right below it, for web servers that serve files and nothing else. The base is
// put in front of every URL; without one the URLs are relative to the index.
// Files that are no charts are left out, each with a warning. The dates are those
// of the files, so the same folder gives the same index.
func IndexDirectory(ctx context.Context, dir, base string) (*repo.Index, diag.List, error) {
	names, err := archivesBelow(os.DirFS(dir))
	if err != nil {
		return nil, nil, err
	}
	index := repo.NewIndex()
	var list diag.List
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		e, err := indexFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err == nil && slices.ContainsFunc(index.Entries[e.Name], func(have *repo.Entry) bool { return have.Version == e.Version }) {
			err = fmt.Errorf("%s %s is in another file, too", e.Name, e.Version)
		}
		if err != nil {
			list.Add(diag.Diagnostic{
				Severity: diag.Warning, Pos: diag.Pos{File: name}, Code: "not-a-chart",
				Summary: "the file is left out: " + err.Error(),
			})
			continue
		}
		e.URLs = []string{name}
		if base != "" {
			e.URLs[0] = strings.TrimSuffix(base, "/") + "/" + name
		}
		index.Entries[e.Name] = append(index.Entries[e.Name], e)
		if e.Created.After(index.Generated) {
			index.Generated = e.Created
		}
	}
	for _, entries := range index.Entries {
		repo.SortEntries(entries)
	}
	return index, list, nil
}

func archivesBelow(dir fs.FS) ([]string, error) {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
			continue
		}
		below, err := fs.ReadDir(dir, e.Name())
		if err != nil {
			return nil, err
		}
		for _, file := range below {
			names = append(names, path.Join(e.Name(), file.Name()))
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, repo.ArchiveExt) }), nil
}

func indexFile(file string) (*repo.Entry, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	c, err := archive.Unpack(f)
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	digest, _, err := repo.Digest(f)
	if err != nil {
		return nil, err
	}
	return &repo.Entry{Metadata: *c.Metadata, Digest: digest, Created: info.ModTime().UTC()}, nil
}
