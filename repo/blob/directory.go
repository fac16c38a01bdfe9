package blob

import (
	"cmp"
	"context"
	"errors"
	"hash/maphash"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"
	"sync"
	"syscall"
)

// Directory keeps objects as files below one folder. Several processes on one
// machine may share the folder; a network file system does not keep the promises
// that this needs of locks and links.
//
// A new object is written to a temporary file beside, synced, and linked to its name,
// which fails when the name is taken; the folder is synced before the write is
// reported. A replacement takes the lock of the key's bucket, compares the
// content, and renames. Whoever reads sees a whole file, the old or the new.
//
// All file operations go through [os.Root], so neither a key nor a symbolic link
// in the folder leads out of it.
type Directory struct {
	root  *os.Root
	locks [lockBuckets]bucketLock
	// safe holds the folders whose names are known to be synced.
	safe sync.Map
	// known are the objects that were replaced last.
	known remembered
	// sync makes the names in a folder safe; tests look over its shoulder.
	sync func(folder) error
}

const (
	lockFolder = ".gantry-locks"
	// lockBuckets is how many writers of different keys do not wait for one
	// another. The number is part of the on-disk contract between processes.
	lockBuckets = 64

	fileMode   = 0o644
	folderMode = 0o755
)

// OpenDirectory opens a folder as a store and creates it when it is not there.
// What writers that were killed left behind is removed by the next ones.
func OpenDirectory(dir string) (*Directory, error) {
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	d := &Directory{root: root, sync: folder.syncNames, known: remembered{seed: maphash.MakeSeed()}}
	for i := range d.locks {
		d.locks[i] = newBucketLock(dir, i)
	}
	return d, nil
}

// Close releases the folder.
func (d *Directory) Close() error { return d.root.Close() }

// Get returns a whole object and its tag.
func (d *Directory) Get(ctx context.Context, key string) ([]byte, string, error) {
	o, err := d.Open(ctx, key)
	if err != nil {
		return nil, "", err
	}
	defer o.Close()
	data, err := readWhole(o, o.Size)
	if err != nil {
		return nil, "", wrap("get", key, err)
	}
	return data, tagOf(data), nil
}

// Open returns an object for reading in parts. It stays readable when the
// object is replaced or deleted meanwhile.
func (d *Directory) Open(ctx context.Context, key string) (*Object, error) {
	if err := cmp.Or(ctx.Err(), CheckKey(key)); err != nil {
		return nil, wrap("open", key, err)
	}
	f, info, err := openFile(d.root, key)
	if err != nil {
		return nil, wrap("open", key, err)
	}
	return &Object{ReadSeekCloser: f, Info: Info{Key: key, Size: info.Size(), ModTime: info.ModTime()}}, nil
}

// Stat tells the size and the age of an object.
func (d *Directory) Stat(ctx context.Context, key string) (Info, error) {
	if err := cmp.Or(ctx.Err(), CheckKey(key)); err != nil {
		return Info{}, wrap("stat", key, err)
	}
	info, err := d.root.Stat(key)
	if err == nil && !info.Mode().IsRegular() {
		err = ErrNotFound
	}
	if err != nil {
		return Info{}, wrap("stat", key, translate(err))
	}
	return Info{Key: key, Size: info.Size(), ModTime: info.ModTime()}, nil
}

// PutIfAbsent creates an object.
func (d *Directory) PutIfAbsent(ctx context.Context, key string, body io.ReadSeeker) (string, error) {
	if err := cmp.Or(ctx.Err(), CheckKey(key)); err != nil {
		return "", wrap("put", key, err)
	}
	f, err := d.makeFolder(path.Dir(key))
	if err != nil {
		return "", wrap("put", key, err)
	}
	defer f.Close()
	if _, err := f.Lstat(path.Base(key)); err == nil {
		// Whoever goes on with what is there relies on it, and its writer may have
		// been stopped before it was safe.
		return "", wrap("put", key, cmp.Or(d.sync(f), ErrExists))
	}
	temp, etag, err := f.writeTemp(body)
	if err != nil {
		return "", wrap("put", key, err)
	}
	defer f.Remove(temp) // if that fails, it is swept later
	err = translate(d.linkNew(ctx, f, temp, key))
	if err == nil || errors.Is(err, ErrExists) {
		err = cmp.Or(d.sync(f), err)
	}
	if err != nil {
		return "", wrap("put", key, err)
	}
	return etag, nil
}

