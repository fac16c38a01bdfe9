package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"helm.sh/helm/v3/pkg/chart"
	helmrelease "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"
)

// ApplyOptions says how objects are applied and waited for.
type ApplyOptions struct {
	// Wait waits until the objects are ready.
	Wait bool
	// WaitForJobs waits for the end of Jobs, too.
	WaitForJobs bool
	// Timeout bounds the wait, and each hook; [DefaultTimeout] when it is zero.
	Timeout time.Duration
	// Patient waits until the time is over, even for what waiting does not help: an
	// image that cannot be pulled, a container that crashes again and again, a
	// Secret that is not there.
	Patient bool
	// Atomic undoes what failed. It waits.
	Atomic bool
	// NoHooks runs no hooks.
	NoHooks bool
	// Force replaces objects instead of patching them.
	Force bool
	// Method is how objects are changed; [ApplyAuto] when it is empty.
	Method Method
	// Take takes over the fields that somebody else has set. A rollback always does.
	Take bool
	// Adopt takes over objects that are there and are not of the release.
	Adopt bool
	// Recreate says which objects may be deleted and made anew; [RecreateNever] when
	// it is empty.
	Recreate RecreatePolicy
	// DeleteStorage deletes claims and volumes that are no longer in the release,
	// and their data; they are kept otherwise.
	DeleteStorage bool
	// Unlock goes on with a release that an operation has left in the middle without a
	// sign of who it was: helm leaves none.
	Unlock bool
	// Description of the revision; helm's when it is empty.
	Description string
	// Confirm looks at the plan before anything is changed. Its error ends the
	// operation. It may be nil.
	Confirm func(context.Context, *Plan) error

	// strict refuses fields that kinds do not have.
	strict bool
}

// confirm asks about a plan.
func (o ApplyOptions) confirm(ctx context.Context, plan *Plan) error {
	var err error
	if o.Confirm != nil {
		err = o.Confirm(ctx, plan)
	}
	return cmp.Or(Ended(ctx), err)
}

func (o ApplyOptions) timeout() time.Duration {
	if o.Timeout <= 0 {
		return DefaultTimeout
	}
	return o.Timeout
}

// DryRun says how far an operation goes that changes nothing.
type DryRun string

// The ways to change nothing.
const (
	// DryRunClient renders with what the cluster can do.
	DryRunClient DryRun = "client"
	// DryRunServer lets templates look objects up, too, and plans: the API server
	// is asked what it would say to every object.
	DryRunServer DryRun = "server"
)

// InstallOptions says how a release is installed.
type InstallOptions struct {
	ApplyOptions
	// CreateNamespace makes the namespace when it is not there.
	CreateNamespace bool
	// Namespace is what a namespace that is made says, or comes to say if it is there.
	Namespace Namespace
	// CRDs says what becomes of the chart's custom resource definitions;
	// [CRDsCreate] when it is empty.
	CRDs CRDPolicy
	// SkipSchema does not hold the values against the chart's schema.
	SkipSchema bool
	// DryRun changes nothing.
	DryRun DryRun

	// replace takes the name of a release that was uninstalled with its history
	// kept.
	replace bool
}

// Install installs a chart under a name that is free.
//
// The chart is taken over. When the installation itself fails, the release is
// recorded as failed, and returned along with the error.
func (m *Manager) Install(ctx context.Context, name string, c *chart.Chart, values map[string]any, o InstallOptions) (*Release, error) {
	f := founding{name: name, createNamespace: o.CreateNamespace, says: o.Namespace, options: &o.ApplyOptions, dry: o.DryRun}
	return m.found(ctx, f, func(ctx context.Context, dry DryRun) (*Release, error) {
		o.DryRun = dry
		return m.install(ctx, name, c, values, o)
	})
}

// install is Install of a release that is held.
func (m *Manager) install(ctx context.Context, name string, c *chart.Chart, values map[string]any, o InstallOptions) (*Release, error) {
	last, err := m.free(name, o)
	if err != nil {
		return nil, err
	}
	next, err := m.render(ctx, rendering{name: name, chart: c, values: values, last: last, skipSchema: o.SkipSchema, lookup: o.DryRun != DryRunClient})
	if err != nil || o.DryRun == DryRunClient {
		return dryRun(next), err
	}
	next.SetStatus(helmrelease.StatusPendingInstall, "Initial install underway")
	w := work{
		name: name, next: next, options: o.ApplyOptions, crds: o.CRDs, definitions: definitions(c),
		to:     chartAndVersion(c),
		events: [2]helmrelease.HookEvent{helmrelease.HookPreInstall, helmrelease.HookPostInstall},
		done:   "Install complete", verb: "Release",
	}
	if o.DryRun != "" {
		w.options.strict, w.createNamespace = o.DryRun == DryRunServer, o.CreateNamespace
		return m.rehearse(ctx, w)
	}
	r, err := m.carryOut(ctx, w)
	if err != nil {
		return m.installFailed(ctx, r, err, o)
	}
	return r, m.supersede(name, r.Revision)
}

// dryRun returns a revision that is not made; nil when there is none.
func dryRun(r *helmrelease.Release) *Release {
	if r != nil && r.Info != nil {
		r.Info.Description = "Dry run complete"
	}
	return fromRecord(r)
}

func chartAndVersion(c *chart.Chart) string {
	return fmt.Sprintf("%s-%s", c.Name(), c.Metadata.Version)
}

// free says whether a name can be installed, and returns the newest revision of
// one that was uninstalled.
func (m *Manager) free(name string, o InstallOptions) (*helmrelease.Release, error) {
	last, err := m.last(name)
	if missingRelease(err) {
		return nil, nil //nolint:nilnil // there is none
	}
	if err != nil {
		return nil, err
	}
	if err := pending(last); err != nil {
		return nil, err
	}
	if o.replace && last.Info.Status == helmrelease.StatusUninstalled {
		return last, nil
	}
	return nil, &ExistsError{Name: name, Namespace: m.namespace, Status: last.Info.Status.String()}
}

func (m *Manager) installFailed(ctx context.Context, r *Release, err error, o InstallOptions) (*Release, error) {
	if missingNamespace(err, m.namespace) {
		return nil, &NoNamespaceError{Namespace: m.namespace}
	}
	if !o.Atomic || r == nil {
		return r, err
	}
	m.observe(Event{Action: Doing, Detail: fmt.Sprintf("the installation failed (%v); taking it away again", err)})
	clean, cancel := afterwards(ctx, o.timeout())
	defer cancel()
	if _, uerr := m.uninstall(clean, r.Name, UninstallOptions{Timeout: o.timeout(), NoHooks: o.NoHooks, DeleteStorage: o.DeleteStorage}); uerr != nil {
		return r, fmt.Errorf("%w; taking it away failed as well: %w", err, uerr)
	}
	return nil, &UndoneError{Err: err, How: "the release was uninstalled again"}
}

// supersede marks every other revision that counts as deployed as superseded. It
// runs after the new one is recorded: killed in between, there are two, of which
// the newer counts.
func (m *Manager) supersede(name string, but int) error {
	deployed, err := m.records.DeployedAll(name)
	if errors.Is(err, driver.ErrNoDeployedReleases) {
		return nil
	}
	if err != nil {
		return m.recordError(name, 0, err)
	}
	var errs []error
	for _, r := range deployed {
		if r.Version == but {
			continue
		}
		r.Info.Status = helmrelease.StatusSuperseded
		if err := m.records.Update(r); err != nil {
			errs = append(errs, fmt.Errorf("record that revision %d is superseded: %w", r.Version, m.cluster.Lost(err)))
		}
	}
	return errors.Join(errs...)
}
