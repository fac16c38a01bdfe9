package release

import (
	"context"
	"errors"
	"fmt"

	"helm.sh/helm/v3/pkg/chart"
	helmrelease "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"
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
	// CreateNamespace counts for that installation; Namespace is as in
	// [InstallOptions], and counts whenever CreateNamespace does.
	CreateNamespace bool
	Namespace       Namespace
	// Reuse says what becomes of the values of the revision before.
	Reuse Reuse
	// CRDs and SkipSchema are as in [InstallOptions].
	CRDs       CRDPolicy
	SkipSchema bool
	// HistoryMax is how many revisions are kept; [DefaultHistory] when it is
	// zero, all when it is negative.
	HistoryMax int
	// CleanupOnFail deletes what a failed upgrade has newly created.
	CleanupOnFail bool
	// OnlyChanges makes no revision when it would be like the one that is deployed, and
	// the objects are as they should be. They are waited for all the same.
	OnlyChanges bool
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
	f := founding{name: name, createNamespace: o.Install && o.CreateNamespace, says: o.Namespace, options: &o.ApplyOptions, dry: o.DryRun}
	return m.found(ctx, f, func(ctx context.Context, dry DryRun) (*Release, error) {
		o.DryRun = dry
		return m.upgrade(ctx, name, c, values, o)
	})
}

// upgrade is Upgrade of a release that is held.
func (m *Manager) upgrade(ctx context.Context, name string, c *chart.Chart, values map[string]any, o UpgradeOptions) (*Release, error) {
	last, err := m.last(name)
	switch {
	case missingRelease(err) && o.Install, err == nil && o.Install && last.Info.Status == helmrelease.StatusUninstalled:
		return m.install(ctx, name, c, values, InstallOptions{
			ApplyOptions: o.ApplyOptions, CreateNamespace: o.CreateNamespace, Namespace: o.Namespace,
			CRDs: o.CRDs, SkipSchema: o.SkipSchema, DryRun: o.DryRun, replace: true,
		})
	case err != nil:
		return nil, err
	}
	if err := pending(last); err != nil {
		return nil, err
	}
	before, err := m.current(name, last)
	if err != nil {
		return nil, err
	}
	next, err := m.render(ctx, rendering{
		name: name, chart: c, values: values, reuse: o.Reuse, before: before, last: last,
		skipSchema: o.SkipSchema, lookup: o.DryRun != DryRunClient,
	})
	if err != nil || o.DryRun == DryRunClient {
		return dryRun(next), err
	}
	next.SetStatus(helmrelease.StatusPendingUpgrade, "Preparing upgrade")
	w := work{
		name: name, next: next, before: before, options: o.ApplyOptions, crds: o.CRDs, definitions: definitions(c),
		to:     chartAndVersion(c),
		events: [2]helmrelease.HookEvent{helmrelease.HookPreUpgrade, helmrelease.HookPostUpgrade},
		done:   "Upgrade complete", verb: "Upgrade",
		historyMax: historyMax(o.HistoryMax), cleanup: o.CleanupOnFail,
		onlyChanges: o.OnlyChanges,
	}
	if o.DryRun != "" {
		w.options.strict, w.createNamespace = o.DryRun == DryRunServer, o.Install && o.CreateNamespace
		return m.rehearse(ctx, w)
	}
	r, err := m.carryOut(ctx, w)
	if err != nil {
		return m.upgradeFailed(ctx, r, err, o)
	}
	if r.Unchanged {
		return r, nil
	}
	return r, m.supersede(name, r.Revision)
}

// current returns the revision that is deployed, or else the newest: after
// nothing but failures its objects are what is there.
func (m *Manager) current(name string, last *helmrelease.Release) (*helmrelease.Release, error) {
	if last.Info.Status == helmrelease.StatusDeployed {
		return last, nil
	}
	deployed, err := m.records.Deployed(name)
	switch {
	case err == nil:
		return deployed, nil
	case errors.Is(err, driver.ErrNoDeployedReleases):
		return last, nil
	default:
		return nil, m.recordError(name, 0, err)
	}
}

func (m *Manager) upgradeFailed(ctx context.Context, r *Release, err error, o UpgradeOptions) (*Release, error) {
	if !o.Atomic || r == nil {
		return r, err
	}
	good, gerr := m.lastGood(r.Name, r.Revision)
	if gerr != nil {
		return r, fmt.Errorf("%w; there is no revision to go back to: %w", err, gerr)
	}
	m.observe(Event{Action: Doing, Detail: fmt.Sprintf("the upgrade failed (%v); going back to revision %d", err, good)})
	clean, cancel := afterwards(ctx, o.timeout())
	defer cancel()
	back := o.ApplyOptions
	back.Wait, back.Description, back.Confirm = true, "", nil
	undone, uerr := m.rollback(clean, r.Name, good, RollbackOptions{ApplyOptions: back, HistoryMax: o.HistoryMax})
	if uerr != nil {
		return r, fmt.Errorf("%w; going back to revision %d failed as well: %w", err, good, uerr)
	}
	return undone, &UndoneError{Err: err, How: fmt.Sprintf("the release was rolled back to revision %d", good)}
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
