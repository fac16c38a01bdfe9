package kube

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"gantry/charts/release"
)

func parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	obj := &unstructured.Unstructured{}
	if err := obj.UnmarshalJSON(data); err != nil {
		t.Fatal(err)
	}
	return obj
}

func TestIsReady(t *testing.T) {
	tests := []struct {
		name, object string
		jobs         bool
		met, fails   bool
	}{
		{name: "config map", object: "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}", met: true},
		{name: "deployment, new", object: "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a, generation: 1}, spec: {replicas: 1}}"},
		{name: "deployment, paused", object: "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {paused: true}}", met: true},
		{name: "claim, pending", object: "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: a}, status: {phase: Pending}}"},
		{name: "claim, bound", object: "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: a}, status: {phase: Bound}}", met: true},
		{name: "load balancer without address", object: "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {type: LoadBalancer, clusterIP: 10.0.0.1}}"},
		{name: "load balancer", object: "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {type: LoadBalancer, clusterIP: 10.0.0.1}, status: {loadBalancer: {ingress: [{ip: 192.0.2.1}]}}}", met: true},
		{name: "load balancer of one's own", object: "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {type: LoadBalancer, clusterIP: 10.0.0.1, externalIPs: [192.0.2.1]}}", met: true},
		{name: "job, not waited for", object: "{apiVersion: batch/v1, kind: Job, metadata: {name: a}}", met: true},
		{name: "job, running", jobs: true, object: "{apiVersion: batch/v1, kind: Job, metadata: {name: a}, status: {active: 1}}"},
		{name: "job, complete", jobs: true, object: "{apiVersion: batch/v1, kind: Job, metadata: {name: a}, status: {conditions: [{type: Complete, status: 'True'}]}}", met: true},
		{name: "job, failed", jobs: true, object: "{apiVersion: batch/v1, kind: Job, metadata: {name: a}, status: {conditions: [{type: Failed, status: 'True', message: too often}]}}", fails: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			met, message, err := isReady(test.jobs)(parse(t, test.object))
			if met != test.met || (err != nil) != test.fails {
				t.Errorf("met %v (%s), error %v; want met %v, failed %v", met, message, err, test.met, test.fails)
			}
		})
	}
	if met, _, _ := isReady(false)(nil); met {
		t.Error("what does not exist is ready")
	}
	if met, _, _ := isGone(nil); !met {
		t.Error("what does not exist is not gone")
	}
}

func TestHooksAreComplete(t *testing.T) {
	tests := []struct {
		object     string
		met, fails bool
	}{
		{"{kind: Pod, metadata: {name: a}, status: {phase: Running}}", false, false},
		{"{kind: Pod, metadata: {name: a}, status: {phase: Succeeded}}", true, false},
		{"{kind: Pod, metadata: {name: a}, status: {phase: Failed}}", false, true},
		{"{kind: Job, metadata: {name: a}, status: {succeeded: 0, failed: 1}}", false, false},
		{"{kind: ConfigMap, metadata: {name: a}}", true, false},
	}
	for _, test := range tests {
		met, _, err := isComplete(parse(t, test.object))
		if met != test.met || (err != nil) != test.fails {
			t.Errorf("%s: met %v, error %v", test.object, met, err)
		}
	}
}

