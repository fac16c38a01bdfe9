package kube

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"

	"gantry/charts/release"
)

const overQuota = `create Pod db-0 in StatefulSet db failed error: pods "db-0" is forbidden: exceeded quota: none`

// eventOf makes what the controller of the StatefulSet db says now.
func eventOf(name, reason, message, version string) *corev1.Event {
	return &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: name, Namespace: "shop", UID: types.UID(name), ResourceVersion: version},
		InvolvedObject: corev1.ObjectReference{Kind: "StatefulSet", Name: "db"},
		Reason:         reason, Message: message, LastTimestamp: metav1.Now(),
	}
}

func TestPodsThatAreRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		// before are events that are there already; again are said after a second, and
		// later after half of the patience.
		before, again, later []*corev1.Event
		gives                time.Duration
	}{
		{"quota", nil, []*corev1.Event{eventOf("a", failedCreate, overQuota, "2")}, nil, schedulePatience},
		{"admission", nil, []*corev1.Event{eventOf("a", failedCreate, `violates PodSecurity "restricted:latest"`, "2")}, nil, configPatience},
		{"said again", []*corev1.Event{eventOf("a", failedCreate, overQuota, "1")}, []*corev1.Event{eventOf("a", failedCreate, overQuota, "2")}, nil, schedulePatience},
		{"long ago", []*corev1.Event{eventOf("a", failedCreate, overQuota, "1")}, nil, nil, 0},
		{"something is made", nil, []*corev1.Event{eventOf("a", failedCreate, overQuota, "2")}, []*corev1.Event{eventOf("b", successfulCreate, "create Pod db-0", "3")}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client := fake.NewClientset()
				events := client.CoreV1().Events("shop")
				say := func(list []*corev1.Event) {
					for _, e := range list {
						e.LastTimestamp = metav1.Now()
						_, err := events.Update(t.Context(), e, metav1.UpdateOptions{})
						if err != nil {
							_, err = events.Create(t.Context(), e, metav1.CreateOptions{})
						}
						if err != nil {
							t.Error(err)
						}
					}
				}
				say(test.before)
				begun := time.Now()
				go func() {
					time.Sleep(time.Second)
					say(test.again)
					time.Sleep(configPatience / 2)
					say(test.later)
				}()
				w := waiterFor(release.Object{APIVersion: "apps/v1", Kind: "StatefulSet", Namespace: "shop", Name: "db"})
				ctx, stop := context.WithTimeout(t.Context(), 2*schedulePatience)
				defer stop()
				err := newGuard(&unmade{waiter: w, client: client, namespace: "shop"}, func(context.Context) {}).run(ctx)
				_, gaveUp := errors.AsType[*StuckError](err)
				waited := time.Since(begun).Round(time.Second)
				if want := test.gives + time.Second; gaveUp != (test.gives > 0) || gaveUp && (waited < want || waited > want+time.Second) {
					t.Errorf("after %s: %v; want it to give up after %s", waited, err, test.gives)
				}
			})
		})
	}
}
