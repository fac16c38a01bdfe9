package repo

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"gantry/charts/diag"
)

// Development is the constraint that every version meets, pre-releases too.
const Development = ">0.0.0-0"

// UnknownChartError reports that an index has no chart of that name.
type UnknownChartError struct {
	Name string
	// Nearest are the names that look most alike, best first.
	Nearest []string
}

// Error names the chart and what it may have been meant to be.
func (e *UnknownChartError) Error() string {
	msg := fmt.Sprintf("no chart %q", e.Name)
	if len(e.Nearest) > 0 {
		msg += ": did you mean " + strings.Join(e.Nearest, " or ") + "?"
	}
	return msg
}

// UnknownVersionError reports that no version of a chart meets a constraint.
type UnknownVersionError struct {
	Name, Constraint string
	// Newest are the newest versions that there are, at most five.
	Newest []string
	// OnlyPreReleases tells that no version was asked for, and that all there
	// are come before a release.
	OnlyPreReleases bool
}

// Error names the constraint and what there is instead.
func (e *UnknownVersionError) Error() string {
	var msg string
	if e.OnlyPreReleases {
		msg = fmt.Sprintf("chart %q has pre-releases only", e.Name)
	} else {
		msg = fmt.Sprintf("chart %q has no version %q", e.Name, e.Constraint)
	}
	if len(e.Newest) > 0 {
		msg += " (the newest: " + strings.Join(e.Newest, ", ") + ")"
	}
	return msg
}

// ConstraintError reports that a version constraint cannot be read.
type ConstraintError struct {
	Constraint string
	Err        error
}

// Error quotes the constraint.
func (e *ConstraintError) Error() string {
	return fmt.Sprintf("%q is neither a version nor a constraint such as ^1.2 or \">=1.0 <2\"", e.Constraint)
}

// Unwrap returns what the parser of constraints said.
func (e *ConstraintError) Unwrap() error { return e.Err }

// Find returns the entry of a chart that a version constraint asks for: exactly
// that version when there is one of that name, otherwise the newest that meets
// the constraint. Without a constraint it is the newest release; a pre-release
// must be asked for, by its version or by a constraint that names one, such as
// [Development].
func (x *Index) Find(name, constraint string) (*Entry, error) {
	entries := x.Entries[name]
	if len(entries) == 0 {
		return nil, &UnknownChartError{Name: name, Nearest: diag.Nearest(name, x.Names())}
	}
	versions := make([]string, len(entries))
	for i, e := range entries {
		versions[i] = e.Version
	}
	i, err := Choose(versions, constraint)
	if err != nil {
		return nil, err
	}
	if i < 0 {
		return nil, &UnknownVersionError{
			Name: name, Constraint: constraint,
			Newest:          versions[:min(5, len(versions))],
			OnlyPreReleases: constraint == "",
		}
	}
	return entries[i], nil
}

// Choose returns the place of the version that a constraint asks for, by the
// rules of [Index.Find], and -1 when none does. The versions must be sorted,
// newest first; those that are none at all are passed over.
func Choose(versions []string, constraint string) (int, error) {
	if constraint != "" {
		if i := slices.Index(versions, constraint); i >= 0 {
			return i, nil
		}
	}
	want, err := semver.NewConstraint(cmp.Or(constraint, "*"))
	if err != nil {
		return -1, &ConstraintError{Constraint: constraint, Err: err}
	}
	for i, text := range versions {
		if v, err := semver.NewVersion(text); err == nil && want.Check(v) {
			return i, nil
		}
	}
	return -1, nil
}

// CompareVersions orders versions by precedence, oldest first. What is not a
// version comes before everything that is.
func CompareVersions(a, b string) int {
	va, _ := semver.NewVersion(a)
	vb, _ := semver.NewVersion(b)
	return cmp.Or(compareParsed(va, vb), cmp.Compare(a, b))
}

func compareParsed(a, b *semver.Version) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	default:
		return a.Compare(b)
	}
}
