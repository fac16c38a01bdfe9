package live

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Service dl has joined the network of vpn, which starts before it; the Service proxy
// leads to other pods, and nothing leads to the helper.
const joinedManifest = `---
kind: Deployment
metadata: {name: vpn, labels: {app.kubernetes.io/name: vpn}}
spec:
  template:
    metadata: {labels: {app: vpn}}
    spec:
      initContainers:
      - {name: seed, image: seed}
      - {name: vpn, image: vpn, restartPolicy: Always}
      containers:
      - {name: dl, image: dl}
      - {name: proxy, image: proxy}
      - {name: helper, image: helper}
---
kind: Service
metadata: {name: vpn}
spec: {selector: {app: vpn}}
---
kind: Service
metadata: {name: shop-dl}
spec: {selector: {app: vpn}}
---
kind: Service
metadata: {name: proxy}
spec: {selector: {app: proxy}}
---
kind: Deployment
metadata: {name: web}
spec: {template: false}
---
kind: Service
metadata: {name: web}
spec: {selector: false}
`

func TestJoined(t *testing.T) {
	a := appOf(t, joinedManifest)
	dl := Service{"dl", Deployment, "vpn", "prod", "dl"}
	vpn := Service{"vpn", Deployment, "vpn", "prod", ""}
	if d := cmp.Diff([]Service{dl, vpn, {"web", Deployment, "web", "prod", ""}}, a.Services()); d != "" {
		t.Fatalf("services differ:\n%s", d)
	}
	if found, err := a.Find("deployment/vpn"); err != nil || !cmp.Equal(found, []Service{vpn}) {
		t.Errorf("deployment/vpn is %v, %v", found, err)
	}
	if a.homeOf(dl) != "vpn" || !a.joined.leads("shop-dl", dl) || a.joined.leads("shop-dl", vpn) || !a.joined.leads("vpn", vpn) || a.joined.leads("vpn", dl) {
		t.Error("the Services lead to others")
	}

	pod := joinedPod()
	seen := &sight{
		workloads: map[Service]*workload{dl: {template: pod.Spec, desired: 1}, vpn: {template: pod.Spec, desired: 1}},
		pods:      map[Service][]corev1.Pod{dl: {*pod}, vpn: {*pod}}, joined: &a.joined,
	}
	one, other := seen.status(dl), seen.status(vpn)
	if one.State != Failing || one.Reason != "CrashLoopBackOff" || one.Ready != 0 || one.Restarts != 3 || !cmp.Equal(one.Images, []string{"dl"}) {
		t.Errorf("dl is %+v", one)
	}
	if other.State != Running || other.Ready != 1 || other.Restarts != 0 || !cmp.Equal(other.Images, []string{"vpn", "proxy", "helper"}) {
		t.Errorf("vpn is %+v", other)
	}

	if got, err := a.targetIn(vpn, pod, ""); err != nil || got.Container != "vpn" {
		t.Errorf("a command in vpn is run in %v, %v", got, err)
	}
	if got, err := a.targetIn(dl, pod, "helper"); err != nil || got.Container != "helper" {
		t.Errorf("a command in a container that is named is run in %v, %v", got, err)
	}
	if got := a.reachable(dl, pod, ""); len(got) > 0 {
		t.Errorf("a command in dl may be run in %v", got)
	}
	if sources := a.sourcesOf(dl, pod, false); len(sources) != 1 || sources[0].container != "dl" || !sources[0].only {
		t.Errorf("logs of dl: %v", sources)
	}
	if sources := a.sourcesOf(vpn, pod, false); len(sources) != 3 {
		t.Errorf("logs of vpn: %v", sources)
	}
	if services := newOwned(a.Services()).of(pod); !cmp.Equal(services, []Service{dl, vpn}) {
		t.Errorf("the pod is of %v", services)
	}
}

// joinedPod is one of vpn, in which only dl is not well.
func joinedPod() *corev1.Pod {
	runs := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "vpn-67cf9fff6-cmqd2", Namespace: "prod", Labels: map[string]string{"pod-template-hash": "67cf9fff6"},
			OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "vpn-67cf9fff6", Controller: new(true)}},
		},
		Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{Name: "vpn", Image: "vpn", RestartPolicy: new(corev1.ContainerRestartPolicyAlways)}},
			Containers:     []corev1.Container{{Name: "dl", Image: "dl"}, {Name: "proxy", Image: "proxy"}, {Name: "helper", Image: "helper"}},
		},
		Status: corev1.PodStatus{
			Phase:                 corev1.PodRunning,
			Conditions:            []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}},
			InitContainerStatuses: []corev1.ContainerStatus{{Name: "vpn", Ready: true, State: runs}},
			ContainerStatuses: []corev1.ContainerStatus{
				{
					Name: "dl", RestartCount: 3, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
					LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1}},
				},
				{Name: "proxy", Ready: true, State: runs},
				{Name: "helper", Ready: true, State: runs},
			},
		},
	}
}
