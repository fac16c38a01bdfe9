package release

import (
	"context"
	"errors"
	"fmt"

	"helm.sh/helm/v3/pkg/chart"
	helmrelease "helm.sh/helm/v3/pkg/release"

	"gantry/charts/compare"
)

// Compared is two revisions, or a revision and a chart, and what differs.
type Compared struct {
	// From and To say what was compared: "revision 3", "shop-1.2.3".
	From, To string
	Changes  []compare.Change
}

// DiffRevisions compares two revisions of a release. 0 stands for the one that
// is deployed.
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

// DiffChart compares what is deployed with what an upgrade to a chart would
// make. A release that is not there compares as empty. The options are those of
// the upgrade; nothing is changed.
func (m *Manager) DiffChart(ctx context.Context, name string, c *chart.Chart, values map[string]any, o UpgradeOptions) (*Compared, error) {
	if err := m.cluster.Reach(ctx); err != nil {
		return nil, err
	}
	current, err := m.revision(name, 0)
	if _, missing := errors.AsType[*NotFoundError](err); err != nil && !missing {
		return nil, err
	}
	out := &Compared{From: "nothing", To: fmt.Sprintf("%s-%s", c.Name(), c.Metadata.Version)}
	if current != nil {
		out.From = fmt.Sprintf("revision %d", current.Version)
	}
	next, err := m.render(ctx, name, c, values, o)
	if err != nil {
		return nil, err
	}
	out.Changes = compare.Objects(documents(current), documents(next))
	return out, nil
}

// render says what an upgrade, or an installation, would apply.
func (m *Manager) render(ctx context.Context, name string, c *chart.Chart, values map[string]any, o UpgradeOptions) (*helmrelease.Release, error) {
	o.DryRun = DryRunServer
	op := m.begin(ctx, false)
	if _, err := m.last(name); err != nil {
		install := newDryInstall(op.config, name, m.namespace, o)
		r, err := install.Run(c, values)
		return r, op.fault(err)
	}
	r, err := newUpgrade(op.config, m.namespace, o).Run(name, c, values)
	return r, op.fault(err)
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
