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
	"strings"
	"time"
)

// folder is one that is open. Names in it are found without walking there again,
// and a file is renamed within it, for which file systems need no lock of the whole.
type folder struct {
	*os.Root

	path string
}

func (d *Directory) openFolder(name string) (folder, error) {
	root, err := d.root.OpenRoot(name)
	return folder{root, name}, err
}

// makeFolder opens a folder to write to. It creates the folder and those above it,
// and syncs their names, or a power cut could take a folder with an object that was
// acknowledged. It does so once for each folder: that the folder is there says only
// that somebody has created it, not that its name is safe.
func (d *Directory) makeFolder(name string) (folder, error) {
	if _, safe := d.safe.Load(name); safe {
		if f, err := d.openFolder(name); err == nil {
			return f, nil
		}
	}
	if err := d.root.MkdirAll(name, folderMode); err != nil {
		return folder{}, err
	}
	var made []string
	for dir := name; dir != "."; dir = path.Dir(dir) {
		if _, safe := d.safe.Load(dir); safe && dir != name {
			break
		}
		if err := d.syncNames(path.Dir(dir)); err != nil {
			return folder{}, err
		}
		made = append(made, dir)
	}
	f, err := d.openFolder(name)
	if err != nil {
		return folder{}, err
	}
	f.sweep()
	for _, dir := range made {
		d.safe.Store(dir, true)
	}
	return f, nil
}

// syncNames makes the names in a folder safe.
func (d *Directory) syncNames(name string) error {
	f, err := d.openFolder(name)
	if err != nil {
		return err
	}
	return errors.Join(d.sync(f), f.Close())
}

func (f folder) syncNames() error {
	self, err := f.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(self.Sync(), self.Close())
}

// openFile opens a file, and nothing else that may have its name.
func openFile(root *os.Root, name string) (*os.File, fs.FileInfo, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, nil, translate(err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = ErrNotFound
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

func readWhole(r io.Reader, size int64) ([]byte, error) {
	if size > MaxGet {
		return nil, ErrTooLarge
	}
	data := make([]byte, size)
	_, err := io.ReadFull(r, data)
	return data, err
}

// read returns the content of a file.
func (f folder) read(name string) ([]byte, error) {
	file, info, err := openFile(f.Root, name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readWhole(file, info.Size())
}

// tempPrefix begins the names of files that are being written, which no key has. They
// lie where they will be needed: writers to different folders do not wait for one
// another.
const tempPrefix = ".gantry-tmp-"

// writeTemp writes a body to a synced temporary file and returns the file's
// name and the tag of the content.
func (f folder) writeTemp(body io.Reader) (name, etag string, err error) {
	name = tempPrefix + rand.Text()
	file, err := f.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return "", "", err
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(file, h), body)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return "", "", errors.Join(err, f.Remove(name))
	}
	return name, hex.EncodeToString(h.Sum(nil)), nil
}

// replace puts a new file in the place of another. The caller holds the key's lock,
// and makes the name safe.
func (f folder) replace(name string, body io.Reader) (etag string, err error) {
	temp, etag, err := f.writeTemp(body)
	if err != nil {
		return "", err
	}
	if err := f.Rename(temp, name); err != nil {
		return "", errors.Join(err, f.Remove(temp))
	}
	return etag, nil
}

// names lists a folder.
func (f folder) names() ([]string, error) {
	self, err := f.Open(".")
	if err != nil {
		return nil, err
	}
	defer self.Close()
	return self.Readdirnames(-1)
}

// sweepAge is how old a temporary file must be to be nobody's any more: longer
// than any upload lasts.
const sweepAge = time.Hour

// sweep removes the temporary files of writers that were killed. The clock is
// that of the file system, which dated the files. It is a courtesy, whose failure
// harms nobody.
func (f folder) sweep() {
	names, _ := f.names()
	var now time.Time
	for _, name := range names {
		if !strings.HasPrefix(name, tempPrefix) {
			continue
		}
		info, err := f.Lstat(name)
		if err != nil {
			continue // its writer was faster
		}
		if now.IsZero() {
			now = f.clock()
		}
		if now.Sub(info.ModTime()) > sweepAge {
			_ = f.Remove(name)
		}
	}
}

// clock returns what time it is for the file system.
func (f folder) clock() time.Time {
	probe, _, err := f.writeTemp(strings.NewReader(""))
	if err != nil {
		return time.Time{}
	}
	defer f.Remove(probe)
	info, err := f.Lstat(probe)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
