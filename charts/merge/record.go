package merge

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"gantry/charts"
)

// Record is what was generated last time, as it is kept in a chart.
type Record struct {
	// Files are the generated files. Their order is that in which they are written.
	Files []charts.File
	// sums are the checksums of files, by name, that a record of gantry 0.1.0-dev has
	// in the place of the files.
	sums map[string]string
}

const (
	recordTitle = "# gantry chart, format 2\n"
	recordHelp  = `# What gantry chart create generated last time. It tells your edits from its own, and
# keeps them when the chart is made again. Commit this file together with the chart, and
# do not edit it. It is not packed. When git reports a conflict here, take either side.
`
	// recordAnyTitle begins the records of all formats but the first.
	recordAnyTitle = "# gantry chart, format "

	headFile   = "file "
	headBinary = "binary "
	openEnd    = "\\ no line break at the end\n"

	// maxName is how long the name of a recorded file may be.
	maxName = 4096
	// binaryWidth is how many bytes a line of a binary file holds.
	binaryWidth = 57
)

// Bytes writes the record: for each file a line with its name, and then its lines
// behind a blank each. Git merges and compares it like any other text.
func (r *Record) Bytes() []byte {
	var b bytes.Buffer
	b.WriteString(recordTitle + recordHelp)
	for _, f := range r.Files {
		if !isText(f.Data) || bytes.IndexByte(f.Data, '\r') >= 0 {
			b.WriteString(headBinary + f.Name + "\n")
			for rest := f.Data; len(rest) > 0; {
				n := min(binaryWidth, len(rest))
				b.WriteString(" " + base64.StdEncoding.EncodeToString(rest[:n]) + "\n")
				rest = rest[n:]
			}
			continue
		}
		b.WriteString(headFile + f.Name + "\n")
		for line := range bytes.Lines(f.Data) {
			if line[0] != '\n' {
				b.WriteByte(' ') // an empty line stays empty: many tools strip blanks at the end of lines
			}
			b.Write(line)
		}
		if n := len(f.Data); n > 0 && f.Data[n-1] != '\n' {
			b.WriteString("\n" + openEnd)
		}
	}
	return b.Bytes()
}

// errRecord is what every error about a record wraps.
var errRecord = errors.New("the record of the chart is damaged")

// ParseRecord reads a record. The record of a folder that is no chart is nil.
//
// The marks of a conflict that git left in a record are skipped, together with one of
// the two sides: either was generated once, and serves as the base.
func ParseRecord(data []byte) (*Record, error) {
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	if !strings.HasPrefix(text, recordAnyTitle) && !strings.Contains(text, "\n"+recordAnyTitle) {
		return parseSums(text), nil
	}
	p := &recordParser{record: &Record{}, seen: map[string]bool{}}
	n := 0
	for line := range strings.Lines(text) {
		n++
		if err := p.line(line); err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", errRecord, n, err)
		}
	}
	if err := p.end(); err != nil {
		return nil, fmt.Errorf("%w: %w", errRecord, err)
	}
	return p.record, nil
}

// recordParser reads a record line by line.
type recordParser struct {
	record *Record
	seen   map[string]bool
	// name and data are the file that is being read.
	name   string
	binary bool
	data   []byte
	// skip holds within the second side of a conflict of git's.
	skip bool
}

func (p *recordParser) line(line string) error {
	switch {
	case strings.HasPrefix(line, "<<<<<<< "):
		return nil
	case strings.HasPrefix(line, "||||||| "), line == markSides:
		p.skip = true
		return nil
	case strings.HasPrefix(line, ">>>>>>> "):
		p.skip = false
		return nil
	case p.skip:
		return nil
	case strings.HasPrefix(line, recordAnyTitle) && line != recordTitle:
		return errors.New("this is of a newer gantry: use that one, or a newer one")
	case strings.HasPrefix(line, "#"):
		return nil
	case strings.HasPrefix(line, headFile):
		return p.begin(strings.TrimSuffix(line[len(headFile):], "\n"), false)
	case strings.HasPrefix(line, headBinary):
		return p.begin(strings.TrimSuffix(line[len(headBinary):], "\n"), true)
	case p.name == "":
		return errors.New("the lines of a file without its name")
	case line == openEnd:
		p.data = bytes.TrimSuffix(p.data, []byte("\n"))
		return nil
	case line == "\n" || strings.HasPrefix(line, " "):
		p.data = append(p.data, strings.TrimPrefix(line, " ")...)
		return nil
	default:
		return errors.New("neither the name of a file nor a line of one")
	}
}

func (p *recordParser) begin(name string, binary bool) error {
	if err := p.end(); err != nil {
		return err
	}
	if !goodName(name) || p.seen[name] {
		return fmt.Errorf("%q is no name for a file here", name)
	}
	p.seen[name] = true
	p.name, p.binary, p.data = name, binary, nil
	return nil
}

// end completes the file that was being read.
func (p *recordParser) end() error {
	if p.name == "" {
		return nil
	}
	if p.binary {
		var plain []byte
		for line := range bytes.Lines(p.data) {
			part, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(line)))
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			plain = append(plain, part...)
		}
		p.data = plain
	}
	p.record.Files = append(p.record.Files, charts.File{Name: p.name, Data: p.data})
	p.name = ""
	return nil
}

// goodName holds for paths that stay below the chart's folder.
func goodName(name string) bool {
	return name != "" && len(name) <= maxName && name == path.Clean(name) && name != "." && name != ".." &&
		!path.IsAbs(name) && !strings.HasPrefix(name, "../") && !strings.ContainsAny(name, "\\\x00")
}

// parseSums reads the first format: a checksum and a name on each line.
func parseSums(text string) *Record {
	sums := map[string]string{}
	for line := range strings.Lines(text) {
		sum, name, ok := strings.Cut(strings.TrimRight(line, "\n"), "  ")
		if ok && len(sum) == hex.EncodedLen(sha256.Size) && goodName(name) {
			sums[name] = sum
		}
	}
	if len(sums) == 0 {
		return nil
	}
	return &Record{sums: sums}
}

// resolve returns the base: the recorded files. Where there are only checksums, a
// file that still has its checksum is its own base, on either side; of the others
// the base is lost.
func (r *Record) resolve(yours, generated map[string][]byte) (base, lost map[string][]byte) {
	base, lost = byName(r.Files), map[string][]byte{}
	for name, sum := range r.sums {
		switch {
		case checksum(yours[name]) == sum:
			base[name] = yours[name]
		case checksum(generated[name]) == sum:
			base[name] = generated[name]
		default:
			lost[name] = nil
		}
	}
	return base, lost
}

func checksum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Names returns the names of the files that were generated, sorted.
func (r *Record) Names() []string {
	var names []string
	for _, f := range r.Files {
		names = append(names, f.Name)
	}
	names = slices.AppendSeq(names, maps.Keys(r.sums))
	slices.Sort(names)
	return names
}
