package repo

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"gantry/charts/pattern"
)

// Extensions of the files that a repository keeps for a version of a chart.
const (
	ArchiveExt    = ".tgz"
	ProvenanceExt = ".tgz.prov"
)

// maxName is the length of a label in Kubernetes, twice: nobody needs more, and
// a file name has room for a version behind it.
const maxName = 126

var (
	plainName     = pattern.Lazy(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)
	versionInName = pattern.Lazy(`-v?[0-9]+\.[0-9]+\.[0-9]+`)
)

// FileName returns the name of the archive of a version of a chart.
func FileName(name, version string) string { return name + "-" + version + ArchiveExt }

// MatchesAny reports whether the name of a chart is one of those that patterns such as
// team-* mean. One that is no pattern means none.
func MatchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { ok, _ := path.Match(pattern, name); return ok })
}

// CheckName says why a chart of that name is not published. Helm takes nearly
// anything; a name that is part of a URL, a file name and a label must be plain.
// A name that goes on like a version is refused because web-1.0.0 in version
// 2.0.0 and web in version 1.0.0-2.0.0 would be one file.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("the chart has no name")
	case len(name) > maxName:
		return fmt.Errorf("the name of the chart is longer than %d letters", maxName)
	case !plainName().MatchString(name):
		return fmt.Errorf("the name %q may hold letters, digits, '-', '_' and '.', and must begin and end with a letter or a digit", name)
	case versionInName().MatchString(name):
		return fmt.Errorf("the name %q contains a version, so its files could be taken for those of another chart", name)
	}
	return nil
}

// CheckVersion says why a chart of that version is not published: it must be
// SemVer 2, all three numbers, with or without a leading v.
func CheckVersion(version string) error {
	if len(version) > maxName {
		return fmt.Errorf("the version is longer than %d letters", maxName)
	}
	if _, err := semver.StrictNewVersion(strings.TrimPrefix(version, "v")); err != nil {
		return fmt.Errorf("the version %q is not SemVer 2, such as 1.2.3 or 1.2.3-rc.1", version)
	}
	return nil
}

// Digest returns the SHA-256 of what it reads in hexadecimal, as an index
// carries it, and how many bytes there were.
func Digest(r io.Reader) (string, int64, error) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil {
		return "", n, err
	}
	return hex.EncodeToString(h.Sum(nil)), n, nil
}

// SameDigest compares two digests, with or without the name of the algorithm in
// front: some servers write it.
func SameDigest(a, b string) bool {
	return strings.EqualFold(strings.TrimPrefix(a, "sha256:"), strings.TrimPrefix(b, "sha256:"))
}
