package pages

import (
	"context"
	"io"
	"time"

	"helm.sh/helm/v3/pkg/chart"

	"gantry/repo"
)

// Library is a repository as it is at one moment.
type Library interface {
	// Cards returns a card for each chart, by name.
	Cards() ([]*Card, error)
	// Versions returns all versions of a chart, newest first, and none when there
	// is no such chart.
	Versions(name string) ([]Version, error)
	// Downloads returns how often a version was fetched; all versions of the
	// chart when none is named.
	Downloads(name, version string) int64
	// Repositories returns the repositories below this one, by path. It is asked
	// where a visit has a depth.
	Repositories(ctx context.Context) ([]Repository, error)
	// Open returns the archive of a version.
	Open(ctx context.Context, name, version string) (io.ReadCloser, error)
}

// Repository is one of many on a server.
type Repository struct {
	// Path has no slash at its ends.
	Path    string
	Library Library
}

// Version is a version of a chart in a repository.
type Version struct {
	repo.Entry

	Size   int64
	Signed bool
}

// Library reports whether it is for other charts, and cannot be installed.
func (v *Version) Library() bool { return v.Type == "library" }

// File is the name of the version's archive.
func (v *Version) File() string { return repo.FileName(v.Name, v.Version) }

// Card is what a list shows of a chart: its newest release, or its newest
// pre-release when it has no release.
type Card struct {
	Name, Version, AppVersion, Description string
	Keywords                               []string
	Updated                                time.Time
	// Versions is how many there are.
	Versions   int
	Deprecated bool
	Library    bool
	PreRelease bool
	Signed     bool
}

// NewCard returns the card of a chart. There is at least one version.
func NewCard(versions []Version) (*Card, error) {
	newest, pre, err := choose(versions)
	if err != nil {
		return nil, err
	}
	v := versions[newest]
	return &Card{
		Name: v.Name, Version: v.Version, AppVersion: v.AppVersion, Description: v.Description, Keywords: v.Keywords,
		Updated: v.Created, Versions: len(versions), Deprecated: v.Deprecated, Library: v.Library(), PreRelease: pre, Signed: v.Signed,
	}, nil
}

// choose returns the place of the version to show first, and whether that is a
// pre-release.
func choose(versions []Version) (place int, pre bool, err error) {
	names := make([]string, len(versions))
	for i := range versions {
		names[i] = versions[i].Version
	}
	newest, err := repo.Choose(names, "")
	return max(newest, 0), newest < 0, err
}

// Inspector looks into charts by rendering them with their default values.
type Inspector interface {
	// Render returns the objects of a chart, in the order in which they are
	// applied.
	Render(ctx context.Context, c *chart.Chart) ([]Object, error)
	// Compare tells how one chart differs from another. When one of them does not
	// render, there is an error and a comparison of the values alone.
	Compare(ctx context.Context, before, after *chart.Chart) (*Comparison, error)
}

// Object is a Kubernetes object that a chart renders to.
type Object struct {
	Kind, Name string
	// Source is the template that it comes from.
	Source string
	Text   string
	Fields map[string]any
}

// Comparison is how two charts differ.
type Comparison struct {
	Objects []Difference
	// Values are differences of the default values.
	Values []Change
}

// Difference is how two charts differ in an object.
type Difference struct {
	Kind, Name string
	// Verb is added, removed or changed.
	Verb    string
	Changes []Change
}

// Change is how two charts differ in one place.
type Change struct {
	Path string
	// Verb is added, removed or changed.
	Verb string
	// Before and After are values as YAML has them, nil where there is none.
	Before, After any
}
