package release

import (
	"context"
	"fmt"

	helmrelease "helm.sh/helm/v3/pkg/release"
)

// RollbackOptions says how a release is rolled back.
type RollbackOptions struct {
	ApplyOptions
	// HistoryMax is as in [UpgradeOptions].
	HistoryMax int
	// DryRun plans and changes nothing.
	DryRun bool
}

// Rollback makes a new revision that is like an older one: like the given
// revision, or for 0 like the newest before the current one that was deployed.
// (helm takes the one before, even if that had failed.)
//
// It is also the way on for a release that is stuck in the middle of an
// operation, and takes over whatever fields others have set meanwhile.
func (m *Manager) Rollback(ctx context.Context, name string, revision int, o RollbackOptions) (*Release, error) {
	if err := m.cluster.Reach(ctx); err != nil {
		return nil, err
	}
	if !o.DryRun {
		held, done, err := m.hold(ctx, name, o.Unlock)
		if err != nil {
			return nil, err
		}
		defer done()
		ctx = held
	}
	return m.rollback(ctx, name, revision, o)
}

// rollback is Rollback of a release that is held.
func (m *Manager) rollback(ctx context.Context, name string, revision int, o RollbackOptions) (*Release, error) {
	last, err := m.last(name)
	if err != nil {
		return nil, err
	}
	if revision <= 0 {
		if revision, err = m.lastGood(name, last.Version); err != nil {
			return nil, err
		}
	}
	target, err := m.records.Get(name, revision)
	if err != nil {
		return nil, m.recordError(name, revision, err)
	}
	before, err := m.current(name, last)
	if err != nil {
		return nil, err
	}
	w := work{
		name: name, next: m.again(target, last), before: before, options: o.ApplyOptions, crds: CRDsSkip,
		to:     fmt.Sprintf("revision %d", revision),
		events: [2]helmrelease.HookEvent{helmrelease.HookPreRollback, helmrelease.HookPostRollback},
		done:   fmt.Sprintf("Rollback to %d", revision), verb: "Rollback",
		historyMax: historyMax(o.HistoryMax),
	}
	w.options.Take = true
	if o.DryRun {
		return m.rehearse(ctx, w)
	}
	r, err := m.carryOut(ctx, w)
	if err != nil {
		return r, err
	}
	return r, m.supersede(name, r.Revision)
}

// again makes a new revision that is like an older one.
func (m *Manager) again(target, last *helmrelease.Release) *helmrelease.Release {
	next := &helmrelease.Release{
		Name: target.Name, Namespace: target.Namespace, Version: last.Version + 1,
		Chart: target.Chart, Config: target.Config, Manifest: target.Manifest, Labels: target.Labels,
		Info: &helmrelease.Info{
			FirstDeployed: last.Info.FirstDeployed,
			LastDeployed:  m.now(),
			Status:        helmrelease.StatusPendingRollback,
			Description:   fmt.Sprintf("Rollback to %d", target.Version),
			Notes:         target.Info.Notes,
		},
	}
	for _, h := range target.Hooks {
		fresh := *h
		fresh.LastRun = helmrelease.HookExecution{}
		next.Hooks = append(next.Hooks, &fresh)
	}
	return next
}

// RepairOptions says how a release is repaired.
type RepairOptions struct {
	ApplyOptions
	// DryRun plans and changes nothing.
	DryRun bool
}

// Repair makes the objects of a release again as its deployed revision says, where
// somebody has changed or deleted them. It runs no hooks and makes no revision;
// fields that the release does not set stay as they are. The plan of what
// was done, or with DryRun would be, comes back.
func (m *Manager) Repair(ctx context.Context, name string, o RepairOptions) (*Plan, error) {
	if err := m.cluster.Reach(ctx); err != nil {
		return nil, err
	}
	if !o.DryRun {
		held, done, err := m.hold(ctx, name, o.Unlock)
		if err != nil {
			return nil, err
		}
		defer done()
		ctx = held
	}
	last, err := m.last(name)
	if err != nil {
		return nil, err
	}
	if err := pending(last); err != nil {
		return nil, err
	}
	deployed, err := m.records.Deployed(name)
	if err != nil {
		return nil, m.recordError(name, 0, err)
	}
	w := work{name: name, next: deployed, before: deployed, options: o.ApplyOptions, crds: CRDsSkip, from: "the cluster", to: fmt.Sprintf("revision %d", deployed.Version)}
	w.options.Take, w.options.NoHooks = true, true
	return m.repair(ctx, w, o.DryRun)
}

func (m *Manager) repair(ctx context.Context, w work, dry bool) (*Plan, error) {
	client, err := m.client(w.options)
	if err != nil {
		return nil, err
	}
	plan, err := m.plan(ctx, client, &w)
	if err != nil || dry || !plan.Changes() {
		return plan, err
	}
	if err := w.options.confirm(ctx, plan); err != nil {
		return plan, err
	}
	e := &execution{manager: m, client: client, plan: plan, record: w.next, options: w.options}
	return plan, e.applyAndWait(ctx)
}
