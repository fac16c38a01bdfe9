package archive

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"helm.sh/helm/v3/pkg/chart"
)

// FileName is what a packed chart is called everywhere: NAME-VERSION.tgz.
func FileName(m *chart.Metadata) string {
	return fmt.Sprintf("%s-%s.tgz", m.Name, m.Version)
}

// Digest is the SHA-256 of data in lower-case hexadecimal, as a repository's
// index has it.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Pack writes the files of a chart as a gzipped tar stream: Chart.yaml first,
// then the others in the order in which a folder is walked, each below a folder
// with the chart's name.
//
// It packs the bytes that were read (c.Raw), comments and all. helm packs the
// parsed metadata, and comments in Chart.yaml are lost.
func Pack(w io.Writer, c *chart.Chart) error {
	if len(c.Raw) == 0 {
		return errors.New("pack a chart that was not read from files")
	}
	zw, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	tw := tar.NewWriter(zw)
	for _, f := range sorted(c.Raw) {
		// No time, owner or mode of the machine's: they would change the bytes.
		header := &tar.Header{
			Typeflag: tar.TypeReg,
			Name:     c.Name() + "/" + f.Name,
			Size:     int64(len(f.Data)),
			Mode:     0o644,
			ModTime:  time.Unix(0, 0),
		}
		if err := tw.WriteHeader(header); err != nil {
			return fmt.Errorf("pack %s: %w", f.Name, err)
		}
		if _, err := tw.Write(f.Data); err != nil {
			return fmt.Errorf("pack %s: %w", f.Name, err)
		}
	}
	return errors.Join(tw.Close(), zw.Close())
}

func sorted(files []*chart.File) []*chart.File {
	return slices.SortedFunc(slices.Values(files), func(a, b *chart.File) int {
		return cmp.Or(
			first(b.Name)-first(a.Name),
			slices.Compare(strings.Split(a.Name, "/"), strings.Split(b.Name, "/")),
		)
	})
}

func first(name string) int {
	if name == metadataFile {
		return 1
	}
	return 0
}
