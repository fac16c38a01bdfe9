package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	helmrelease "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// UninstallOptions says how a release is taken away.
type UninstallOptions struct {
	// KeepHistory keeps the records, so that the release can be rolled back.
	KeepHistory bool
	// DeleteStorage deletes claims and volumes, and their data; they are kept
	// otherwise.
	DeleteStorage bool
	// Wait waits until the objects are gone.
	Wait bool
	// Timeout bounds the wait, and each hook; [DefaultTimeout] when it is zero.
	Timeout time.Duration
	// NoHooks runs no hooks.
	NoHooks bool
	// DryRun plans and changes nothing.
	DryRun bool
	// Description of the last revision, where the history is kept.
	Description string
	// Confirm looks at the plan before anything is changed, and may allow to delete
	// storage. Its error ends the operation. It may be nil.
	Confirm func(context.Context, *Plan) (deleteStorage bool, err error)
}

// Uninstalled is what an uninstallation did.
type Uninstalled struct {
	// Release is the last revision.
	Release *Release
	// Plan is what was done, or with DryRun would be; nil when nothing but records
	// was left.
	Plan *Plan
}

// Uninstall deletes the objects of a release, and its records. When it fails on the way, what
// was to be done is returned along with the error.
func (m *Manager) Uninstall(ctx context.Context, name string, o UninstallOptions) (*Uninstalled, error) {
	if err := m.cluster.Reach(ctx); err != nil {
		return nil, err
	}
	if !o.DryRun {
		held, done, err := m.hold(ctx, name, true)
		if _, ending := errors.AsType[*EndingNamespaceError](err); ending {
			held, done = ctx, func() {} // nobody else can begin anything there
		} else if err != nil {
			return nil, err
		}
		defer done()
		ctx = held
	}
	return m.uninstall(ctx, name, o)
}

// uninstall is Uninstall of a release that is held.
func (m *Manager) uninstall(ctx context.Context, name string, o UninstallOptions) (*Uninstalled, error) {
	records, err := m.history(name)
	if err != nil {
		return nil, err
	}
	last := records[len(records)-1]
	out := &Uninstalled{Release: fromRecord(last)}
	if last.Info.Status == helmrelease.StatusUninstalled {
		if o.KeepHistory {
			return nil, &GoneError{Name: name, Namespace: m.namespace}
		}
		if o.DryRun {
			return out, nil
		}
		return out, m.purge(records)
	}
	e, err := m.planUninstall(ctx, name, last, o)
	if err != nil {
		return nil, err
	}
	out.Plan = e.plan
	if o.Confirm != nil && !o.DryRun {
		also, err := o.Confirm(ctx, e.plan)
		if err := cmp.Or(Ended(ctx), err); err != nil {
			return nil, err
		}
		if also && !o.DeleteStorage {
			o.DeleteStorage, o.Confirm = true, nil
			return m.uninstall(ctx, name, o)
		}
	}
	if o.DryRun {
		return out, nil
	}
	if err := m.takeAway(ctx, e, o); err != nil {
		return out, m.uninstallFailed(last, cmp.Or(Ended(ctx), err))
	}
	return out, m.close(records, o)
}

// GoneError is a release that was uninstalled before, with its history kept.
type GoneError struct{ Name, Namespace string }

// Error names the release.
func (e *GoneError) Error() string {
	return fmt.Sprintf("release %s in namespace %s is uninstalled already; its history is kept", e.Name, e.Namespace)
}

// planUninstall plans to delete what the deployed revision has, and those that
// failed since.
func (m *Manager) planUninstall(ctx context.Context, name string, last *helmrelease.Release, o UninstallOptions) (*execution, error) {
	client, err := m.client(ApplyOptions{})
	if err != nil {
		return nil, err
	}
	before, err := m.current(name, last)
	if err != nil {
		return nil, err
	}
	empty := *last
	empty.Manifest = ""
	w := work{
		name: name, next: &empty, before: before, to: nothing,
		events:  [2]helmrelease.HookEvent{helmrelease.HookPreDelete, helmrelease.HookPostDelete},
		options: ApplyOptions{DeleteStorage: o.DeleteStorage, NoHooks: o.NoHooks, Timeout: o.Timeout},
	}
	plan, err := m.plan(ctx, client, &w)
	if err != nil {
		return nil, err
	}
	return &execution{manager: m, client: client, plan: plan, record: last, options: w.options}, nil
}

// takeAway runs the hooks and deletes the objects.
func (m *Manager) takeAway(ctx context.Context, e *execution, o UninstallOptions) error {
	r := e.record
	r.SetStatus(helmrelease.StatusUninstalling, "Deletion in progress (or silently failed)")
	r.Info.Deleted = m.now()
	if err := m.records.Update(r); err != nil {
		return m.writeError(r, err)
	}
	if err := e.hooks(ctx, helmrelease.HookPreDelete); err != nil {
		return err
	}
	if err := e.remove(ctx); err != nil {
		return err
	}
	if o.Wait {
		var gone []*unstructured.Unstructured
		for _, s := range e.plan.Steps {
			if s.Do == Delete {
				gone = append(gone, s.live)
			}
		}
		if err := e.client.Wait(ctx, gone, UntilGone, e.options.timeout()); err != nil {
			return err
		}
	}
	return e.hooks(ctx, helmrelease.HookPostDelete)
}

// uninstallFailed records that the release is still there, in part.
func (m *Manager) uninstallFailed(r *helmrelease.Release, err error) error {
	r.SetStatus(helmrelease.StatusFailed, "Uninstallation failed: "+err.Error())
	if uerr := m.records.Update(r); uerr != nil {
		m.observe(Event{Action: Warned, Detail: fmt.Sprintf("revision %d could not be marked as failed: %v", r.Version, m.cluster.Lost(uerr))})
	}
	return fmt.Errorf("uninstall %s: %w", r.Name, err)
}

// close records that the release is gone, or forgets it.
func (m *Manager) close(records []*helmrelease.Release, o UninstallOptions) error {
	if !o.KeepHistory {
		return m.purge(records)
	}
	last := records[len(records)-1]
	last.SetStatus(helmrelease.StatusUninstalled, "Uninstallation complete")
	if o.Description != "" {
		last.Info.Description = o.Description
	}
	if err := m.records.Update(last); err != nil {
		return m.writeError(last, err)
	}
	return m.supersede(last.Name, last.Version)
}

// purge deletes records, the oldest first: killed on the way, the newest still
// says what happened.
func (m *Manager) purge(records []*helmrelease.Release) error {
	var errs []error
	for _, r := range records {
		_, err := m.records.Delete(r.Name, r.Version)
		if err != nil && !errors.Is(err, driver.ErrReleaseNotFound) && !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("delete the record of revision %d: %w", r.Version, m.cluster.Lost(err)))
		}
	}
	return errors.Join(errs...)
}
