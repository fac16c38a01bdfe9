package mirror

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"gantry/repo"
	"gantry/repo/server"
)

// A file of charts is a tar of a folder that any web server could publish: the
// index, and beside it charts/ with the archives, each after its signature. The
// same versions give the same bytes.

const (
	indexFile    = "index.yaml"
	chartsFolder = "charts/"
	// maxProvenance and maxArchive are the largest files that are taken from a
	// tar; the server has limits of its own below these.
	maxProvenance = 1 << 20
	maxArchive    = 1 << 30
)

// Export writes the chosen versions of a repository, and returns how many.
func Export(ctx context.Context, from *server.Server, choose Selection, w io.Writer) (int, error) {
	chosen, err := choose.Choose(from.Index())
	if err != nil {
		return 0, err
	}
	out := tar.NewWriter(w)
	index := repo.NewIndex()
	for _, e := range chosen {
		// To the second, as tar has it, so that what was imported is exported
		// as the same bytes.
		e.Created = e.Created.UTC().Truncate(time.Second)
		index.Entries[e.Name] = append(index.Entries[e.Name], e)
		if e.Created.After(index.Generated) {
			index.Generated = e.Created
		}
	}
	text, err := index.YAML()
	if err != nil {
		return 0, err
	}
	if err := addFile(out, indexFile, index.Generated, int64(len(text)), bytes.NewReader(text)); err != nil {
		return 0, err
	}
	for _, e := range chosen {
		if err := exportOne(ctx, from, e, out); err != nil {
			return 0, fmt.Errorf("%s %s: %w", e.Name, e.Version, err)
		}
	}
	return len(chosen), out.Close()
}

func exportOne(ctx context.Context, from *server.Server, e *repo.Entry, out *tar.Writer) error {
	archive, signature, err := from.Fetch(ctx, e.Name, e.Version)
	if err != nil {
		return err
	}
	defer archive.Close()
	name := chartsFolder + repo.FileName(e.Name, e.Version)
	if signature != nil {
		if err := addFile(out, strings.TrimSuffix(name, repo.ArchiveExt)+repo.ProvenanceExt, e.Created, int64(len(signature)), bytes.NewReader(signature)); err != nil {
			return err
		}
	}
	return addFile(out, name, e.Created, archive.Size, archive)
}

func addFile(out *tar.Writer, name string, modified time.Time, size int64, content io.Reader) error {
	h := &tar.Header{Name: name, Mode: 0o644, Size: size, ModTime: modified.UTC().Truncate(time.Second), Typeflag: tar.TypeReg}
	if err := out.WriteHeader(h); err != nil {
		return err
	}
	_, err := io.Copy(out, content)
	return err
}

// Import publishes the charts of a file. A signature comes before its archive, as
// Export has it, or later, as in the tar of a folder. It returns what became of each; the error
// is that of a file which cannot be read. Versions that came before an error are
// published.
func Import(ctx context.Context, r io.Reader, to Target, tell func(Step)) ([]Step, error) {
	run := &importer{copier: copier{tell: tell}, to: to, unsigned: map[string]bool{}}
	in := tar.NewReader(r)
	signatures := map[string][]byte{}
	for ctx.Err() == nil {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return run.steps, nil
		}
		if err != nil {
			return run.steps, &DamagedError{err}
		}
		file := path.Base(h.Name)
		switch {
		case h.Typeflag != tar.TypeReg:
		case strings.HasSuffix(file, repo.ProvenanceExt):
			clear(signatures)
			if signatures[file], err = readSmall(in, h); err != nil {
				return run.steps, err
			}
			run.sign(ctx, strings.TrimSuffix(file, repo.ProvenanceExt), signatures[file])
		case strings.HasSuffix(file, repo.ArchiveExt):
			signature := signatures[strings.TrimSuffix(file, repo.ArchiveExt)+repo.ProvenanceExt]
			if err := run.take(ctx, h, in, signature); err != nil {
				return run.steps, err
			}
		}
	}
	return run.steps, ctx.Err()
}

// DamagedError says that a file of charts is none, or not all of one.
type DamagedError struct{ Err error }

func (e *DamagedError) Error() string { return "the file is damaged: " + e.Err.Error() }

func (e *DamagedError) Unwrap() error { return e.Err }

func readSmall(r io.Reader, h *tar.Header) ([]byte, error) {
	if h.Size > maxProvenance {
		return nil, fmt.Errorf("%s is too large for a signature", h.Name)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", h.Name, err)
	}
	return data, nil
}

// importer publishes what a file holds.
type importer struct {
	copier

	to Target
	// unsigned are the archives that came without a signature and are published.
	unsigned map[string]bool
}

// sign adds a signature to an archive that came before it.
func (run *importer) sign(ctx context.Context, name string, signature []byte) {
	if !run.unsigned[name] {
		return
	}
	delete(run.unsigned, name)
	if err := run.to.Sign(ctx, signature); err != nil {
		run.done(name+repo.ProvenanceExt, "", Failed, err)
	}
}

// take publishes an archive of the file. That it is refused is a step; the error is
// that of a file or a disk.
func (run *importer) take(ctx context.Context, h *tar.Header, r io.Reader, signature []byte) error {
	if h.Size > maxArchive {
		return fmt.Errorf("%s is too large for a chart", h.Name)
	}
	temp, err := os.CreateTemp("", "gantry-import-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	defer temp.Close()
	if _, err := io.Copy(temp, r); err != nil {
		return fmt.Errorf("%s is damaged: %w", h.Name, err)
	}
	name := strings.TrimSuffix(path.Base(h.Name), repo.ArchiveExt)
	switch what, there, err := run.to.Holds(name, temp); {
	case err != nil:
		return err
	case there:
		run.done(what.Name, what.Version, Present, nil)
		run.unsigned[name] = true
		if signature != nil {
			run.sign(ctx, name, signature)
		}
		return nil
	}
	what, err := run.to.Publish(ctx, server.Package{Archive: temp, Provenance: signature, Created: h.ModTime})
	switch {
	case err != nil && what.Name == "":
		run.done(path.Base(h.Name), "", Failed, err)
	case err != nil:
		run.done(what.Name, what.Version, Failed, err)
	default:
		run.done(what.Name, what.Version, Copied, nil)
		run.unsigned[name] = signature == nil
	}
	return nil
}
