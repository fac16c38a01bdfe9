package live

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gantry/charts/release"
)

func appOf(t *testing.T, manifest string) *App {
	t.Helper()
	a := &App{Release: &release.Release{Name: "shop", Namespace: "prod", Manifest: manifest}, endpoints: map[[2]string]bool{}, objects: map[[3]string]bool{}}
	if err := a.read(a.Release); err != nil {
		t.Fatal(err)
	}
	return a
}

const manifest = `---
# Source: shop/templates/web.yaml
kind: Deployment
metadata: {name: shop-web, labels: {app.kubernetes.io/name: web}}
---
---
kind: Job
metadata: {name: migrate-4585c2, labels: {app.kubernetes.io/name: migrate}}
---
kind: List
apiVersion: v1
items:
- kind: StatefulSet
  apiVersion: apps/v1
  metadata: {name: queue, namespace: other, labels: {app.kubernetes.io/name: shop}}
- kind: Deployment
  apiVersion: apps/v1
  metadata: {name: shop-cache, labels: {app.kubernetes.io/name: shop}}
---
kind: Service
metadata: {name: web}
---
kind: ConfigMap
metadata: {name: worker-queue}
`

func TestServices(t *testing.T) {
	got := appOf(t, manifest).Services()
	want := []Service{
		{"migrate", Job, "migrate-4585c2", "prod", ""},
		{"queue", StatefulSet, "queue", "other", ""},
		{"shop-cache", Deployment, "shop-cache", "prod", ""}, // its label is that of others, too
		{"web", Deployment, "shop-web", "prod", ""},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("services differ:\n%s", d)
	}
}

func TestFind(t *testing.T) {
	a := appOf(t, manifest)
	for _, name := range []string{"web", "shop-web", "deployment/shop-web"} {
		if found, err := a.Find(name); err != nil || len(found) != 1 || found[0].Name != "web" {
			t.Errorf("%s: %v, %v", name, found, err)
		}
	}
	if found, err := a.Find("Shop_Cache", "shop-cache"); err != nil || len(found) != 1 {
		t.Errorf("one under two names: %v, %v", found, err)
	}
	var unknown *UnknownServiceError
	if _, err := a.Find("web", "wen"); !errors.As(err, &unknown) || unknown.Name != "wen" || len(unknown.Known) != 4 {
		t.Errorf("got %v", unknown)
	}
	if got := appOf(t, "kind: Service\nmetadata: {name: web}").Services(); len(got) != 0 {
		t.Errorf("services out of nothing: %v", got)
	}
}

func TestOwnerOf(t *testing.T) {
	pod := func(kind, owner, hash string) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "it", Labels: map[string]string{"pod-template-hash": hash}}}
		if kind != "" {
			p.OwnerReferences = []metav1.OwnerReference{{Kind: kind, Name: owner, Controller: new(true)}}
		}
		return p
	}
	for _, test := range []struct {
		pod        *corev1.Pod
		kind, name string
	}{
		{pod("ReplicaSet", "web-api-67cf9fff6", "67cf9fff6"), Deployment, "web-api"},
		{pod("ReplicaSet", "by-hand", ""), "ReplicaSet", "by-hand"},
		{pod("ReplicaSet", "by-hand", "67cf9fff6"), "ReplicaSet", "by-hand"},
		{pod("StatefulSet", "db", ""), StatefulSet, "db"},
		{pod("Job", "backup-29384738", ""), CronJob, "backup"},
		{pod("Job", "migrate-4585c2", ""), Job, "migrate-4585c2"},
		{pod("Job", "-29384738", ""), Job, "-29384738"},
		{pod("", "", ""), Pod, "it"},
	} {
		if kind, name := OwnerOf(test.pod); kind != test.kind || name != test.name {
			t.Errorf("%v: %s %s, want %s %s", test.pod.OwnerReferences, kind, name, test.kind, test.name)
		}
	}
	// A Job of the release that is named like one of a CronJob.
	job := Service{"import", Job, "import-20260101", "", ""}
	if s := newOwned([]Service{job}).of(pod("Job", "import-20260101", "")); !slices.Equal(s, []Service{job}) {
		t.Errorf("import-20260101 is of %v", s)
	}
}

