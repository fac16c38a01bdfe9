package kube

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"
	"sigs.k8s.io/yaml"

	"gantry/charts/release"
)

// podThat makes a pod whose container waits for a reason.
func podThat(name, reason, message string, restarts int32) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop"},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
			Name: "main", RestartCount: restarts,
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}},
		}}},
	}
}

func TestStuckIn(t *testing.T) {
	t.Parallel()
	homeless := &corev1.Pod{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: "0/3 nodes are available",
	}}}}
	for _, tt := range []struct {
		name     string
		pod      *corev1.Pod
		stuck    bool
		patience time.Duration
		reason   string
	}{
		{"starting", podThat("a", "ContainerCreating", "", 0), false, 0, ""},
		{"pull", podThat("a", "ErrImagePull", "not found", 0), true, pullPatience, "container main: ErrImagePull: not found"},
		{"back-off", podThat("a", "ImagePullBackOff", "", 0), true, pullPatience, "ImagePullBackOff"},
		{"name", podThat("a", "InvalidImageName", "", 0), true, 0, "InvalidImageName"},
		{"secret", podThat("a", "CreateContainerConfigError", `secret "db" not found`, 0), true, configPatience, `secret "db" not found`},
		{"first crashes", podThat("a", "CrashLoopBackOff", "", maxCrashes-1), false, 0, ""},
		{"crashes", podThat("a", "CrashLoopBackOff", "", maxCrashes), true, 0, "CrashLoopBackOff after 5 restarts"},
		{"node", homeless, true, schedulePatience, "0/3 nodes are available"},
	} {
		got, ok := stuckIn(tt.pod)
		if ok != tt.stuck || got.patience != tt.patience || !strings.Contains(got.reason, tt.reason) {
			t.Errorf("%s: got %v %v %q, want %v %v %q", tt.name, ok, got.patience, got.reason, tt.stuck, tt.patience, tt.reason)
		}
	}
}

// guardFor returns a guard of a wait for the pod web.
func guardFor(client *fake.Clientset) *guard {
	w := waiterFor(release.Object{APIVersion: "v1", Kind: "Pod", Namespace: "shop", Name: "web"})
	return newGuard(&pods{waiter: w, client: client, namespace: "shop"}, func(context.Context) {})
}

func waiterFor(o release.Object) *waiter {
	s := &Session{cluster: &Cluster{}, namespace: "shop", observe: func(release.Event) {}}
	return &waiter{session: s, targets: map[group]map[string]*target{{namespace: o.Namespace}: {o.Name: {object: o}}}, total: 1}
}

func TestGuardGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		g := guardFor(fake.NewClientset(podThat("web", "ImagePullBackOff", "no such image", 0)))
		err := g.run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "waiting does not help: Pod web") || !strings.Contains(err.Error(), "no such image") {
			t.Errorf("got %v", err)
		}
		if waited := time.Since(begun); waited < pullPatience || waited > pullPatience+time.Second {
			t.Errorf("gave up after %s, want %s", waited, pullPatience)
		}
	})
}

// TestStrangersAreLookedUpOnce has pods that are of nothing that is waited for, and that
// crash again and again beside the wait.
func TestStrangersAreLookedUpOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const crashes = 50
		client := fake.NewClientset(podThat("web", "ContainerCreating", "", 0))
		told := 0
		g := guardFor(client)
		g.tell = func(context.Context) { told++ }
		ctx, stop := context.WithTimeout(t.Context(), (crashes+2)*time.Second)
		defer stop()
		go func() {
			for i := range crashes {
				time.Sleep(time.Second)
				pod := podThat("other", "CrashLoopBackOff", "", int32(maxCrashes+i))
				if i%2 == 1 {
					pod.Status.ContainerStatuses = nil // it runs again
				}
				if _, err := client.CoreV1().Pods("shop").Update(ctx, pod, metav1.UpdateOptions{}); apierrors.IsNotFound(err) {
					_, err = client.CoreV1().Pods("shop").Create(ctx, pod, metav1.CreateOptions{})
					if err != nil {
						t.Error(err)
					}
				}
			}
		}()
		if err := g.run(ctx); err != nil {
			t.Errorf("got %v for a pod of others", err)
		}
		asked := 0
		for _, action := range client.Actions() {
			if action.Matches("list", "replicasets") {
				asked++
			}
		}
		if asked != 1 || told != 1 {
			t.Errorf("looked up %d times, and told of it %d times; want once", asked, told)
		}
	})
}

