package blob

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"time"
)

// writeTemp writes a body to a synced temporary file and returns the file's
// name and the tag of the content.
func (d *Directory) writeTemp(body io.Reader) (name, etag string, err error) {
	name = path.Join(tempFolder, rand.Text())
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if errors.Is(err, fs.ErrNotExist) {
		if err := d.root.MkdirAll(tempFolder, folderMode); err != nil {
			return "", "", err
		}
		f, err = d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	}
	if err != nil {
		return "", "", err
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, h), body)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", "", errors.Join(err, d.root.Remove(name))
	}
	return name, hex.EncodeToString(h.Sum(nil)), nil
}

// makeFolder creates a folder and those above it, and syncs their names, or a
// power cut could take a folder with an object that was acknowledged. It does so
// once for each folder: that the folder is there says only that somebody has
// created it, not that its name is safe.
func (d *Directory) makeFolder(folder string) error {
	if _, safe := d.safe.Load(folder); safe {
		if _, err := d.root.Stat(folder); err == nil {
			return nil
		}
	}
	if err := d.root.MkdirAll(folder, folderMode); err != nil {
		return err
	}
	var made []string
	for dir := folder; dir != "."; dir = path.Dir(dir) {
		if _, safe := d.safe.Load(dir); safe && dir != folder {
			break
		}
		if err := d.sync(path.Dir(dir)); err != nil {
			return err
		}
		made = append(made, dir)
	}
	for _, dir := range made {
		d.safe.Store(dir, true)
	}
	return nil
}

func (d *Directory) syncFolder(folder string) error {
	f, err := d.root.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// sweepAge is how old a temporary file must be to be nobody's any more: longer
// than any upload lasts.
const sweepAge = time.Hour

// sweep removes the temporary files of writers that were killed. The clock is
// that of the file system, which dated the files. It is a courtesy: a folder
// that cannot be written is still a good store to read from.
func (d *Directory) sweep() {
	probe, _, err := d.writeTemp(eof{})
	if err != nil {
		return
	}
	defer d.root.Remove(probe)
	now, err := d.root.Stat(probe)
	if err != nil {
		return
	}
	folder, err := d.root.Open(tempFolder)
	if err != nil {
		return
	}
	defer folder.Close()
	entries, err := folder.ReadDir(-1)
	if err != nil {
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && now.ModTime().Sub(info.ModTime()) > sweepAge {
			_ = d.root.Remove(path.Join(tempFolder, e.Name()))
		}
	}
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }
