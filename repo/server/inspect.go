package server

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"sigs.k8s.io/yaml"

	"gantry/charts/alias"
	"gantry/repo"
)

// Limits is what an archive may be. Helm unpacks no more than 100 MiB, and no
// file above 5 MiB, so a larger chart could be published but never installed.
type Limits struct {
	// Archive is the size of the .tgz.
	Archive int64
	// Unpacked is the size of all files together, File that of one.
	Unpacked, File int64
	// Files is how many files and folders there may be.
	Files int
	// Ratio is how many times larger than the archive its files may be, beyond
	// the first megabyte.
	Ratio int64
	// Provenance is the size of a .prov file.
	Provenance int64
}

// DefaultLimits returns limits that every chart which Helm can install keeps.
func DefaultLimits() Limits {
	return Limits{
		Archive:    32 << 20,
		Unpacked:   100 << 20,
		File:       5 << 20,
		Files:      10_000,
		Ratio:      200,
		Provenance: 1 << 20,
	}
}

const (
	metadataFile = "Chart.yaml"
	// requirementsFile holds the dependencies of charts of the first format.
	requirementsFile = "requirements.yaml"
	// maxMetadata bounds both.
	maxMetadata = 1 << 20
)

// freeRatio is how much may be unpacked before the ratio counts.
const freeRatio = 1 << 20

// errLimit reports that an archive unpacks to more than it may.
var errLimit = errors.New("the archive unpacks to more than is allowed")

// inspector reads an archive to its end without keeping it: what it looks for is
// Chart.yaml, and reasons to refuse.
type inspector struct {
	limits Limits
	folder string
	seen   map[string]bool
	total  int64
	files  map[string][]byte
}

// inspect returns the metadata of a chart archive of the given size, or why it
// is none that could be published.
func inspect(r io.Reader, size int64, limits Limits) (*chart.Metadata, error) {
	unzipped, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("the archive is not compressed with gzip: %w", err)
	}
	in := &inspector{limits: limits, seen: map[string]bool{}, files: map[string][]byte{}}
	allowed := min(limits.Unpacked, freeRatio+limits.Ratio*size)
	// Headers and padding of tar come on top of what the files hold.
	bounded := &boundedReader{r: unzipped, left: allowed + int64(limits.Files)*1024}
	if err := in.walk(tar.NewReader(bounded), allowed); err != nil {
		return nil, err
	}
	// To the very end, for the checksum of gzip comes last.
	if _, err := io.Copy(io.Discard, bounded); err != nil {
		return nil, damaged(err)
	}
	return in.metadata()
}

func (in *inspector) walk(archive *tar.Reader, allowed int64) error {
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return damaged(err)
		}
		if header.Typeflag == tar.TypeXGlobalHeader {
			continue // git archive writes one
		}
		if err := in.entry(header, archive, allowed); err != nil {
			return err
		}
	}
}

func (in *inspector) entry(h *tar.Header, content io.Reader, allowed int64) error {
	name, err := in.name(h)
	if err != nil {
		return err
	}
	if in.total += h.Size; h.Size > in.limits.File || in.total > allowed {
		return fmt.Errorf("%s: %w", h.Name, errLimit)
	}
	switch name {
	case metadataFile, requirementsFile:
		if h.Size > maxMetadata {
			return fmt.Errorf("%s: %w", h.Name, errLimit)
		}
		in.files[name], err = io.ReadAll(content)
	default:
		_, err = io.Copy(io.Discard, content)
	}
	if err != nil {
		return damaged(err)
	}
	return nil
}

// damaged says that the archive cannot be read, unless reading was given up.
func damaged(err error) error {
	if errors.Is(err, errLimit) {
		return err
	}
	return fmt.Errorf("the archive is damaged: %w", err)
}

// name checks where an entry would be unpacked to and returns its path below
// the chart's folder.
func (in *inspector) name(h *tar.Header) (string, error) {
	clean := strings.TrimSuffix(h.Name, "/")
	switch {
	case h.Typeflag == tar.TypeSymlink || h.Typeflag == tar.TypeLink:
		return "", fmt.Errorf("%q is a link; a chart holds files and folders alone", h.Name)
	case h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeDir:
		return "", fmt.Errorf("%q is neither a file nor a folder", h.Name)
	case clean != path.Clean(clean) || path.IsAbs(clean) || clean == ".." || strings.HasPrefix(clean, "../"),
		strings.ContainsAny(clean, "\\\x00"), len(clean) > 1 && clean[1] == ':':
		return "", fmt.Errorf("%q is not a path below the chart's folder", h.Name)
	case in.seen[clean]:
		return "", fmt.Errorf("%q is in the archive twice", h.Name)
	case len(in.seen) >= in.limits.Files:
		return "", fmt.Errorf("more than %d files: %w", in.limits.Files, errLimit)
	}
	in.seen[clean] = true
	folder, rest, below := strings.Cut(clean, "/")
	if !below && h.Typeflag == tar.TypeReg {
		return "", fmt.Errorf("%q lies beside the chart's folder", h.Name)
	}
	in.folder = cmp.Or(in.folder, folder)
	if folder != in.folder {
		return "", fmt.Errorf("%q lies outside of the chart's folder %q", h.Name, in.folder)
	}
	return rest, nil
}

// metadata reads what the archive says of itself.
func (in *inspector) metadata() (*chart.Metadata, error) {
	text, ok := in.files[metadataFile]
	if !ok {
		return nil, errors.New("the archive has no Chart.yaml in its folder")
	}
	m := &chart.Metadata{}
	if err := readYAML(text, m); err != nil {
		return nil, fmt.Errorf("%s: %w", metadataFile, err)
	}
	m.APIVersion = cmp.Or(m.APIVersion, chart.APIVersionV1)
	if requirements, ok := in.files[requirementsFile]; ok && m.APIVersion == chart.APIVersionV1 {
		if err := readYAML(requirements, m); err != nil {
			return nil, fmt.Errorf("%s: %w", requirementsFile, err)
		}
	}
	if err := m.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", metadataFile, err)
	}
	if err := repo.CheckName(m.Name); err != nil {
		return nil, fmt.Errorf("%s: %w", metadataFile, err)
	}
	if m.Name != in.folder {
		return nil, fmt.Errorf("the chart is named %q and its folder %q; they must be the same", m.Name, in.folder)
	}
	return m, nil
}

// readYAML reads metadata that a stranger has written.
func readYAML(text []byte, into any) error {
	if err := alias.Check(text, maxMetadata); errors.Is(err, alias.ErrLimit) {
		return fmt.Errorf("%w: %w", errLimit, err)
	} else if err != nil {
		return err
	}
	return yaml.Unmarshal(text, into)
}

// boundedReader fails, rather than ends, when more is read than is allowed.
type boundedReader struct {
	r    io.Reader
	left int64
}

func (b *boundedReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errLimit
	}
	return n, err
}
