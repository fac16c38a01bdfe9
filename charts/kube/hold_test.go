package kube

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"gantry/charts/release"
)

func TestLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset().CoordinationV1().Leases("shop")
		ann, bob := &lease{client, "shop", "gantry.web", "ann", nil}, &lease{client, "shop", "gantry.web", "bob", nil}
		if abandoned, err := ann.take(t.Context(), nil); err != nil || abandoned != "" {
			t.Fatalf("ann takes what is free: %q, %v", abandoned, err)
		}
		since := ann.current.Spec.AcquireTime.Time
		alive, die := context.WithCancelCause(t.Context())
		go ann.keep(alive, die)
		waited := ""
		begun := time.Now()
		_, err := bob.take(t.Context(), func(holder string) { waited = holder })
		busy, ok := errors.AsType[*release.BusyError](err)
		if !ok || busy.Holder != "ann" || !busy.Since.Equal(since) || waited != "ann" {
			t.Errorf("bob while ann lives: %v, waited for %q", err, waited)
		}
		if took := time.Since(begun); took > renewEvery {
			t.Errorf("bob heard of it after %s, want %s", took, renewEvery)
		}
		die(nil) // as kill -9 does: nothing is given back
		synctest.Wait()
		begun = time.Now()
		if abandoned, err := bob.take(t.Context(), func(string) {}); err != nil || abandoned != "ann" {
			t.Errorf("bob after ann fell silent: %q, %v", abandoned, err)
		}
		if took := time.Since(begun); took != leaseDuration {
			t.Errorf("bob took over after %s, want %s", took, leaseDuration)
		}
		bob.giveBack(t.Context())
		if list, err := client.List(t.Context(), metav1.ListOptions{}); err != nil || len(list.Items) != 0 {
			t.Errorf("left behind: %v, %v", list, err)
		}
	})
}

// TestForgottenLease has a lease whose holder has been silent for an hour.
func TestForgottenLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset().CoordinationV1().Leases("shop")
		ann, bob := &lease{client, "shop", "gantry.web", "ann", nil}, &lease{client, "shop", "gantry.web", "bob", nil}
		if _, err := ann.take(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if abandoned, err := bob.take(t.Context(), nil); err != nil || abandoned != "ann" {
			t.Errorf("bob takes what was forgotten: %q, %v", abandoned, err)
		}
	})
}

// TestLeaseIsNewer loses the answer to a sign of life: the version that is known is
// not the lease's, which is ours all the same.
func TestLeaseIsNewer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		set := fake.NewClientset()
		client := set.CoordinationV1().Leases("shop")
		ann := &lease{client, "shop", "gantry.web", "ann", nil}
		if _, err := ann.take(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		conflicts := 0
		conflict := func(clienttesting.Action) (bool, runtime.Object, error) {
			conflicts++
			return conflicts%2 == 1, nil, apierrors.NewConflict(coordinationv1.Resource("leases"), "gantry.web", errors.New("the object has been modified"))
		}
		set.PrependReactor("update", "leases", conflict)
		set.PrependReactor("delete", "leases", conflict)
		alive, die := context.WithCancelCause(t.Context())
		go ann.keep(alive, die)
		time.Sleep(2*renewEvery + time.Second)
		if err := context.Cause(alive); err != nil {
			t.Errorf("the lease counts as lost: %v", err)
		}
		die(nil)
		synctest.Wait()
		ann.giveBack(t.Context())
		if list, err := client.List(t.Context(), metav1.ListOptions{}); err != nil || len(list.Items) != 0 || conflicts != 4 {
			t.Errorf("left behind after %d requests: %v, %v", conflicts, list, err)
		}
	})
}

// TestLeaseIsTaken keeps its hands off a lease that is somebody else's.
func TestLeaseIsTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		set := fake.NewClientset()
		client := set.CoordinationV1().Leases("shop")
		ann, bob := &lease{client, "shop", "gantry.web", "ann", nil}, &lease{client, "shop", "gantry.web", "bob", nil}
		if _, err := ann.take(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if _, err := bob.take(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		conflict := func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil, apierrors.NewConflict(coordinationv1.Resource("leases"), "gantry.web", errors.New("the object has been modified"))
		}
		set.PrependReactor("update", "leases", conflict)
		set.PrependReactor("delete", "leases", conflict)
		alive, die := context.WithCancelCause(t.Context())
		ann.keep(alive, die)
		if err := context.Cause(alive); !errors.Is(err, release.ErrHoldLost) {
			t.Errorf("ann goes on: %v", err)
		}
		ann.giveBack(t.Context())
		if there, err := client.Get(t.Context(), "gantry.web", metav1.GetOptions{}); err != nil || *there.Spec.HolderIdentity != "bob" {
			t.Errorf("ann gave back what was bob's: %v, %v", there, err)
		}
	})
}

// TestLeaseGoesWithItsNamespace: nobody has taken over what is deleted with everything else.
func TestLeaseGoesWithItsNamespace(t *testing.T) {
	t.Parallel()
	ending := apierrors.NewForbidden(coordinationv1.Resource("leases"), "gantry.web", errors.New("because it is being terminated"))
	ending.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	for name, refusal := range map[string]error{
		"being deleted": ending,
		"gone":          apierrors.NewNotFound(corev1.Resource("namespaces"), "shop"),
		"still there":   nil,
	} {
		synctest.Test(t, func(t *testing.T) {
			set := fake.NewClientset()
			client := set.CoordinationV1().Leases("shop")
			ann := &lease{client, "shop", "gantry.web", "ann", nil}
			if _, err := ann.take(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			if err := client.Delete(t.Context(), "gantry.web", metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
			set.PrependReactor("create", "leases", func(clienttesting.Action) (bool, runtime.Object, error) { return refusal != nil, nil, refusal })
			alive, die := context.WithCancelCause(t.Context())
			ann.keep(alive, die)
			err := context.Cause(alive)
			if e, ends := errors.AsType[*release.EndingNamespaceError](err); ends != (refusal != nil) || ends && e.Namespace != "shop" || !ends && !errors.Is(err, release.ErrHoldLost) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}