func TestReadPod(t *testing.T) {
	container := func(name string) corev1.Container { return corev1.Container{Name: name, Image: name + ":1"} }
	spec := corev1.PodSpec{InitContainers: []corev1.Container{container("init")}, Containers: []corev1.Container{container("web"), container("sidecar")}}
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	waits := func(reason, message string) corev1.ContainerState {
		return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
	}
	ends := func(code int32, reason string) corev1.ContainerState {
		return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason}}
	}
	is := func(name string, ready bool, state, last corev1.ContainerState, restarts int32) corev1.ContainerStatus {
		return corev1.ContainerStatus{Name: name, Ready: ready, State: state, LastTerminationState: last, RestartCount: restarts}
	}
	none := corev1.ContainerState{}
	condition := func(kind corev1.PodConditionType, status corev1.ConditionStatus, reason string) []corev1.PodCondition {
		return []corev1.PodCondition{{Type: kind, Status: status, Reason: reason, Message: reason + "!"}}
	}
	inited := []corev1.ContainerStatus{is("init", true, ends(0, "Completed"), none, 0)}
	for _, test := range []struct {
		name   string
		status corev1.PodStatus
		state  State
		reason string
		says   string
	}{
		{"nothing known", corev1.PodStatus{}, Starting, "", ""},
		{"no room", corev1.PodStatus{Conditions: condition(corev1.PodScheduled, corev1.ConditionFalse, "Unschedulable")}, Failing, "Unschedulable", "Unschedulable!"},
		{"gated", corev1.PodStatus{Conditions: condition(corev1.PodScheduled, corev1.ConditionFalse, "SchedulingGated")}, Starting, "SchedulingGated", "SchedulingGated!"},
		{"init runs", corev1.PodStatus{InitContainerStatuses: []corev1.ContainerStatus{is("init", false, running, none, 0)}}, Starting, "Initializing", ""},
		{"init crashes", corev1.PodStatus{InitContainerStatuses: []corev1.ContainerStatus{is("init", false, waits("CrashLoopBackOff", "back-off"), ends(2, "Error"), 4)}}, Failing, "CrashLoopBackOff", "ended with exit code 2"},
		{"one of two cannot be pulled", corev1.PodStatus{InitContainerStatuses: inited, ContainerStatuses: []corev1.ContainerStatus{
			is("web", true, running, none, 0), is("sidecar", false, waits("ImagePullBackOff", "no such image"), none, 0),
		}}, Failing, "ImagePullBackOff", "no such image"},
		{"killed for memory", corev1.PodStatus{InitContainerStatuses: inited, ContainerStatuses: []corev1.ContainerStatus{
			is("web", false, waits("CrashLoopBackOff", ""), ends(137, "OOMKilled"), 3), is("sidecar", true, running, none, 0),
		}}, Failing, "CrashLoopBackOff", "ended with exit code 137 (OOMKilled)"},
		{"not ready", corev1.PodStatus{InitContainerStatuses: inited, ContainerStatuses: []corev1.ContainerStatus{
			is("web", false, running, none, 0), is("sidecar", true, running, none, 0),
		}}, Starting, "NotReady", "its readiness probe does not succeed"},
		{"gates closed", corev1.PodStatus{InitContainerStatuses: inited, ContainerStatuses: []corev1.ContainerStatus{
			is("web", true, running, none, 0), is("sidecar", true, running, none, 0),
		}}, Starting, "ReadinessGatesNotReady", "a readiness gate of the pod is not open"},
		{"runs", corev1.PodStatus{Conditions: condition(corev1.PodReady, corev1.ConditionTrue, ""), InitContainerStatuses: inited, ContainerStatuses: []corev1.ContainerStatus{
			is("web", true, running, ends(1, "Error"), 1), is("sidecar", true, running, none, 0),
		}}, Running, "", ""},
		{"has ended", corev1.PodStatus{Phase: corev1.PodSucceeded}, Complete, "", ""},
		{"has failed", corev1.PodStatus{Phase: corev1.PodFailed, ContainerStatuses: []corev1.ContainerStatus{is("web", false, ends(3, "Error"), none, 0)}}, Failed, "Error", "ended with exit code 3"},
		{"was evicted", corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "the node was low on memory"}, Failed, "Evicted", "the node was low on memory"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ReadPod(&corev1.Pod{Spec: spec, Status: test.status})
			if got.State != test.state || got.Reason != test.reason || got.Message != test.says {
				t.Errorf("got %s (%s) %q, want %s (%s) %q", got.State, got.Reason, got.Message, test.state, test.reason, test.says)
			}
		})
	}
	leaving := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &metav1.Time{Time: time.Unix(1, 0)}}, Spec: spec}
	if got := ReadPod(leaving); got.State != Stopping {
		t.Errorf("a pod that is deleted is %s", got.State)
	}
}

// TestMark reads a log again from the second at which it broke off.
func TestMark(t *testing.T) {
	at := func(n int) time.Time { return time.Unix(100, int64(n)) }
	log := []time.Time{at(1), at(2), at(2), at(2), at(5)}
	for cut := range log {
		var m mark
		for _, line := range log[:cut] {
			m.pass(line)
		}
		again, fresh := m.again(), 0
		for _, line := range log {
			if !again.told(line) {
				fresh++
			}
		}
		if want := len(log) - cut; fresh != want {
			t.Errorf("cut after %d lines: %d are new, want %d", cut, fresh, want)
		}
	}
}

