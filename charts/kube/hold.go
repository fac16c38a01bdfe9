package kube

import (
	"context"
	"errors"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"

	"gantry/charts/release"
)

const (
	// leaseDuration is how long a holder may be silent before others take over.
	leaseDuration = 15 * time.Second
	// renewEvery is how often a holder gives a sign of life.
	renewEvery = leaseDuration / 3
	// forgottenAfter is how old the last sign of life must be to be believed
	// without watching: clocks of two machines may differ by minutes.
	forgottenAfter = 40 * leaseDuration
	// releaseTimeout bounds giving a lease back.
	releaseTimeout = 5 * time.Second
)

// Hold takes a release for one operation, by a Lease beside its records. A holder
// that was killed is noticed by its silence. The context that Hold returns ends
// when somebody else took the release.
//
// Without the right to make Leases, or a namespace for them, nothing is held. In a
// namespace that is being deleted the error is a [*release.EndingNamespaceError].
func (c *Cluster) Hold(ctx context.Context, name string, o release.ClientOptions) (context.Context, *release.Hold, error) {
	client, err := c.Clientset()
	if err != nil {
		return nil, nil, err
	}
	l := &lease{client: client.CoordinationV1().Leases(o.Namespace), namespace: o.Namespace, name: "gantry." + name, holder: c.holder}
	abandoned, err := l.take(ctx, func(holder string) {
		o.Observe(release.Event{Action: release.Doing, Detail: fmt.Sprintf("%s was at work on release %s: waiting up to %s for a sign of life", holder, name, leaseDuration)})
	})
	switch {
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return nil, nil, &release.EndingNamespaceError{Namespace: o.Namespace}
	case apierrors.IsForbidden(err):
		o.Observe(release.Event{Action: release.Warned, Detail: "Leases may not be made here, so two operations at once go unnoticed"})
		return ctx, &release.Hold{Release: func() {}}, nil
	case apierrors.IsNotFound(err):
		return ctx, &release.Hold{Release: func() {}}, nil
	case err != nil:
		if busy, ok := errors.AsType[*release.BusyError](err); ok {
			busy.Name, busy.Namespace = name, o.Namespace
		}
		return nil, nil, c.Lost(err)
	}
	held, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.keep(held, cancel)
	}()
	return held, &release.Hold{Abandoned: abandoned, Release: func() {
		cancel(nil)
		<-done
		l.giveBack(context.WithoutCancel(ctx))
	}}, nil
}

// lease is a Lease that is taken, kept and given back.
type lease struct {
	client       coordinationclient.LeaseInterface
	namespace    string
	name, holder string
	current      *coordinationv1.Lease
}

func (l *lease) spec() coordinationv1.LeaseSpec {
	now := metav1.NowMicro()
	seconds := int32(leaseDuration / time.Second)
	return coordinationv1.LeaseSpec{HolderIdentity: &l.holder, LeaseDurationSeconds: &seconds, AcquireTime: &now, RenewTime: &now}
}

// take gets the lease, and returns who had it and fell silent. The error is a
// [*release.BusyError] when somebody has it and lives.
func (l *lease) take(ctx context.Context, waiting func(holder string)) (abandoned string, err error) {
	for {
		ours, err := l.create(ctx)
		if ours || !apierrors.IsAlreadyExists(err) {
			return abandoned, err
		}
		there, err := l.client.Get(ctx, l.name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return "", err
		}
		holder := "somebody"
		if there.Spec.HolderIdentity != nil {
			holder = *there.Spec.HolderIdentity
		}
		lives, err := l.lives(ctx, there, func() { waiting(holder) })
		if err != nil {
			return "", err
		}
		if lives {
			return "", &release.BusyError{Holder: holder, Since: timeOf(there.Spec.AcquireTime)}
		}
		there.Spec = l.spec()
		l.current, err = l.client.Update(ctx, there, metav1.UpdateOptions{FieldManager: fieldManager})
		switch {
		case err == nil:
			return holder, nil
		case apierrors.IsConflict(err) || apierrors.IsNotFound(err):
			continue // the holder lives or gave it back, or somebody was quicker
		default:
			return "", err
		}
	}
}

