package kube

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"

	"gantry/charts/release"
)

// TestEndings has a Job whose pod is started again in place, and is gone when the Job has
// failed: how it ended last is what the Job failed of.
func TestEndings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		job := release.Object{APIVersion: "batch/v1", Kind: "Job", Namespace: "shop", Name: "migrate"}
		w := waiterFor(job)
		w.targets[group{namespace: "shop"}]["migrate"].uid = "u"
		pod := func(name, owner string, exit int32) *corev1.Pod {
			p := podThat(name, "CrashLoopBackOff", "", 1)
			p.Labels = map[string]string{batchv1.JobNameLabel: "migrate"}
			p.OwnerReferences = []metav1.OwnerReference{{Kind: "Job", Name: "migrate", UID: types.UID(owner), Controller: new(true)}}
			p.Status.ContainerStatuses[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: exit, Reason: "Error"}
			return p
		}
		client := fake.NewClientset(pod("migrate-old", "before", 9), pod("migrate-1", "u", 2))
		e := &endings{waiter: w, client: client, namespace: "shop"}
		go func() {
			if err := newGuard(e, func(context.Context) {}).run(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		pods := client.CoreV1().Pods("shop")
		if _, err := pods.Update(t.Context(), pod("migrate-1", "u", 3), metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		killed := pod("migrate-1", "u", 143)
		killed.DeletionTimestamp = &metav1.Time{Time: time.Now()}
		if _, err := pods.Update(t.Context(), killed, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := pods.Delete(t.Context(), "migrate-1", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		got := []Unready{{Object: job, pods: []corev1.Pod{*killed}, Reasons: append(podReasons(*killed), "event")}, {Object: release.Object{Kind: "Job", Namespace: "shop", Name: "other"}}}
		w.recall(got)
		want := []Unready{{
			Object:  job,
			Reasons: []string{"pod migrate-1: container main: CrashLoopBackOff after 1 restarts, ended with exit code 3 (Error)", "event"},
			Logs:    []string{"pod migrate-1, container main: fake logs"},
		}, got[1]}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Unready{})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		logs := 0
		for _, action := range client.Actions() {
			if action.Matches("get", "pods/log") {
				logs++
			}
		}
		if logs != 2 {
			t.Errorf("read %d logs, want one for each end", logs)
		}
	})
}
