package bump

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/Masterminds/semver/v3"

	"gantry/charts/compare"
)

// Step is how far a version moves.
type Step int

// The steps, smallest first.
const (
	// None means that the charts are the same.
	None Step = iota
	// Patch means that nobody needs to do anything: other images, other
	// configuration.
	Patch
	// Minor means that there is more than before.
	Minor
	// Major means that somebody's values or somebody's release may break.
	Major
)

// String returns the word for the step.
func (s Step) String() string {
	switch s {
	case Patch:
		return "patch"
	case Minor:
		return "minor"
	case Major:
		return "major"
	default:
		return "none"
	}
}

// MarshalText writes the step as its word, for JSON output.
func (s Step) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reason is one difference, and what it asks for.
type Reason struct {
	Step Step `json:"step"`
	// Rule is the name of the rule that says so.
	Rule string `json:"rule"`
	// Kind is what a list of changes calls it: added, changed or removed.
	Kind compare.Kind `json:"kind"`
	// Text says what differs, on one line.
	Text string `json:"text"`
}

// Proposal is a step and its reasons, the strongest first.
type Proposal struct {
	Step    Step     `json:"step"`
	Reasons []Reason `json:"reasons"`
}

// Propose judges the difference between two versions of a chart.
func Propose(d *compare.Difference) Proposal {
	p := Proposal{Reasons: []Reason{}}
	judge(&p, valueRules(), values(d.Values))
	judge(&p, schemaRules(), unmentioned(d.Schema, d.Values))
	judge(&p, objectRules(), objects(d.Objects))
	judge(&p, fieldRules(), fieldsOf(d.Objects))
	judge(&p, metadataRules(), d.Metadata)
	if len(p.Reasons) == 0 {
		judge(&p, fileRules(), d.Files)
	}
	slices.SortStableFunc(p.Reasons, func(a, b Reason) int { return cmp.Compare(b.Step, a.Step) })
	for _, r := range p.Reasons {
		p.Step = max(p.Step, r.Step)
	}
	return p
}

// rule is one row of a table.
type rule[T any] struct {
	Rule
	// says returns what the rule has to say of a difference, or "".
	says func(T) string
}

// Rule is what a rule looks for, for people to read.
type Rule struct {
	Name string `json:"name"`
	Step Step   `json:"step"`
	// Doc is a sentence without a full stop.
	Doc string `json:"doc"`

	kind compare.Kind
}

// Rules lists all rules, the strongest first.
func Rules() []Rule {
	all := slices.Concat(
		ruleDocs(valueRules()), ruleDocs(schemaRules()), ruleDocs(objectRules()),
		ruleDocs(fieldRules()), ruleDocs(metadataRules()), ruleDocs(fileRules()),
	)
	slices.SortStableFunc(all, func(a, b Rule) int { return cmp.Compare(b.Step, a.Step) })
	return all
}

func ruleDocs[T any](table []rule[T]) []Rule {
	docs := make([]Rule, len(table))
	for i, r := range table {
		docs[i] = r.Rule
	}
	return docs
}

// judge adds what the first rule that speaks says of each difference.
func judge[T any](p *Proposal, table []rule[T], differences []T) {
	for _, d := range differences {
		for _, r := range table {
			text := r.says(d)
			if text == "" {
				continue
			}
			// Several fields can be one reason.
			if reason := (Reason{Step: r.Step, Rule: r.Name, Kind: r.kind, Text: text}); !slices.Contains(p.Reasons, reason) {
				p.Reasons = append(p.Reasons, reason)
			}
			break
		}
	}
}

// Next returns the version that the step makes of another. Before 1.0.0 a major
// step moves the second number, as caret ranges expect it; a pre-release promises
// nothing, so its release is enough for every step.
func (s Step) Next(version string) (string, error) {
	v, err := semver.StrictNewVersion(version)
	if err != nil {
		return "", fmt.Errorf("version %q: %w (a chart's version is like 1.2.3)", version, err)
	}
	var next semver.Version
	switch {
	case s == None:
		return version, nil
	case s == Patch || v.Prerelease() != "":
		next = v.IncPatch()
	case s == Minor || v.Major() == 0:
		next = v.IncMinor()
	default:
		next = v.IncMajor()
	}
	return next.String(), nil
}

// Enough reports whether a version is as far from another as the step asks. A
// pre-release counts as the release that it leads to.
func (s Step) Enough(from, version string) (bool, error) {
	next, err := s.Next(from)
	if err != nil {
		return false, err
	}
	v, err := semver.StrictNewVersion(version)
	if err != nil {
		return false, fmt.Errorf("version %q: %w (a chart's version is like 1.2.3)", version, err)
	}
	was, want := semver.MustParse(from), semver.MustParse(next)
	if s == None {
		return !v.LessThan(was), nil
	}
	release, err := v.SetPrerelease("")
	if err != nil {
		return false, err
	}
	return v.GreaterThan(was) && !release.LessThan(want), nil
}