// linkNew gives the temporary file its name unless the name is taken. On a file
// system without hard links it falls back to looking and renaming under the
// lock, which is as safe among writers that are ours.
func (d *Directory) linkNew(ctx context.Context, f folder, temp, key string) error {
	name := path.Base(key)
	err := f.Link(temp, name)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	unlock, lockErr := d.lock(ctx, key)
	if lockErr != nil {
		return errors.Join(err, lockErr)
	}
	defer unlock()
	if _, err := f.Lstat(name); err == nil {
		return ErrExists
	}
	return f.Rename(temp, name)
}

// PutIfMatch replaces the object that had the tag.
func (d *Directory) PutIfMatch(ctx context.Context, key, etag string, body io.ReadSeeker) (string, error) {
	return d.write(ctx, key, func(f folder) (string, error) {
		data, err := f.read(path.Base(key))
		if errors.Is(err, ErrNotFound) || err == nil && !d.known.has(key, etag, data) && tagOf(data) != etag {
			err = ErrMismatch
		}
		if err != nil {
			return "", err
		}
		quick := d.known.hash()
		next, err := f.replace(path.Base(key), io.TeeReader(body, quick))
		if err == nil {
			d.known.keep(key, written{next, quick.Sum64()})
		}
		return next, err
	})
}

// Put creates or replaces an object.
func (d *Directory) Put(ctx context.Context, key string, body io.ReadSeeker) (string, error) {
	return d.write(ctx, key, func(f folder) (string, error) { return f.replace(path.Base(key), body) })
}

// write changes a folder under the lock of a key, and makes the change safe.
func (d *Directory) write(ctx context.Context, key string, change func(folder) (string, error)) (string, error) {
	if err := cmp.Or(ctx.Err(), CheckKey(key)); err != nil {
		return "", wrap("put", key, err)
	}
	unlock, err := d.lock(ctx, key)
	if err != nil {
		return "", wrap("put", key, err)
	}
	defer unlock()
	f, err := d.makeFolder(path.Dir(key))
	if err != nil {
		return "", wrap("put", key, err)
	}
	defer f.Close()
	etag, err := change(f)
	if err != nil {
		return "", wrap("put", key, err)
	}
	return etag, wrap("put", key, d.sync(f))
}

// Delete removes an object.
func (d *Directory) Delete(ctx context.Context, key string) error {
	if err := cmp.Or(ctx.Err(), CheckKey(key)); err != nil {
		return wrap("delete", key, err)
	}
	unlock, err := d.lock(ctx, key)
	if err != nil {
		return wrap("delete", key, err)
	}
	defer unlock()
	switch err := translate(d.root.Remove(key)); {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return wrap("delete", key, err)
	}
	return wrap("delete", key, d.syncNames(path.Dir(key)))
}

// List yields the objects directly below a folder. Names that could not be keys
// and whatever is not a regular file are passed over.
func (d *Directory) List(ctx context.Context, folder, after string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		entries, err := d.readFolder(folder)
		if err != nil {
			yield(Info{}, wrap("list", folder, err))
			return
		}
		for _, name := range entries {
			if err := ctx.Err(); err != nil {
				yield(Info{}, err)
				return
			}
			key := folder + name
			if key <= after || CheckKey(key) != nil {
				continue
			}
			info, err := d.Stat(ctx, key)
			if err != nil && (errors.Is(err, ErrNotFound) || d.isLink(key)) {
				continue // a folder, gone meanwhile, or a link that leads nowhere or out
			}
			if !yield(info, err) || err != nil {
				return
			}
		}
	}
}

func (d *Directory) isLink(key string) bool {
	info, err := d.root.Lstat(key)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

func (d *Directory) readFolder(folder string) ([]string, error) {
	if err := checkFolder(folder); err != nil {
		return nil, err
	}
	f, err := d.root.Open(path.Join(".", folder))
	if errors.Is(translate(err), ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if errors.Is(translate(err), ErrNotFound) {
		return nil, nil // an object has that name
	}
	slices.Sort(names)
	return names, err
}

// lock takes the lock of the bucket that a key falls in.
func (d *Directory) lock(ctx context.Context, key string) (unlock func(), err error) {
	bucket := &d.locks[bucketOf(key)]
	unlock, err = bucket.acquire(ctx)
	if !errors.Is(err, fs.ErrNotExist) {
		return unlock, err
	}
	if err := d.root.MkdirAll(lockFolder, folderMode); err != nil {
		return nil, err
	}
	return bucket.acquire(ctx)
}

// translate turns what the file system says into the errors of the contract.
func translate(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return ErrNotFound
	case errors.Is(err, fs.ErrExist):
		return ErrExists
	default:
		return err
	}
}
