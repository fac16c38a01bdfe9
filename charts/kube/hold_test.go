package kube

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"gantry/charts/release"
)

func TestLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset().CoordinationV1().Leases("shop")
		ann, bob := &lease{client, "gantry.web", "ann", nil}, &lease{client, "gantry.web", "bob", nil}
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
		ann, bob := &lease{client, "gantry.web", "ann", nil}, &lease{client, "gantry.web", "bob", nil}
		if _, err := ann.take(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if abandoned, err := bob.take(t.Context(), nil); err != nil || abandoned != "ann" {
			t.Errorf("bob takes what was forgotten: %q, %v", abandoned, err)
		}
	})
}
