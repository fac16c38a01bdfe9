package release

import (
	"context"
	"fmt"
	"strings"

	helmrelease "helm.sh/helm/v3/pkg/release"

	"gantry/charts/compare"
)

// Compared is two revisions, and what differs.
type Compared struct {
	// From and To say what was compared: "revision 3".
	From, To string
	Changes  []compare.Change
}

// DiffRevisions compares two revisions of a release. 0 stands for the one that
// is deployed. What the cluster has is not looked at.
func (m *Manager) DiffRevisions(ctx context.Context, name string, from, to int) (*Compared, error) {
	if err := m.cluster.Reach(ctx); err != nil {
		return nil, err
	}
	a, err := m.revision(name, from)
	if err != nil {
		return nil, err
	}
	b, err := m.revision(name, to)
	if err != nil {
		return nil, err
	}
	return &Compared{
		From:    fmt.Sprintf("revision %d", a.Version),
		To:      fmt.Sprintf("revision %d", b.Version),
		Changes: compare.Objects(documents(a), documents(b)),
	}, nil
}

// changes says how many objects differ between two revisions: 1 changed, 2 added.
func changes(before, after *helmrelease.Release) string {
	count := map[compare.Kind]int{}
	for _, c := range compare.Objects(documents(before), documents(after)) {
		if !c.LabelsOnly {
			count[c.Change]++
		}
	}
	var parts []string
	for _, kind := range []compare.Kind{compare.Altered, compare.Added, compare.Removed} {
		if n := count[kind]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, kind))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// revision returns one revision, or for 0 the one that is deployed, or when none
// is, the newest.
func (m *Manager) revision(name string, revision int) (*helmrelease.Release, error) {
	if revision > 0 {
		r, err := m.records.Get(name, revision)
		if err != nil {
			return nil, m.recordError(name, revision, err)
		}
		return r, nil
	}
	last, err := m.last(name)
	if err != nil {
		return nil, err
	}
	if deployed, err := m.records.Deployed(name); err == nil {
		return deployed, nil
	}
	return last, nil
}

// documents returns the objects of a revision, its hooks last.
func documents(r *helmrelease.Release) []compare.Document {
	if r == nil {
		return nil
	}
	list := compare.Parse(r.Manifest)
	for _, h := range r.Hooks {
		if d, ok := compare.ParseDocument(h.Manifest); ok {
			d.Hook = true
			list = append(list, d)
		}
	}
	return list
}
