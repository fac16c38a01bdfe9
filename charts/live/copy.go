package live

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Copied counts what was copied.
type Copied struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
	// Skipped are the names of what is neither a file nor a folder.
	Skipped []string `json:"skipped,omitempty"`
}

// Upload copies a file or a folder of this machine into a container, which must
// have tar. A destination that ends in / is a folder to copy into.
func (a *App) Upload(ctx context.Context, from string, t Target, to string) (Copied, error) {
	info, err := os.Stat(from)
	if err != nil {
		return Copied{}, err
	}
	dir, name := path.Split(path.Clean(to))
	if strings.HasSuffix(to, "/") || name == "" || name == "." {
		dir, name = path.Clean(to), filepath.Base(from)
	}
	if dir == "" {
		dir = "."
	}
	reader, writer := io.Pipe()
	var done Copied
	packed := make(chan error, 1)
	go func() {
		err := done.pack(writer, from, name, info)
		_ = writer.CloseWithError(err)
		packed <- err
	}()
	var said bytes.Buffer
	err = a.Exec(ctx, t, []string{"tar", "xf", "-", "-C", dir}, Streams{In: reader, Out: io.Discard, Err: &said})
	_ = reader.CloseWithError(io.ErrClosedPipe)
	if failed := <-packed; failed != nil && !errors.Is(failed, io.ErrClosedPipe) {
		return done, failed
	}
	return done, tarError(err, t, said.String())
}

// tarError says what tar said in a container.
func tarError(err error, t Target, said string) error {
	if err == nil {
		return nil
	}
	exit, ran := errors.AsType[*ExitError](err)
	const notFound = 127
	switch said = strings.TrimSpace(said); {
	case strings.Contains(err.Error(), "executable file not found"), ran && exit.Code == notFound:
		return fmt.Errorf("container %s of pod %s has no tar, which copying needs", t.Container, t.Pod)
	case ran && said != "":
		return fmt.Errorf("in container %s of pod %s: %s", t.Container, t.Pod, said)
	default:
		return err
	}
}

// pack writes an archive in which what is at from has a name.
func (c *Copied) pack(w io.Writer, from, name string, info fs.FileInfo) error {
	out := tar.NewWriter(w)
	if !info.IsDir() {
		if err := c.packFile(out, from, name, info); err != nil {
			return err
		}
		return out.Close()
	}
	err := filepath.WalkDir(from, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rest, err := filepath.Rel(from, file)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return c.packFile(out, file, path.Join(name, filepath.ToSlash(rest)), info)
	})
	if err != nil {
		return err
	}
	return out.Close()
}

func (c *Copied) packFile(out *tar.Writer, file, name string, info fs.FileInfo) error {
	if !info.IsDir() && !info.Mode().IsRegular() {
		c.Skipped = append(c.Skipped, file)
		return nil
	}
	h, err := tar.FileInfoHeader(info, "")
	if err != nil {
		return err
	}
	// Users of this machine mean nothing in the container.
	h.Name, h.Uid, h.Gid, h.Uname, h.Gname = name, 0, 0, "", ""
	if info.IsDir() {
		h.Name += "/"
	}
	if err := out.WriteHeader(h); err != nil || info.IsDir() {
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := io.Copy(out, f)
	c.Files++
	c.Bytes += n
	return err
}

// Download copies a file or a folder of a container, which must have tar, to this
// machine. When the destination is a folder, or ends in a separator, it is copied
// into it.
//
// The container is not trusted: nothing is written outside of the destination, and
// only files and folders are.
func (a *App) Download(ctx context.Context, t Target, from, to string) (Copied, error) {
	dir, name := path.Split(path.Clean(from))
	if dir == "" {
		dir = "."
	}
	if name == "" || name == "." || name == ".." {
		return Copied{}, fmt.Errorf("%s has no name to copy by: name the file or the folder", from)
	}
	into, as := filepath.Dir(to), filepath.Base(to)
	if info, err := os.Stat(to); err == nil && info.IsDir() || strings.HasSuffix(to, "/") || as == "." || as == ".." {
		into, as = to, name
	}
	if err := os.MkdirAll(into, 0o755); err != nil { //nolint:gosec // as cp and mkdir do, less the umask
		return Copied{}, err
	}
	root, err := os.OpenRoot(into)
	if err != nil {
		return Copied{}, err
	}
	defer root.Close()
	reader, writer := io.Pipe()
	var said bytes.Buffer
	ran := make(chan error, 1)
	go func() {
		err := a.Exec(ctx, t, []string{"tar", "cf", "-", "-C", dir, name}, Streams{Out: writer, Err: &said})
		_ = writer.CloseWithError(err)
		ran <- err
	}()
	var done Copied
	err = done.unpack(root, reader, name, as)
	_ = reader.CloseWithError(io.ErrClosedPipe)
	if failed := tarError(<-ran, t, said.String()); failed != nil && (err == nil || !errors.Is(failed, io.ErrClosedPipe)) {
		return done, failed
	}
	return done, err
}

// unpack writes the files of an archive below a folder. What the archive calls
// name is called as.
func (c *Copied) unpack(root *os.Root, r io.Reader, name, as string) error {
	for in := tar.NewReader(r); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read what the container sent: %w", err)
		}
		clean := path.Clean(h.Name)
		if clean != name && !strings.HasPrefix(clean, name+"/") {
			return fmt.Errorf("the container sent %q, which was not asked for", h.Name)
		}
		local, err := filepath.Localize(path.Join(as, strings.TrimPrefix(clean, name)))
		if err != nil {
			return fmt.Errorf("the container sent %q: %w", h.Name, err)
		}
		switch h.Typeflag {
		case tar.TypeDir:
			err = root.MkdirAll(local, 0o755)
		case tar.TypeReg:
			err = c.unpackFile(root, in, local, h.FileInfo().Mode().Perm())
		default:
			c.Skipped = append(c.Skipped, h.Name)
		}
		if err != nil {
			return err
		}
	}
}

func (c *Copied) unpackFile(root *os.Root, in io.Reader, local string, mode fs.FileMode) error {
	if err := root.MkdirAll(filepath.Dir(local), 0o755); err != nil {
		return err
	}
	f, err := root.OpenFile(local, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, in)
	c.Files++
	c.Bytes += n
	return errors.Join(err, f.Close())
}
