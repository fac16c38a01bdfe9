package compose

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"gantry/charts/diag"
)

// stdinName is the file that stands for standard input.
const stdinName = "-"

// file is a Compose file: its bytes, and its documents as nodes.
type file struct {
	// path is where the file lies, or "-".
	path string
	// shown is how the user would type it.
	shown string
	data  []byte
	docs  []*yaml.Node
}

// disk reads files, each once, within the limits. Problems go to the list.
type disk struct {
	workingDir string
	stdin      io.Reader
	files      map[string]*file
	seen       func(File)
	list       *diag.List
}

// read returns a file, or nil when it cannot be used. from is where somebody
// named it; the zero position stands for the command line.
func (d *disk) read(path string, from diag.Pos) *file {
	if f, known := d.files[path]; known {
		return f
	}
	if len(d.files) >= maxFiles {
		d.fail(codeLimit, from, fmt.Sprintf("the application is put together from more than %d files", maxFiles), "")
		return nil
	}
	f := &file{path: path, shown: d.shown(path)}
	d.files[path] = nil
	data, err := d.bytes(path)
	if err != nil {
		d.unreadable(f.shown, from, err)
		return nil
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if d.seen != nil {
		d.seen(File{Name: f.shown, Data: data})
	}
	if f.data = d.text(f.shown, data); f.data == nil {
		return nil
	}
	if !d.parse(f) {
		return nil
	}
	d.files[path] = f
	return f
}

var errTooLarge = fmt.Errorf("is larger than %d MiB", maxFileBytes>>20)

// bytes reads a file, or standard input, up to the limit.
func (d *disk) bytes(path string) ([]byte, error) {
	in := d.stdin
	if path != stdinName {
		return readFile(path)
	}
	if in == nil {
		return nil, errors.New("there is no standard input")
	}
	return readAll(in)
}

// readFile reads a file up to the limit. It does not wait for somebody to write
// to a named pipe, and reads what a shell's <(command) stands for.
func readFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, errors.New("is a folder")
	}
	return readAll(f)
}

func readAll(in io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(in, maxFileBytes+1))
	if err == nil && len(data) > maxFileBytes {
		err = errTooLarge
	}
	return data, err
}

func (d *disk) unreadable(shown string, from diag.Pos, err error) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.fail(codeNoFile, from, shown+" does not exist", "correct the path, or create the file")
	case errors.Is(err, errTooLarge):
		d.fail(codeLimit, diag.Pos{File: shown}, err.Error(), "split the file, and put it together with include")
	default:
		if at, ok := errors.AsType[*fs.PathError](err); ok {
			err = at.Err
		}
		d.fail(codeUnreadable, from, fmt.Sprintf("%s cannot be read: %v", shown, err), "")
	}
}

// text checks that a file is text.
func (d *disk) text(shown string, data []byte) []byte {
	if at := bytes.IndexByte(data, 0); at >= 0 {
		d.fail(codeSyntax, positionAt(shown, data, at), "has a NUL byte: this is no text file", "save it as UTF-8")
		return nil
	}
	for at := 0; at < len(data); {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size == 1 {
			d.fail(codeSyntax, positionAt(shown, data, at), "is not UTF-8 here", "save the file as UTF-8")
			return nil
		}
		at += size
	}
	return data
}

// positionAt returns the position of a byte.
func positionAt(shown string, data []byte, at int) diag.Pos {
	before := data[:at]
	line := bytes.Count(before, []byte("\n"))
	return diag.Pos{File: shown, Line: line + 1, Column: at - bytes.LastIndexByte(before, '\n')}
}

// parse reads the documents of a file.
func (d *disk) parse(f *file) bool {
	dec := yaml.NewDecoder(bytes.NewReader(f.data))
	for {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			d.syntax(f, err)
			return false
		}
		if len(doc.Content) > 0 {
			f.docs = append(f.docs, doc.Content[0])
		}
	}
	if len(f.docs) == 0 {
		d.fail(codeIncomplete, diag.Pos{File: f.shown, Line: 1, Column: 1}, "the file is empty", "begin with services:")
		return false
	}
	return true
}

// forget lets go of the nodes of all files, which are a large part of what the
// loader holds: the origins have what is needed from here on.
func (d *disk) forget() {
	for _, f := range d.files {
		if f != nil {
			f.docs = nil
		}
	}
}

// shown returns a path as the user would type it.
func (d *disk) shown(path string) string {
	if path == stdinName {
		return "<stdin>"
	}
	rel, err := filepath.Rel(d.workingDir, path)
	if err != nil || strings.HasPrefix(rel, filepath.Join("..", "..", "..")) {
		return path
	}
	return rel
}

func (d *disk) fail(code string, pos diag.Pos, summary, hint string) {
	d.list.Add(diag.Diagnostic{Severity: diag.Error, Pos: pos, Code: code, Summary: summary, Hint: hint})
}
