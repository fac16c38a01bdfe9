package release

import (
	"context"
	"errors"
	"fmt"
	"time"

	"helm.sh/helm/v3/pkg/action"
	helmkube "helm.sh/helm/v3/pkg/kube"

	"gantry/charts/compare"
)

// UninstallOptions says how a release is taken away.
type UninstallOptions struct {
	// KeepHistory keeps the records, so that the release can be rolled back.
	KeepHistory bool
	// Wait waits until the objects are gone.
	Wait bool
	// Timeout bounds the wait, and each hook; [DefaultTimeout] when it is zero.
	Timeout time.Duration
	// NoHooks runs no hooks.
	NoHooks bool
	// Description of the last revision, where the history is kept.
	Description string
}

// Uninstalled is what an uninstallation did.
type Uninstalled struct {
	// Release is the last revision.
	Release *Release
	// Kept are objects that an annotation says to keep.
	Kept []Object
}

// Uninstall deletes the objects of a release, and its records.
func (m *Manager) Uninstall(ctx context.Context, name string, o UninstallOptions) (*Uninstalled, error) {
	if err := m.cluster.Reach(ctx); err != nil {
		return nil, err
	}
	held, done, err := m.hold(ctx, name)
	if err != nil {
		return nil, err
	}
	defer done()
	return m.uninstall(held, name, o)
}

// uninstall is Uninstall of a release that is held.
func (m *Manager) uninstall(ctx context.Context, name string, o UninstallOptions) (*Uninstalled, error) {
	last, err := m.last(name)
	if err != nil {
		return nil, err
	}
	out := &Uninstalled{Release: fromRecord(last)}
	for _, d := range compare.Parse(last.Manifest) {
		if d.Annotation(helmkube.ResourcePolicyAnno) == helmkube.KeepPolicy {
			out.Kept = append(out.Kept, d.Object)
		}
	}
	op := m.begin(ctx, false)
	uninstall := action.NewUninstall(op.config)
	uninstall.KeepHistory, uninstall.Wait, uninstall.DisableHooks = o.KeepHistory, o.Wait, o.NoHooks
	uninstall.Description = o.Description
	uninstall.Timeout = ApplyOptions{Timeout: o.Timeout}.timeout()
	if _, err := uninstall.Run(name); err != nil {
		// helm says no more than "failed to delete release".
		if cause := op.client.Failure(); cause != nil && !errors.Is(err, cause) {
			return nil, fmt.Errorf("uninstall %s: %w", name, cause)
		}
		return nil, err
	}
	return out, nil
}
