package release

import (
	"context"
	"fmt"

	"helm.sh/helm/v3/pkg/action"
)

// RollbackOptions says how a release is rolled back.
type RollbackOptions struct {
	ApplyOptions
	// HistoryMax is as in [UpgradeOptions].
	HistoryMax int
}

// Rollback makes a new revision that is like an older one: like the given
// revision, or for 0 like the newest before the current one that was deployed.
// (helm takes the one before, even if that had failed.)
//
// It is also the way on for a release that is stuck in the middle of an
// operation.
func (m *Manager) Rollback(ctx context.Context, name string, revision int, o RollbackOptions) (*Release, error) {
	if err := m.cluster.Reach(ctx); err != nil {
		return nil, err
	}
	held, done, err := m.hold(ctx, name)
	if err != nil {
		return nil, err
	}
	defer done()
	return m.rollback(held, name, revision, o)
}

// rollback is Rollback of a release that is held.
func (m *Manager) rollback(ctx context.Context, name string, revision int, o RollbackOptions) (*Release, error) {
	before, err := m.last(name)
	if err != nil {
		return nil, err
	}
	if revision <= 0 {
		if revision, err = m.lastGood(name, before.Version); err != nil {
			return nil, err
		}
	}
	if _, err := m.records.Get(name, revision); err != nil {
		return nil, m.recordError(name, revision, err)
	}
	op := m.begin(ctx, o.Patient)
	if err := m.remember(op, name); err != nil {
		return nil, err
	}
	rollback := action.NewRollback(op.config)
	rollback.Version = revision
	rollback.Wait, rollback.WaitForJobs = o.Wait || o.Atomic, o.WaitForJobs
	rollback.Timeout, rollback.Force, rollback.DisableHooks = o.timeout(), o.Force, o.NoHooks
	rollback.MaxHistory = historyMax(o.HistoryMax)
	err = op.fault(rollback.Run(name))
	m.settle(name, err)
	after, lerr := m.records.Last(name)
	if lerr != nil || after.Version == before.Version {
		if err == nil {
			err = m.recordError(name, 0, lerr)
		}
		return nil, err
	}
	if err == nil && o.Description != "" {
		after.Info.Description = o.Description
		if uerr := m.records.Update(after); uerr != nil {
			return fromRecord(after), fmt.Errorf("record the description: %w", uerr)
		}
	}
	return fromRecord(after), err
}