// create makes the lease. When the answer to a try is lost, it may be there, and
// ours.
func (l *lease) create(ctx context.Context) (ours bool, err error) {
	fresh := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: l.name, Labels: map[string]string{"app.kubernetes.io/managed-by": fieldManager}},
		Spec:       l.spec(),
	}
	lost := false
	err = repeat(ctx, func() (bool, error) {
		l.current, err = l.client.Create(ctx, fresh, metav1.CreateOptions{FieldManager: fieldManager})
		again := err != nil && lostAnswer(err)
		lost = lost || again
		return again, err
	})
	if !lost || !apierrors.IsAlreadyExists(err) {
		return err == nil, err
	}
	there, gerr := l.client.Get(ctx, l.name, metav1.GetOptions{})
	if gerr != nil || there.Spec.HolderIdentity == nil || *there.Spec.HolderIdentity != l.holder {
		return false, err
	}
	l.current = there
	return true, nil
}

func timeOf(t *metav1.MicroTime) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}

// lives waits for a sign of life of whoever has a lease. It reports false for one
// that was given back meanwhile.
func (l *lease) lives(ctx context.Context, there *coordinationv1.Lease, waiting func()) (bool, error) {
	if last := timeOf(there.Spec.RenewTime); time.Since(last) > forgottenAfter {
		return false, nil
	}
	waiting()
	stream, err := l.client.Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + l.name, ResourceVersion: there.ResourceVersion})
	if err != nil {
		return false, err
	}
	defer stream.Stop()
	over := time.After(leaseDuration)
	for {
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-over:
			return false, nil
		case event, open := <-stream.ResultChan():
			switch {
			case !open, event.Type == watch.Deleted:
				return false, nil // taking it finds out, by its version
			case event.Type == watch.Modified:
				return true, nil
			}
		}
	}
}

// keep gives signs of life until the context is done. It cancels when somebody
// else has taken the lease; while the server is away it goes on.
func (l *lease) keep(ctx context.Context, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		next := l.current.DeepCopy()
		now := metav1.NowMicro()
		next.Spec.RenewTime = &now
		renewed, err := l.client.Update(impatient(ctx), next, metav1.UpdateOptions{FieldManager: fieldManager})
		switch {
		case err == nil:
			l.current = renewed
		case apierrors.IsNotFound(err), apierrors.IsConflict(err) && l.lost(ctx):
			cancel(l.lostTo(ctx))
			return
		}
	}
}

// lostTo says why the lease is no longer ours: it may have gone with its namespace.
func (l *lease) lostTo(ctx context.Context) error {
	fresh := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: l.name}, Spec: l.spec()}
	_, err := l.client.Create(ctx, fresh, metav1.CreateOptions{FieldManager: fieldManager, DryRun: []string{metav1.DryRunAll}})
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) || apierrors.IsNotFound(err) {
		return &release.EndingNamespaceError{Namespace: l.namespace}
	}
	return release.ErrHoldLost
}

// lost reports whether the lease is somebody else's by now. It may only be newer than
// we know, when the answer to a sign of life did not arrive.
func (l *lease) lost(ctx context.Context) bool {
	there, err := l.client.Get(ctx, l.name, metav1.GetOptions{})
	if err != nil {
		return apierrors.IsNotFound(err)
	}
	ours := there.UID == l.current.UID && there.Spec.HolderIdentity != nil && *there.Spec.HolderIdentity == l.holder &&
		there.Spec.AcquireTime.Equal(l.current.Spec.AcquireTime)
	if ours {
		l.current = there
	}
	return !ours
}

// giveBack deletes the lease, unless it is somebody else's by now. One that stays
// because nobody answers is taken over for its silence.
func (l *lease) giveBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, releaseTimeout)
	defer cancel()
	_ = repeat(ctx, func() (bool, error) {
		err := l.client.Delete(ctx, l.name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &l.current.UID, ResourceVersion: &l.current.ResourceVersion}})
		return apierrors.IsConflict(err) && !l.lost(ctx), err
	})
}
