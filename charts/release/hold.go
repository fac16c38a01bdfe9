package release

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	helmrelease "helm.sh/helm/v3/pkg/release"
)

// staleAfter is how old a pending revision must be to be taken for abandoned when
// nobody holds the release: helm holds none, and works for minutes at a time.
const staleAfter = 15 * time.Minute

// Hold is the right of one operation to change a release. Others wait for its
// end, or are told who has it.
type Hold struct {
	// Abandoned names who held the release and gave no sign of life any more; empty
	// when nobody did.
	Abandoned string
	// Release gives the right back. It may be called once.
	Release func()
}

// BusyError is a release that somebody else is changing right now.
type BusyError struct {
	Name, Namespace string
	// Holder says who, and Since from when on.
	Holder string
	Since  time.Time
}

// Error says who changes the release, and since when.
func (e *BusyError) Error() string {
	return fmt.Sprintf("release %s in namespace %s is being changed by %s, since %s", e.Name, e.Namespace, e.Holder, e.Since.UTC().Format(time.RFC3339))
}

// EndingNamespaceError is a namespace that is being deleted, with everything in it.
type EndingNamespaceError struct{ Namespace string }

// Error names the namespace.
func (e *EndingNamespaceError) Error() string {
	return fmt.Sprintf("namespace %s is being deleted, and nothing can be made in it any more", e.Namespace)
}

// ErrHoldLost ends an operation that somebody else believed to be dead, and took
// the release from.
var ErrHoldLost = errors.New("somebody else has taken over the release: this operation gave no sign of life for too long")

// hold takes a release for an operation, which ends with the context that it
// returns. What an operation that was killed left in the middle is settled first;
// unlock says that one that left no sign of who it was has been killed, too.
func (m *Manager) hold(ctx context.Context, name string, unlock bool) (context.Context, func(), error) {
	if err := checkName(name); err != nil {
		return nil, nil, err
	}
	held, h, err := m.cluster.Hold(ctx, name, ClientOptions{Namespace: m.namespace, Observe: m.observe})
	if err != nil {
		return nil, nil, err
	}
	if err := m.recover(name, h.Abandoned, unlock); err != nil {
		h.Release()
		return nil, nil, err
	}
	told := m.tellEnding(ctx)
	return held, func() { told(); h.Release() }, nil
}

// endingSoon is how long an operation that was interrupted may take to end before that is told.
const endingSoon = time.Second

// tellEnding tells of an operation that was interrupted and takes its time to end: a cluster that
// is away cannot be told of it, and what is undone has to be waited for. What comes back is called
// when it has ended.
func (m *Manager) tellEnding(ctx context.Context) (ended func()) {
	over := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() {
		select {
		case <-ctx.Done():
		case <-over:
			return
		}
		select {
		case <-time.After(endingSoon):
		case <-over:
			return
		}
		m.observe(Event{Action: Doing, Detail: "interrupted, but not done yet with undoing or recording what was begun; a second interrupt leaves that to the next operation"})
	})
	return func() { close(over); telling.Wait() }
}

// recover marks the newest revision as failed when it is in the middle of an
// operation and nobody works on it any more.
func (m *Manager) recover(name, abandonedBy string, unlock bool) error {
	r, err := m.last(name)
	if _, homeless := errors.AsType[*NoNamespaceError](err); homeless || missingRelease(err) {
		return nil
	}
	if err != nil {
		return err
	}
	begun := r.Info.LastDeployed
	switch {
	case r.Info.Status == helmrelease.StatusUninstalling:
		begun = r.Info.Deleted
	case !r.Info.Status.IsPending():
		return nil
	}
	who := abandonedBy
	if who == "" {
		if !unlock && m.clock().Sub(begun.Time) < staleAfter {
			return nil
		}
		who = "somebody who left no name"
	}
	m.observe(Event{Action: Doing, Detail: fmt.Sprintf("revision %d (%s, begun %s) was left in the middle by %s: it counts as failed",
		r.Version, r.Info.Status, begun.UTC().Format(time.RFC3339), who)})
	r.Info.Status = helmrelease.StatusFailed
	r.Info.Description = "Interrupted: " + who + " gave no sign of life"
	if err := m.records.Update(r); err != nil {
		return fmt.Errorf("record that revision %d was interrupted: %w", r.Version, m.cluster.Lost(err))
	}
	return nil
}
