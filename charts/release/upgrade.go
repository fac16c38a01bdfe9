package release

import (
	"context"
	"errors"
	"fmt"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	helmrelease "helm.sh/helm/v3/pkg/release"
)

// Reuse says what becomes of the values of the revision before.
type Reuse string

// The ways to reuse values.
const (
	// ReuseIfNone takes them when no values are given, as helm does.
	ReuseIfNone Reuse = ""
	// ReuseNothing takes the chart's values and those that are given.
	ReuseNothing Reuse = "reset"
	// ReuseAll takes them, those of the chart of before included, and lays those
	// that are given over them.
	ReuseAll Reuse = "reuse"
	// ReuseGiven takes the new chart's values, over them those that were given
	// before, over them those that are given now.
	ReuseGiven Reuse = "reset-then-reuse"
)

// UpgradeOptions says how a release is upgraded.
type UpgradeOptions struct {
	ApplyOptions
	// Install installs the chart when there is no release of the name.
	Install bool
	// CreateNamespace counts for that installation.
	CreateNamespace bool
	// Reuse says what becomes of the values of the revision before.
	Reuse Reuse
	// SkipCRDs and SkipSchema are as in [InstallOptions].
	SkipCRDs, SkipSchema bool
	// HistoryMax is how many revisions are kept; [DefaultHistory] when it is
	// zero, all when it is negative.
	HistoryMax int
	// CleanupOnFail deletes what a failed upgrade has newly created.
	CleanupOnFail bool
	// DryRun is as in [InstallOptions].
	DryRun DryRun
}

// historyMax translates to helm's count, in which 0 keeps all.
func historyMax(n int) int {
	switch {
	case n == 0:
		return DefaultHistory
	case n < 0:
		return 0
	default:
		return n
	}
}

// Upgrade makes a release of the chart and the values, on top of what it is
// now. It returns the new revision; when applying it fails, along with the error.
func (m *Manager) Upgrade(ctx context.Context, name string, c *chart.Chart, values map[string]any, o UpgradeOptions) (*Release, error) {
	if err := m.cluster.Reach(ctx); err != nil {
		return nil, err
	}
	if o.DryRun == "" {
		if err := m.makeNamespace(ctx, o.Install && o.CreateNamespace); err != nil {
			return nil, err
		}
		held, done, err := m.hold(ctx, name)
		if err != nil {
			return nil, err
		}
		defer done()
		ctx = held
	}
	return m.upgrade(ctx, name, c, values, o)
}

// upgrade is Upgrade of a release that is held.
func (m *Manager) upgrade(ctx context.Context, name string, c *chart.Chart, values map[string]any, o UpgradeOptions) (*Release, error) {
	before, err := m.last(name)
	_, missing := errors.AsType[*NotFoundError](err)
	switch {
	case missing && o.Install, err == nil && o.Install && before.Info.Status == helmrelease.StatusUninstalled:
		return m.install(ctx, name, c, values, InstallOptions{
			ApplyOptions: o.ApplyOptions, CreateNamespace: o.CreateNamespace,
			SkipCRDs: o.SkipCRDs, SkipSchema: o.SkipSchema, DryRun: o.DryRun, replace: true,
		})
	case err != nil:
		return nil, err
	}
	if err := pending(before); err != nil {
		return nil, err
	}
	op := m.begin(ctx, o.Patient)
	if err := m.remember(op, name); err != nil {
		return nil, err
	}
	upgrade := newUpgrade(op.config, m.namespace, o)
	record, err := upgrade.Run(name, c, values)
	if err = op.fault(err); err != nil {
		return m.upgradeFailed(ctx, failed{name, before.Version, fromRecord(record), err}, o)
	}
	return fromRecord(record), rehearse(op.client, record, o.DryRun)
}

func newUpgrade(config *action.Configuration, namespace string, o UpgradeOptions) *action.Upgrade {
	upgrade := action.NewUpgrade(config)
	upgrade.Namespace = namespace
	upgrade.SkipCRDs, upgrade.SkipSchemaValidation = o.SkipCRDs, o.SkipSchema
	upgrade.Wait, upgrade.WaitForJobs = o.Wait || o.Atomic, o.WaitForJobs
	upgrade.Timeout, upgrade.Force, upgrade.DisableHooks = o.timeout(), o.Force, o.NoHooks
	upgrade.Description, upgrade.CleanupOnFail = o.Description, o.CleanupOnFail
	upgrade.MaxHistory = historyMax(o.HistoryMax)
	switch o.Reuse {
	case ReuseNothing:
		upgrade.ResetValues = true
	case ReuseAll:
		upgrade.ReuseValues = true
	case ReuseGiven:
		upgrade.ResetThenReuseValues = true
	case ReuseIfNone:
	}
	if o.DryRun != "" {
		upgrade.DryRun, upgrade.DryRunOption = true, string(o.DryRun)
	}
	return upgrade
}

// failed is an upgrade that has failed.
type failed struct {
	name string
	// before is the newest revision when it began.
	before  int
	release *Release
	err     error
}

func (m *Manager) upgradeFailed(ctx context.Context, f failed, o UpgradeOptions) (*Release, error) {
	if o.DryRun != "" {
		return nil, f.err
	}
	m.settle(f.name, f.err)
	last, err := m.records.Last(f.name)
	if !o.Atomic || err != nil || last.Version <= f.before {
		return f.release, f.err
	}
	good, err := m.lastGood(f.name, last.Version)
	if err != nil {
		return f.release, fmt.Errorf("%w; there is no revision to go back to: %w", f.err, err)
	}
	m.observe(Event{Action: Step, Detail: fmt.Sprintf("the upgrade failed (%v); going back to revision %d", f.err, good)})
	clean, cancel := afterwards(ctx, o.timeout())
	defer cancel()
	back := o.ApplyOptions
	back.Wait, back.Description = true, ""
	r, err := m.rollback(clean, f.name, good, RollbackOptions{ApplyOptions: back, HistoryMax: o.HistoryMax})
	if err != nil {
		return f.release, fmt.Errorf("%w; going back to revision %d failed as well: %w", f.err, good, err)
	}
	return r, &UndoneError{Err: f.err, How: fmt.Sprintf("the release was rolled back to revision %d", good)}
}

// lastGood returns the newest revision before another that was once deployed.
func (m *Manager) lastGood(name string, before int) (int, error) {
	records, err := m.history(name)
	if err != nil {
		return 0, err
	}
	good := 0
	for _, r := range records {
		status := r.Info.Status
		if r.Version < before && (status == helmrelease.StatusDeployed || status == helmrelease.StatusSuperseded) {
			good = r.Version
		}
	}
	if good == 0 {
		return 0, fmt.Errorf("no revision of %s before %d was ever deployed", name, before)
	}
	return good, nil
}
