package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"path"
	"strings"

	"gantry/charts"
)

// byteOrderMark may begin a file that an editor wrote; helm's loader drops it.
const byteOrderMark = "\xEF\xBB\xBF"

// headerBytes is more than what a tar entry takes beside its content: the
// header, a long name in two more blocks, and padding.
const headerBytes = 4 << 10

// readTar reads the files of a packed chart, without the name of the chart that
// every path begins with.
func readTar(r io.Reader, b *budget) ([]charts.File, error) {
	unzipped, err := gzip.NewReader(r)
	if err != nil {
		return nil, faultf("", "not a gzipped archive: %w", err)
	}
	defer unzipped.Close()
	// A bound below the tar reader too: headers, padding and skipped entries
	// are not in the budget, and a gzip stream of zeros is a thousandth of its
	// size.
	bounded := &io.LimitedReader{R: unzipped, N: b.bytes + int64(b.files)*headerBytes}
	tr := tar.NewReader(bounded)
	var files []charts.File
	seen := map[string]bool{}
	for {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, readFault(bounded, err)
		}
		f, ok, err := readEntry(tr, header, b, seen)
		if err != nil {
			return nil, readFault(bounded, err)
		}
		if ok {
			files = append(files, f)
		}
	}
	// The checksum stands at the end of the stream.
	if _, err := io.Copy(io.Discard, bounded); err != nil {
		return nil, readFault(bounded, err)
	}
	if bounded.N == 0 {
		return nil, readFault(bounded, io.ErrUnexpectedEOF)
	}
	if len(files) == 0 {
		return nil, faultf("", "an archive without files")
	}
	return files, nil
}

// readFault tells a stream that is too long from one that is broken.
func readFault(bounded *io.LimitedReader, err error) error {
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	if bounded.N == 0 {
		return faultf("", "%w: more than %d bytes unpacked", ErrLimit, MaxBytes)
	}
	return faultf("", "read the archive: %w", err)
}

// readEntry reads one entry; ok is false for what is not a file.
func readEntry(tr *tar.Reader, header *tar.Header, b *budget, seen map[string]bool) (f charts.File, ok bool, err error) {
	switch header.Typeflag {
	case tar.TypeReg:
	case tar.TypeDir, tar.TypeXGlobalHeader, tar.TypeXHeader:
		return f, false, nil
	default:
		return f, false, faultf(header.Name, "a link or a device (tar type %q); a chart holds plain files", header.Typeflag)
	}
	name, err := entryName(header.Name)
	if err != nil {
		return f, false, err
	}
	if name == "" {
		return f, false, nil
	}
	if err := checkName(name, seen); err != nil {
		return f, false, err
	}
	if err := b.entry(name, header.Size); err != nil {
		return f, false, err
	}
	data, err := io.ReadAll(io.LimitReader(tr, b.fileBytes+1))
	if err != nil {
		return f, false, err
	}
	if err := b.take(name, len(data)); err != nil {
		return f, false, err
	}
	return charts.File{Name: name, Data: bytes.TrimPrefix(data, []byte(byteOrderMark))}, true, nil
}

// entryName takes the chart's folder off the path of an entry. Archives made on
// Windows may have backslashes.
func entryName(full string) (string, error) {
	slashed := full
	if strings.Contains(full, `\`) {
		slashed = strings.ReplaceAll(full, `\`, "/")
	}
	if path.IsAbs(slashed) || drivePath(slashed) {
		return "", fault(full, ErrEscape)
	}
	root, name, ok := strings.Cut(strings.TrimPrefix(slashed, "./"), "/")
	switch {
	case root == "..":
		return "", fault(full, ErrEscape)
	case !ok && root == metadataFile:
		return "", faultf(full, "not in a folder: every path of a packed chart begins with the chart's name")
	case !ok:
		// A file beside the chart's folder is none of the chart's.
		return "", nil
	}
	if path.IsAbs(name) {
		return "", fault(full, ErrEscape)
	}
	return path.Clean(name), nil
}
