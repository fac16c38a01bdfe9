package integration_test

import (
	"context"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// template is a pod template of one container, with annotations of the sandbox.
func template(annotations string) string {
	return `
    metadata:
      labels: {app: it}
      annotations: {` + annotations + `}
    spec:
      containers:
        - {name: main, image: example.org/it:1}
`
}

func deployment(annotations string) string {
	return `
apiVersion: apps/v1
kind: Deployment
metadata: {name: it}
spec:
  replicas: 2
  selector: {matchLabels: {app: it}}
  template:` + template(annotations)
}

func pod(annotations, spec string) string {
	return `
apiVersion: v1
kind: Pod
metadata: {name: it, annotations: {` + annotations + `}}
spec:
  restartPolicy: Never
  containers: [{name: main, image: example.org/it:1` + spec + `}]
`
}

func TestDeployment(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.apply(t, deployment(""))
	p.until(t, "Deployment.apps", "it", "status.readyReplicas", 2)
	if err := p.Client.AppsV1().Deployments(p.Namespace).Delete(t.Context(), "it", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	p.untilGone(t, "Deployment.apps", "it")
}

func TestStatefulSetWithClaims(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.apply(t, `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 2
  selector: {matchLabels: {app: it}}
  volumeClaimTemplates:
    - metadata: {name: data}
      spec:
        accessModes: [ReadWriteOnce]
        resources: {requests: {storage: 1Gi}}
  template:`+template(""))
	p.until(t, "StatefulSet.apps", "db", "status.readyReplicas", 2)
	claim := p.until(t, "PersistentVolumeClaim", "data-db-1", "status.phase", "Bound")

	t.Run("a claim grows", func(t *testing.T) {
		p.patch(t, "PersistentVolumeClaim", "data-db-1", `{"spec": {"resources": {"requests": {"storage": "3Gi"}}}}`)
		p.until(t, "PersistentVolumeClaim", "data-db-1", "status.capacity.storage", "3Gi")
	})
	t.Run("its volume goes with it", func(t *testing.T) {
		p.patch(t, "StatefulSet.apps", "db", `{"spec": {"replicas": 1}}`)
		p.untilGone(t, "Pod", "db-1")
		if err := p.Client.CoreV1().PersistentVolumeClaims(p.Namespace).Delete(t.Context(), "data-db-1", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		p.untilGone(t, "PersistentVolume", at(claim.Object, "spec.volumeName").(string))
	})
}

func TestDaemonSet(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.apply(t, `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: it}
spec:
  selector: {matchLabels: {app: it}}
  template:`+template(""))
	p.until(t, "DaemonSet.apps", "it", "status.numberReady", 1)
}

func TestJob(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, policy, annotations, path string }{
		{"succeeds", "Never", "", "status.succeeded"},
		{"fails", "Never", `sandbox.gantry.dev/exit-code: "3"`, "status.failed"},
		{"is tried again where it is", "OnFailure", `sandbox.gantry.dev/exit-code: "3"`, "status.failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			p.apply(t, `
apiVersion: batch/v1
kind: Job
metadata: {name: it}
spec:
  backoffLimit: 0
  template:`+template(c.annotations)+`
      restartPolicy: `+c.policy)
			p.until(t, "Job.batch", "it", c.path, 1)
			p.until(t, "Job.batch", "it", "status.active", nil)
		})
	}
}

func TestCronJob(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.apply(t, `
apiVersion: batch/v1
kind: CronJob
metadata: {name: it}
spec:
  schedule: "* * * * *"
  suspend: true
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: main, image: example.org/it:1}]
`)
	p.until(t, "CronJob.batch", "it", "spec.suspend", true)
}

func TestClaimOfOwnClass(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	class := "fast-" + p.Namespace
	p.apply(t, `
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: `+class+`}
provisioner: sandbox.gantry.dev/volumes
volumeBindingMode: Immediate
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: it}
spec:
  storageClassName: `+class+`
  accessModes: [ReadWriteMany]
  resources: {requests: {storage: 5Gi}}
`)
	p.until(t, "PersistentVolumeClaim", "it", "status.phase", "Bound")
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.apply(t, `
apiVersion: v1
kind: Service
metadata: {name: one}
spec: {type: LoadBalancer, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: two}
spec: {type: LoadBalancer, ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: it}
spec: {defaultBackend: {service: {name: one, port: {number: 80}}}}
`)
	const path = "status.loadBalancer.ingress.0.ip"
	const mode = "status.loadBalancer.ingress.0.ipMode"
	one, two := p.until(t, "Service", "one", mode, "VIP"), p.until(t, "Service", "two", mode, "VIP")
	if a, b := at(one.Object, path), at(two.Object, path); a == b {
		t.Errorf("both Services are at %v", a)
	}
	p.until(t, "Ingress.networking.k8s.io", "it", path, "203.0.113.1")

	p.patch(t, "Service", "one", `{"spec": {"type": "ClusterIP"}}`)
	p.until(t, "Service", "one", path, nil)
}

func TestFailuresOnDemand(t *testing.T) {
	t.Parallel()
	const waiting = "status.containerStatuses.0.state.waiting.reason"
	for _, c := range []struct{ name, annotations, spec, path, want, event string }{
		{"image", `sandbox.gantry.dev/image-pull-failure: "true"`, "", waiting, "ImagePullBackOff", "Failed"},
		{"not ready", `sandbox.gantry.dev/not-ready: "true", sandbox.gantry.dev/run-for: 1h`, "", "status.phase", "Running", "Unhealthy"},
		{"exit code", `sandbox.gantry.dev/exit-code: "7"`, "", "status.containerStatuses.0.state.terminated.exitCode", "7", ""},
		{"missing variable", "", ", envFrom: [{configMapRef: {name: gone}}]", waiting, "CreateContainerConfigError", "Failed"},
		{"no such behaviour", `sandbox.gantry.dev/exit-code: "many"`, "", "status.phase", "Succeeded", "InvalidAnnotation"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			p.apply(t, pod(c.annotations, c.spec))
			p.until(t, "Pod", "it", c.path, c.want)
			if c.event != "" {
				p.untilWarning(t, "it", c.event)
			}
		})
	}
}

func TestCrashLoop(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.apply(t, strings.Replace(pod(`sandbox.gantry.dev/crash-loop: "true"`, ""), "Never", "Always", 1))
	p.until(t, "Pod", "it", "status.containerStatuses.0.restartCount", 2)
	p.until(t, "Pod", "it", "status.containerStatuses.0.lastState.terminated.exitCode", 1)
	p.untilWarning(t, "it", "BackOff")

	p.patch(t, "Pod", "it", `{"metadata": {"annotations": {"sandbox.gantry.dev/crash-loop": null}}}`)
	p.until(t, "Pod", "it", "status.containerStatuses.0.ready", true)
}

// What was missing heals what waited for it.
func TestHeals(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.apply(t, pod(`sandbox.gantry.dev/run-for: 1h`, ", env: [{name: A, valueFrom: {secretKeyRef: {name: late, key: a}}}]"))
	p.until(t, "Pod", "it", "status.phase", "Pending")
	if got := p.untilWarning(t, "it", "Failed"); got != `secret "late" not found` {
		t.Errorf("the event says %q", got)
	}
	p.apply(t, "{apiVersion: v1, kind: Secret, metadata: {name: late}, stringData: {a: b}}")
	p.until(t, "Pod", "it", "status.phase", "Running")
}

func TestLogs(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.apply(t, pod(`sandbox.gantry.dev/log: "one\ntwo"`, ""))
	p.until(t, "Pod", "it", "status.phase", "Succeeded")
	stream, err := p.Client.CoreV1().Pods(p.Namespace).GetLogs("it", &corev1.PodLogOptions{}).Stream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if got, err := io.ReadAll(stream); err != nil || string(got) != "one\ntwo\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

// Nothing but the nodes can be reached: the answer must come at once, and must
// not come from the network.
func TestNothingLeaves(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.apply(t, `
apiVersion: v1
kind: Service
metadata: {name: outside}
spec: {type: ExternalName, externalName: example.org}
---
`+pod(`sandbox.gantry.dev/run-for: 1h`, ", ports: [{containerPort: 80}]"))
	p.until(t, "Pod", "it", "status.phase", "Running")
	_, err := p.Client.CoreV1().Pods(p.Namespace).ProxyGet("http", "it", "80", "/", nil).DoRaw(t.Context())
	if !apierrors.IsServiceUnavailable(err) {
		t.Errorf("got %v", err)
	}
}

// A sandbox that was killed goes on where it was, at the same address; one that
// was stopped does, too.
func TestRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir() + "/private"
	s := mustStart(t, dir, "--nodes=2")
	first, err := s.state()
	if err != nil {
		t.Fatal(err)
	}
	p := s.newPlace(t)
	p.apply(t, deployment(""))
	before := p.until(t, "Deployment.apps", "it", "status.readyReplicas", 2)

	for _, end := range []struct {
		name string
		end  func(*sandbox) error
	}{{"kill", (*sandbox).kill}, {"stop", (*sandbox).stop}} {
		if err := end.end(s); err != nil {
			t.Fatalf("%s: %v", end.name, err)
		}
		s = mustStart(t, dir)
		now, err := s.state()
		if err != nil {
			t.Fatal(err)
		}
		if now.Server != first.Server {
			t.Errorf("after the %s it is at %s, not at %s", end.name, now.Server, first.Server)
		}
		after := p.until(t, "Deployment.apps", "it", "status.readyReplicas", 2)
		if before.GetUID() != after.GetUID() {
			t.Errorf("after the %s there is another object", end.name)
		}
	}
	t.Run("nodes that are too many go", func(t *testing.T) {
		p.untilGone(t, "Node", "sandbox-2")
	})
	if out, err := exec.Command(built(t, "bin/gantry-sandbox"), "--dir", dir).CombinedOutput(); err == nil || !strings.Contains(string(out), "in use by another sandbox") {
		t.Errorf("a second process in the same folder: %v\n%s", err, out)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

func TestWithoutWebhooks(t *testing.T) {
	t.Parallel()
	hook := func(p *place) string {
		return `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: ` + p.Namespace + `}