// TestUnpack reads archives of a container that is not to be trusted.
func TestUnpack(t *testing.T) {
	for _, test := range []struct {
		name    string
		headers []tar.Header
		wants   []string
		fails   string
	}{
		{"a file", []tar.Header{{Name: "a", Typeflag: tar.TypeReg}}, []string{"to"}, ""},
		{"a folder", []tar.Header{{Name: "a/", Typeflag: tar.TypeDir}, {Name: "a/b/c", Typeflag: tar.TypeReg}}, []string{"to/b/c"}, ""},
		{"above", []tar.Header{{Name: "../a", Typeflag: tar.TypeReg}}, nil, "not asked for"},
		{"above, by the way", []tar.Header{{Name: "a/../../b", Typeflag: tar.TypeReg}}, nil, "not asked for"},
		{"absolute", []tar.Header{{Name: "/etc/passwd", Typeflag: tar.TypeReg}}, nil, "not asked for"},
		{"something else", []tar.Header{{Name: "ab", Typeflag: tar.TypeReg}}, nil, "not asked for"},
		{"links", []tar.Header{{Name: "a/l", Typeflag: tar.TypeSymlink, Linkname: "/etc"}, {Name: "a/h", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"}}, nil, ""},
		{"through a link that was there", []tar.Header{{Name: "a/out/x", Typeflag: tar.TypeReg}}, nil, "escapes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var archive bytes.Buffer
			w := tar.NewWriter(&archive)
			for _, h := range test.headers {
				h.Mode = 0o600
				if err := w.WriteHeader(&h); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			dir, outside := t.TempDir(), t.TempDir()
			if strings.Contains(test.name, "was there") {
				if err := errors.Join(os.Mkdir(filepath.Join(dir, "to"), 0o700), os.Symlink(outside, filepath.Join(dir, "to", "out"))); err != nil {
					t.Fatal(err)
				}
			}
			root, err := os.OpenRoot(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			var done Copied
			err = done.unpack(root, &archive, "a", "to")
			if (err == nil) != (test.fails == "") || err != nil && !strings.Contains(err.Error(), test.fails) {
				t.Errorf("got %v, want %q", err, test.fails)
			}
			for _, name := range test.wants {
				if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
					t.Error(err)
				}
			}
			if done.Files != len(test.wants) {
				t.Errorf("%d files, want %d", done.Files, len(test.wants))
			}
			if left, _ := os.ReadDir(outside); len(left) > 0 {
				t.Errorf("it wrote %s outside", left[0])
			}
		})
	}
}

// TestAbout finds the service of objects that are gone.
func TestAbout(t *testing.T) {
	a := newAbout([]Service{{Name: "peer", Kind: Deployment, Object: "web", Container: "peer"}, {Name: "web", Kind: Deployment, Object: "web"}, {Name: "api", Kind: Deployment, Object: "web-api"}, {Name: "db", Kind: StatefulSet, Object: "db"}, {Name: "backup", Kind: CronJob, Object: "backup"}})
	for _, test := range []struct{ kind, name, service string }{
		{"Pod", "web-67cf9fff6-cmqd2", "web"},
		{"ReplicaSet", "web-67cf9fff6", "web"},
		{"Pod", "web-api-67cf9fff6-cmqd2", "api"},
		{"Deployment", "web-api", "api"},
		{"Pod", "db-0", "db"},
		{"PersistentVolumeClaim", "data-db-0", "db"},
		{"Pod", "backup-29384738-x2x7q", "backup"},
		{"Job", "backup-29384738", "backup"},
		{"Pod", "webmaster-67cf9fff6-cmqd2", ""},
		{"Service", "web", ""},
	} {
		if got, ours := a.service(corev1.ObjectReference{Kind: test.kind, Name: test.name}); got != test.service || ours != (test.service != "") {
			t.Errorf("%s %s is of %q, want %q", test.kind, test.name, got, test.service)
		}
	}
}

func TestPublished(t *testing.T) {
	tcp := func(published, target int) Port { return Port{Published: published, Target: target, Protocol: "TCP"} }
	got := published([]Port{tcp(80, 80), tcp(8080, 80), tcp(443, 443), {Published: 53, Target: 53, Protocol: "UDP"}})
	if d := cmp.Diff([]Port{tcp(8080, 80), tcp(443, 443)}, got); d != "" {
		t.Errorf("ports differ:\n%s", d)
	}
}
