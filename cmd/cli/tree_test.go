package cli

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"gantry/charts/live"
	"gantry/charts/release"
)

// TestTree draws an operation in the middle: what is done is counted, what is
// waited for is shown with its pods.
func TestTree(t *testing.T) {
	began := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	pod := func(name, owner string, restarts int32, state corev1.ContainerState) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "shop", Name: name, CreationTimestamp: metav1.NewTime(began),
				OwnerReferences: []metav1.OwnerReference{{Kind: "StatefulSet", Name: owner, Controller: new(true)}},
			},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a"}, {Name: "b"}}},
			Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
				{Name: "a", State: state, RestartCount: restarts}, {Name: "b", Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
			}},
		}
	}
	back := corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "no such\nimage"}}
	client := fake.NewClientset(pod("db-0", "db", 2, back), pod("other-0", "other", 0, back))
	seen := make(chan struct{})
	client.PrependWatchReactor("pods", func(clienttesting.Action) (bool, watch.Interface, error) {
		close(seen) // after the list
		return true, watch.NewFake(), nil
	})
	v := &treeView{tree: live.NewTree(), began: began, marks: marks{done: "+", waits: "*", bad: "!"}, beside: newRunning(), follows: map[string]bool{}}
	v.follow(client, "shop")
	<-seen
	v.beside.end()
	object := func(kind, name string) release.Object {
		return release.Object{Kind: kind, Namespace: "shop", Name: name}
	}
	for _, e := range []release.Event{
		{Action: release.Created, Object: object("ConfigMap", "web")},
		{Action: release.Created, Object: object("Deployment", "web")},
		{Action: release.Unchanged, Object: object("Deployment", "old")},
		{Action: release.Changed, Object: object("StatefulSet", "db")},
		{Action: release.HookStarted, Object: object("Job", "migrate")},
		{Action: release.Ready, Object: object("Deployment", "web")},
		{Action: release.Waiting, Ready: 3, Total: 5, Detail: "all sorts"},
	} {
		v.tree.Observe(e)
	}
	want := []string{
		"! StatefulSet db  changed, 0 of 1 pod ready",
		"  ! db-0  failing (ImagePullBackOff)  61s, 2 restarts  no such image",
		"      ! a  failing (ImagePullBackOff)  2 restarts",
		"      + b  running",
		"* Job migrate  hook",
		"3 of 5 objects done, 1m1s",
	}
	if got := v.lines(began.Add(61 * time.Second)); !slices.Equal(got, want) {
		t.Errorf("the tree is\n%q\nwant\n%q", got, want)
	}
	if got := v.summary(v.tree.Branches()[1]); got != "+ Deployment web  created, ready" {
		t.Errorf("a line that is left is %q", got)
	}
	later := live.Branch{Object: object("Deployment", "later"), Waits: true, Pods: []live.PodStatus{{Ready: true}}}
	if got := v.summary(later); got != "* Deployment later  1 of 1 pod ready" {
		t.Errorf("the line of what is not applied yet is %q", got)
	}
	v.tree.Observe(release.Event{Action: release.Changed, Object: object("Deployment", "web")})
	if !v.tree.Branches()[1].Waits {
		t.Error("what is changed again is not waited for again")
	}
}
