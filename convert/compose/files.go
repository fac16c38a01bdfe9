package compose

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

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
	reach      *Reach
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
	data, err := d.bytes(path, from)
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

// bytes reads a file, or standard input, up to the limit. One that another file
// names has to be the application's.
func (d *disk) bytes(path string, from diag.Pos) ([]byte, error) {
	switch {
	case from != diag.Pos{}:
		return d.reach.ReadFile(path, maxFileBytes)
	case path != stdinName:
		return readNamed(path, maxFileBytes)
	case d.stdin == nil:
		return nil, errors.New("there is no standard input")
	default:
		return readAll(d.stdin, maxFileBytes)
	}
}

func (d *disk) unreadable(shown string, from diag.Pos, err error) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.fail(codeNoFile, from, shown+" does not exist", "correct the path, or create the file")
	case errors.Is(err, ErrTooLarge):
		d.fail(codeLimit, diag.Pos{File: shown}, err.Error(), "split the file, and put it together with include")
	case errors.Is(err, ErrOutside):
		d.fail(codeOutside, from, fmt.Sprintf("%s %v: it is not read", shown, err), fmt.Sprintf("copy it into the project, or allow it with --allow-file %s", shown))
	default:
		d.fail(codeUnreadable, from, fmt.Sprintf("%s cannot be read: %v", shown, cause(err)), "")
	}
}

// cause returns what is wrong with a file, without its path.
func cause(err error) error {
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		return at.Err
	}
	return err
}

// text checks that a file is text.
func (d *disk) text(shown string, data []byte) []byte {
	switch at := notText(data); {
	case at < 0:
		return data
	case data[at] == 0:
		d.fail(codeSyntax, positionAt(shown, data, at), "has a NUL byte: this is no text file", "save it as UTF-8")
	default:
		d.fail(codeSyntax, positionAt(shown, data, at), "is not UTF-8 here", "save the file as UTF-8")
	}
	return nil
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
	return d.reach.Shown(path)
}

func (d *disk) fail(code string, pos diag.Pos, summary, hint string) {
	d.list.Add(diag.Diagnostic{Severity: diag.Error, Pos: pos, Code: code, Summary: summary, Hint: hint})
}