webhooks:
  - name: refuse.example.org
    failurePolicy: Fail
    sideEffects: None
    admissionReviewVersions: [v1]
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ` + p.Namespace + `}}
    rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]
    clientConfig: {url: "https://192.0.2.1/"}
`
	}
	create := func(t *testing.T, p *place, name string) error {
		t.Helper()
		// Webhooks are called a moment after they are known: the answer must come
		// within a second either way.
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		defer cancel()
		_, err := p.Client.CoreV1().ConfigMaps(p.Namespace).Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		return err
	}
	t.Run("on", func(t *testing.T) {
		p := newPlace(t)
		p.apply(t, hook(p))
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for i := 0; ; i++ {
			err := create(t, p, "a"+string(rune('a'+i%26))+strings.Repeat("x", i/26))
			if err != nil {
				if !strings.Contains(err.Error(), "refuse.example.org") {
					t.Fatal(err)
				}
				break
			}
			select {
			case <-ticker.C:
			case <-t.Context().Done():
				t.Fatal("the webhook is never called")
			}
		}
	})
	t.Run("off", func(t *testing.T) {
		s := mustStart(t, t.TempDir()+"/private", "--webhooks=off")
		p := s.newPlace(t)
		p.apply(t, hook(p))
		if err := create(t, p, "it"); err != nil {
			t.Error(err)
		}
	})
}

// TestNodesAreThere asks a sandbox for its nodes as soon as it says that it is ready:
// while one has a taint, controllers take it for one that runs nothing, and a DaemonSet
// is ready without a pod.
func TestNodesAreThere(t *testing.T) {
	t.Parallel()
	s := mustStart(t, t.TempDir(), "--nodes=3")
	nodes, err := s.newPlace(t).Client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil || len(nodes.Items) != 3 {
		t.Fatalf("%d nodes: %v", len(nodes.Items), err)
	}
	for _, n := range nodes.Items {
		if len(n.Spec.Taints) > 0 {
			t.Errorf("%s has taints: %v", n.Name, n.Spec.Taints)
		}
	}
}

// mustStart starts a sandbox for one test.
func mustStart(t *testing.T, dir string, args ...string) *sandbox {
	t.Helper()
	s, err := startSandbox(t, dir, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.kill(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// patch merges JSON into an object.
func (p *place) patch(t *testing.T, kind, name, patch string) {
	t.Helper()
	resource := p.resource(t, schema.ParseGroupKind(kind))
	if _, err := resource.Patch(t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
}