// TestGuardLetsOthersBe has a pod that is stuck and that nobody waits for, and
// one that recovers.
func TestGuardLetsOthersBe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset(podThat("other", "InvalidImageName", "", 0), podThat("web", "CreateContainerConfigError", "", 0))
		g := guardFor(client)
		ctx, stop := context.WithTimeout(t.Context(), 10*configPatience)
		defer stop()
		go func() {
			time.Sleep(configPatience / 2)
			if _, err := client.CoreV1().Pods("shop").Update(ctx, podThat("web", "PodInitializing", "", 0), metav1.UpdateOptions{}); err != nil {
				t.Error(err)
			}
		}()
		if err := g.run(ctx); err != nil {
			t.Errorf("got %v for a pod that recovered", err)
		}
	})
}

// TestGuardOfWhatIsMended has the crashing pod of an older revision of a Deployment that
// its controller has not looked at since it was mended, or not for a while.
func TestGuardOfWhatIsMended(t *testing.T) {
	t.Parallel()
	controller := []metav1.OwnerReference{{UID: "u", Controller: new(true)}}
	revision := func(name, number string) *appsv1.ReplicaSet {
		return &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{
			Name: "web-" + name, Namespace: "shop", OwnerReferences: controller,
			Labels: map[string]string{"pod-template-hash": name}, Annotations: map[string]string{"deployment.kubernetes.io/revision": number},
		}}
	}
	const (
		deployment = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop, uid: u, generation: 2}, spec: {selector: {matchLabels: {app: web}}}, status: {observedGeneration: %s}}"
		daemons    = `{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: web, namespace: shop, uid: u, generation: 2, annotations: {deprecated.daemonset.template.generation: "%s"}}, spec: {selector: {matchLabels: {app: web}}}, status: {observedGeneration: 2}}`
	)
	for _, tt := range []struct {
		name, before, after string
		sets                []runtime.Object
		gives               bool
	}{
		{"not seen yet", "", "", nil, false},
		{"seen later", "", fmt.Sprintf(deployment, "2"), nil, true},
		{"the controller is late", fmt.Sprintf(deployment, "1"), fmt.Sprintf(deployment, "2"), []runtime.Object{revision("new", "2")}, false},
		{"it is not mended", fmt.Sprintf(deployment, "1"), fmt.Sprintf(deployment, "2"), nil, true},
		{"daemons are replaced", fmt.Sprintf(daemons, "2"), "", nil, false},
		{"daemons are not", fmt.Sprintf(daemons, "1"), "", nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				pod := podThat("web-old-1", "CrashLoopBackOff", "", maxCrashes)
				pod.Labels, pod.OwnerReferences = map[string]string{"app": "web", "pod-template-hash": "old", "pod-template-generation": "1"}, controller
				client := fake.NewClientset(pod, revision("old", "1"))
				w := waiterFor(release.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web"})
				state := func(text string) {
					if text == "" {
						return
					}
					live := &unstructured.Unstructured{}
					data, err := yaml.YAMLToJSON([]byte(text))
					if err == nil {
						err = live.UnmarshalJSON(data)
					}
					if err != nil {
						t.Error(err)
					}
					w.mu.Lock()
					defer w.mu.Unlock()
					of := w.targets[group{namespace: "shop"}]["web"]
					of.live, of.object.Kind = live, live.GetKind()
				}
				state(tt.before)
				ctx, stop := context.WithTimeout(t.Context(), time.Minute)
				defer stop()
				ended := make(chan error, 1)
				go func() {
					ended <- newGuard(&pods{waiter: w, client: client, namespace: "shop"}, func(context.Context) {}).run(ctx)
				}()
				synctest.Wait() // it has looked, and waits
				for _, set := range tt.sets {
					if err := client.Tracker().Add(set); err != nil {
						t.Error(err)
					}
				}
				state(tt.after)
				if err := <-ended; (err != nil) != tt.gives {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// TestGuardOfTheSameName has a StatefulSet replace a pod that crashes by one that does
// not, while the guard has not heard of it yet.
func TestGuardOfTheSameName(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset(podThat("web", "CrashLoopBackOff", "", maxCrashes))
		client.PrependWatchReactor("pods", func(k8stesting.Action) (bool, watch.Interface, error) {
			return true, watch.NewFake(), nil
		})
		lists := 0
		client.PrependReactor("list", "pods", func(k8stesting.Action) (bool, runtime.Object, error) {
			if lists++; lists == 1 {
				return false, nil, nil
			}
			return true, &corev1.PodList{Items: []corev1.Pod{*podThat("web", "ContainerCreating", "", 0)}}, nil
		})
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		if err := guardFor(client).run(ctx); err != nil {
			t.Errorf("got %v for the pod before", err)
		}
		if lists < 3 {
			t.Errorf("it looked %d times", lists)
		}
	})
}