func TestPodReasons(t *testing.T) {
	yes, no := true, false
	status := func(c corev1.ContainerStatus) corev1.Pod {
		c.Name = "web"
		return corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web-1"}, Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{c}}}
	}
	waiting := func(reason, message string) corev1.ContainerState {
		return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
	}
	ended := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 3, Reason: "Error"}}
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	tests := []struct {
		name string
		pod  corev1.Pod
		want string
	}{
		{"image", status(corev1.ContainerStatus{State: waiting("ImagePullBackOff", `Back-off pulling image "nope"`)}), `pod web-1: container web: ImagePullBackOff: Back-off pulling image "nope"`},
		{"crash", status(corev1.ContainerStatus{State: waiting("CrashLoopBackOff", "back-off"), LastTerminationState: ended, RestartCount: 4}), "pod web-1: container web: CrashLoopBackOff after 4 restarts, ended with exit code 3 (Error)"},
		{"ended", status(corev1.ContainerStatus{State: ended}), "pod web-1: container web: ended with exit code 3 (Error)"},
		{"probe", status(corev1.ContainerStatus{State: running, Started: &yes}), "pod web-1: container web: running, but not ready: its readiness probe does not succeed"},
		{"startup probe", status(corev1.ContainerStatus{State: running, Started: &no}), "pod web-1: container web: its startup probe has not succeeded yet"},
		{"starting", status(corev1.ContainerStatus{State: waiting("ContainerCreating", "")}), ""},
		{
			"unschedulable",
			corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web-1"}, Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "no room"}}}},
			"pod web-1: Unschedulable: no room",
		},
		{"evicted", corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web-1"}, Status: corev1.PodStatus{Reason: "Evicted", Message: "disk"}}, "pod web-1: Evicted: disk"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := strings.Join(podReasons(test.pod), "\n"); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// During an upgrade the pods of the revision before are no reason.
func TestReasonsComeFromTheNewestPods(t *testing.T) {
	live := parse(t, "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db}, spec: {selector: {matchLabels: {app: db}}}, status: {updateRevision: new}}")
	pod := func(name, revision, reason string) corev1.Pod {
		return corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": "db", "controller-revision-hash": revision}},
			Status:     corev1.PodStatus{Reason: reason},
		}
	}
	w := &witnesses{
		pods: []corev1.Pod{pod("db-0", "old", "Old"), pod("db-1", "new", "New")},
		events: []corev1.Event{
			{InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "db-1"}, Reason: "Failed", Message: "no volume"},
			{InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "db-1"}, Reason: "Failed", Message: "no volume"},
			{InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "web-1"}, Reason: "Failed", Message: "other"},
		},
	}
	got := w.explain(target{object: release.ObjectOf(live), live: live, message: "Ready: 1/2"})
	want := Unready{
		Object:  release.Object{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "db"},
		Message: "Ready: 1/2",
		Reasons: []string{"pod db-1: New: ", "event on Pod db-1: Failed: no volume"},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Unready{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestReasonsAreOfTheObjectThatIsThere: a hook is deleted and made anew under its name, and
// the events of the one before are still there, as are those of other kinds and revisions.
func TestReasonsAreOfTheObjectThatIsThere(t *testing.T) {
	event := func(kind, name, uid, message string) corev1.Event {
		return corev1.Event{InvolvedObject: corev1.ObjectReference{Kind: kind, Name: name, UID: types.UID(uid)}, Reason: "Failed", Message: message}
	}
	set := func(name, uid, revision string) appsv1.ReplicaSet {
		return appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{
			Name: name, UID: types.UID(uid), Labels: map[string]string{"pod-template-hash": strings.TrimPrefix(name, "web-")},
			Annotations:     map[string]string{"deployment.kubernetes.io/revision": revision},
			OwnerReferences: []metav1.OwnerReference{{UID: "w", Controller: new(true)}},
		}}
	}
	w := &witnesses{
		sets: []appsv1.ReplicaSet{set("web-a", "a", "1"), set("web-b", "b", "2")},
		events: []corev1.Event{
			event("Job", "migrate", "before", "backoff"), event("Job", "migrate", "now", "quota"), event("CronJob", "migrate", "other", "missed"),
			event("ReplicaSet", "web-a", "a", "old quota"), event("ReplicaSet", "web-b", "b", "new quota"), event("ReplicaSet", "web-api-x", "x", "of another"),
		},
	}
	for text, want := range map[string][]string{
		"{apiVersion: batch/v1, kind: Job, metadata: {name: migrate, uid: now}}": {"event on Job migrate: Failed: quota"},
		"{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, uid: w}}": {"event on ReplicaSet web-b: Failed: new quota"},
	} {
		live := parse(t, text)
		if diff := cmp.Diff(want, w.explain(target{object: release.ObjectOf(live), live: live}).Reasons); diff != "" {
			t.Errorf("%s (-want +got):\n%s", live.GetName(), diff)
		}
	}
}

func TestNotReadyError(t *testing.T) {
	e := &NotReadyError{
		Objects: []Unready{{Object: release.Object{Kind: "Deployment", Name: "web"}, Message: "Available: 0/1", Reasons: []string{"pod web-1: ImagePullBackOff", "more"}}, {}},
		Waited:  7 * time.Second, Err: context.DeadlineExceeded,
	}
	want := "not ready after 7s: Deployment web: Available: 0/1; pod web-1: ImagePullBackOff (and 1 more)"
	if e.Error() != want || !errors.Is(e, context.DeadlineExceeded) {
		t.Errorf("got  %s\nwant %s", e, want)
	}
}

func TestPatchFor(t *testing.T) {
	const d = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {replicas: %s, template: {spec: {containers: [%s]}}}}"
	spec := func(replicas, containers string) *unstructured.Unstructured {
		return parse(t, strings.NewReplacer("%s, template", replicas+", template", "[%s]", "["+containers+"]").Replace(d))
	}
	tests := []struct {
		name                string
		before, after, live *unstructured.Unstructured
		want                string
		patch               types.PatchType
	}{
		{"nothing", spec("1", "{name: c, image: a}"), spec("1", "{name: c, image: a}"), spec("1", "{name: c, image: a}"), "{}", types.StrategicMergePatchType},
		{"changed", spec("1", "{name: c, image: a}"), spec("1", "{name: c, image: b}"), spec("1", "{name: c, image: a}"), `"image":"b"`, types.StrategicMergePatchType},
		{"drift is repaired", spec("1", "{name: c, image: a}"), spec("1", "{name: c, image: a}"), spec("5", "{name: c, image: a}"), `"replicas":1`, types.StrategicMergePatchType},
		{"a container of somebody else stays", spec("1", "{name: c, image: a}"), spec("1", "{name: c, image: a}"), spec("1", "{name: c, image: a}, {name: sidecar, image: s}"), `{"$setElementOrder/containers":[{"name":"c"}]}`, types.StrategicMergePatchType},
		{"custom, drift", parse(t, "{apiVersion: example.com/v1, kind: Thing, spec: {size: 1}}"), parse(t, "{apiVersion: example.com/v1, kind: Thing, spec: {size: 1}}"), parse(t, "{apiVersion: example.com/v1, kind: Thing, spec: {size: 9, other: 1}}"), `{"spec":{"size":1}}`, types.MergePatchType},
		{"custom, removed", parse(t, "{apiVersion: example.com/v1, kind: Thing, spec: {size: 1, old: 1}}"), parse(t, "{apiVersion: example.com/v1, kind: Thing, spec: {size: 1}}"), parse(t, "{apiVersion: example.com/v1, kind: Thing, spec: {size: 1, old: 1}}"), `{"spec":{"old":null}}`, types.MergePatchType},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := patchFor(test.after, []*unstructured.Unstructured{test.before}, test.live)
			if err != nil {
				t.Fatal(err)
			}
			if p.kind != test.patch || !strings.Contains(string(p.data), test.want) || p.empty() != (test.want == "{}") {
				t.Errorf("%s %s, want %s", p.kind, p.data, test.want)
			}
		})
	}
}

func TestWarningsAreToldOnce(t *testing.T) {
	var told []string
	w := &warnings{warn: func(text string) { told = append(told, text) }}
	for _, text := range []string{"deprecated", "deprecated", "", "other"} {
		w.HandleWarningHeader(299, "", text)
	}
	w.HandleWarningHeader(199, "", "of another kind")
	if diff := cmp.Diff([]string{"deprecated", "other"}, told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestEachLine: a log ends where its container did, which need not be the end of a line.
func TestEachLine(t *testing.T) {
	long := strings.Repeat("x", longestLine)
	for text, want := range map[string][]string{
		"":                  nil,
		"a\n\nb\r\n":        {"a", "", "b"},
		"a\nb":              {"a", "b"},
		long + "rest\nnext": {long, "rest", "next"},
	} {
		var got []string
		if err := eachLine(strings.NewReader(text), func(line string) { got = append(got, line) }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the lines of %.20q (-want +got):\n%s", text, diff)
		}
	}
}
