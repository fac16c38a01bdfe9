package mirror

import (
	"fmt"
	"path"

	"github.com/Masterminds/semver/v3"

	"gantry/repo"
)

// Selection chooses versions of an index. The zero value takes all.
type Selection struct {
	// Charts are patterns of names, such as team-*. Default: all.
	Charts []string
	// Versions is a constraint, such as ">=1.2". Default: all.
	Versions string
	// Stable leaves out pre-releases.
	Stable bool
	// Latest takes so many of each chart, the newest. Default: all.
	Latest int
}

// All reports whether all versions are chosen.
func (s Selection) All() bool {
	return len(s.Charts) == 0 && s.Versions == "" && !s.Stable && s.Latest == 0
}

// Check says why nothing can be chosen by a selection.
func (s Selection) Check() error {
	if s.Latest < 0 {
		return fmt.Errorf("the newest %d versions cannot be taken: the number must not be negative", s.Latest)
	}
	for _, pattern := range s.Charts {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("%q is not a pattern of names: %w", pattern, err)
		}
	}
	_, err := s.constraint()
	return err
}

// Choose returns the chosen versions, by name, newest first.
func (s Selection) Choose(x *repo.Index) ([]*repo.Entry, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	constraint, err := s.constraint()
	if err != nil {
		return nil, err
	}
	var chosen []*repo.Entry
	for _, name := range x.Names() {
		if s.named(name) {
			chosen = append(chosen, s.versions(x.Entries[name], constraint)...)
		}
	}
	return chosen, nil
}

// named reports whether charts of that name are meant.
func (s Selection) named(name string) bool {
	return len(s.Charts) == 0 || repo.MatchesAny(s.Charts, name)
}

// constraint reads Versions; it is nil for all.
func (s Selection) constraint() (*semver.Constraints, error) {
	if s.Versions == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	constraint, err := semver.NewConstraint(s.Versions)
	if err != nil {
		return nil, fmt.Errorf("%q is not a constraint of versions: %w", s.Versions, err)
	}
	constraint.IncludePrerelease = !s.Stable
	return constraint, nil
}

// versions chooses of the versions of one chart.
func (s Selection) versions(all []*repo.Entry, constraint *semver.Constraints) []*repo.Entry {
	var taken []*repo.Entry
	for _, e := range all {
		v, err := semver.NewVersion(e.Version)
		if err != nil || e.Removed || s.Stable && v.Prerelease() != "" || constraint != nil && !constraint.Check(v) {
			continue
		}
		if taken = append(taken, e); len(taken) == s.Latest {
			break
		}
	}
	return taken
}
