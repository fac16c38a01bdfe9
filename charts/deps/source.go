package deps

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// Source is where charts come from. Its methods may be called from several
// goroutines.
type Source interface {
	// Locate returns the URL that the repository of a dependency stands for: it
	// is one already, or an alias such as @name.
	Locate(repository string) (url string, err error)
	// Versions returns what is published of a chart, newest first.
	Versions(ctx context.Context, url, name string) ([]string, error)
	// Fetch returns the archive of exactly this version, checked against the
	// digest of the repository.
	Fetch(ctx context.Context, url, name, version string) ([]byte, error)
}

// UnsatisfiedError reports that there is no version that a dependency asks for.
type UnsatisfiedError struct {
	Name, Repository, Constraint string
	// Have are versions that there are, newest first; not all of them.
	Have []string
}

// Error names the dependency, and what there is instead.
func (e *UnsatisfiedError) Error() string {
	where := "in charts/"
	if e.Repository != "" {
		where = "in " + e.Repository
	}
	msg := fmt.Sprintf("no version of %s %s meets %q", e.Name, where, e.Constraint)
	if len(e.Have) > 0 {
		msg += " (there are: " + strings.Join(e.Have, ", ") + ")"
	}
	return msg
}

// mostShown is how many versions an error lists.
const mostShown = 5

// choose returns the newest version that meets a constraint.
func choose(name, repository, constraint string, versions []string) (string, error) {
	want, err := semver.NewConstraint(constraint)
	if err != nil {
		return "", fmt.Errorf("dependency %s: %q is neither a version nor a constraint such as ^1.2", name, constraint)
	}
	if slices.Contains(versions, constraint) {
		return constraint, nil
	}
	for _, text := range versions {
		if v, err := semver.NewVersion(text); err == nil && want.Check(v) {
			return text, nil
		}
	}
	return "", &UnsatisfiedError{Name: name, Repository: repository, Constraint: constraint, Have: versions[:min(mostShown, len(versions))]}
}

// meets reports whether a version meets a constraint.
func meets(version, constraint string) bool {
	_, err := choose("", "", constraint, []string{version})
	return err == nil
}
