package integration_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// onePods is a template of pods for the workloads below; its annotations are the value
// pod.
const onePods = `
    metadata: {labels: {app: one}, annotations: {{ toJson .Values.pod }}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: one, image: "example.com/one:{{ .Values.tag }}"}]
`

const oneDaemonSet = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: one}
spec:
  selector: {matchLabels: {app: one}}
  template:` + onePods

const oneJob = `
apiVersion: batch/v1
kind: Job
metadata: {name: one}
spec:
  backoffLimit: 0
  template:
    metadata: {annotations: {{ toJson .Values.pod }}}
    spec: {restartPolicy: Never, containers: [{name: one, image: example.com/one}]}
`

const oneStatefulSet = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: one}
spec:
  replicas: 3
  serviceName: one
  podManagementPolicy: Parallel
  updateStrategy: {rollingUpdate: {partition: 2}}
  selector: {matchLabels: {app: one}}
  template:` + onePods

const oneDeployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: one}
spec:
  selector: {matchLabels: {app: one}}
  template:` + onePods

// only leaves of the chart what a test is about.
func (r *releases) only(manifest string) {
	r.Helper()
	for _, name := range []string{"web.yaml", "objects.yaml", "migrate.yaml"} {
		r.write("templates/"+name, "")
	}
	r.write("templates/one.yaml", manifest)
}

// TestReady waits for one object of each kind, and is told when it is ready.
func TestReady(t *testing.T) {
	tests := []struct{ name, manifest, ready string }{
		{"deployment", oneDeployment, "Deployment one"},
		{"daemon set", oneDaemonSet, "DaemonSet one"},
		{"stateful set", oneStatefulSet, "StatefulSet one"},
		{"load balancer", "apiVersion: v1\nkind: Service\nmetadata: {name: one}\nspec: {type: LoadBalancer, ports: [{port: 80}]}\n", "Service one"},
		{"claim without a pod", "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: one}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n", "PersistentVolumeClaim one"},
		{"ingress", "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: one}\nspec: {defaultBackend: {service: {name: one, port: {number: 80}}}}\n", ""},
		{"autoscaler", oneDeployment + "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: one}\nspec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: one}}\n", "Deployment one"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newReleases(t)
			r.only(test.manifest)
			said := r.g("install", "shop", "web", "--wait")
			if test.ready != "" {
				r.wants(said, "ready "+test.ready)
			}
			if got := strings.Count(said, "ready "); test.ready != "" && got != 1 {
				t.Errorf("told %d times that something is ready:\n%s", got, said)
			}
			r.wants(r.g("status", "shop"), "deployed")
		})
	}
}

// TestNotReady waits for what does not become ready, in vain; then for what does.
func TestNotReady(t *testing.T) {
	never := []string{"--set-string", "pod." + behave + "not-ready=true"}
	tests := []struct {
		name, manifest string
		code           int
		args           []string
		wants          []string
	}{
		{"daemon set", oneDaemonSet, 6, never, []string{"DaemonSet one", "running, but not ready"}},
		{"stateful set", strings.Replace(oneStatefulSet, "partition: 2", "partition: 0", 1), 6, never, []string{"StatefulSet one", "running, but not ready"}},
		{"job that runs", oneJob, 6, []string{"--wait-for-jobs", "--set-string", "pod." + behave + "run-for=1h"}, []string{"Job one", "0 succeeded, 0 failed"}},
		{"job that fails", oneJob, 1, []string{"--wait-for-jobs", "--set-string", "pod." + behave + "exit-code=3"}, []string{"Job one has failed", "ended with exit code 3"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newReleases(t)
			r.only(test.manifest)
			said := r.fails(test.code, append([]string{"install", "shop", "web", "--wait", "--timeout", "5s"}, test.args...)...)
			r.wants(said, test.wants...)
			r.g("upgrade", "shop", "web", "--wait", "--wait-for-jobs", "--reset-values", "--recreate=all")
			r.wants(r.g("status", "shop"), "deployed")
		})
	}
}

// TestPartition upgrades a part of a StatefulSet: the others are not waited for.
func TestPartition(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	r.only(oneStatefulSet)
	r.g("install", "shop", "web", "--wait")
	r.g("upgrade", "shop", "web", "--wait", "--set", "tag=2")
	for i, want := range []string{"1", "1", "2"} {
		pod, err := r.Client.CoreV1().Pods(r.Namespace).Get(t.Context(), fmt.Sprintf("one-%d", i), metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := pod.Spec.Containers[0].Image; got != "example.com/one:"+want {
			t.Errorf("pod %d runs %s, want version %s", i, got, want)
		}
	}
}

// TestCustomReady waits for the condition of a custom resource, as its controller
// sets it.
func TestCustomReady(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	group := r.Namespace + ".example.com"
	r.only("apiVersion: " + group + "/v1\nkind: Engine\nmetadata: {name: one}\nspec: {size: {{ .Values.tag }}}\n")
	r.write("crds/engine.yaml", `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: engines.`+group+`}
spec:
  group: `+group+`
  scope: Namespaced
  names: {kind: Engine, plural: engines}
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}}
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`)
	r.g("install", "shop", "web", "--wait")
	engines := r.dynamic.Resource(schema.GroupVersionResource{Group: group, Version: "v1", Resource: "engines"}).Namespace(r.Namespace)
	for _, test := range []struct {
		state string
		code  int
	}{{"False", 6}, {"True", 0}} {
		patch := `{"status":{"conditions":[{"type":"Ready","status":"` + test.state + `","reason":"Test","message":"the cylinders are cold"}]}}`
		if _, err := engines.Patch(t.Context(), "one", types.MergePatchType, []byte(patch), metav1.PatchOptions{}, "status"); err != nil {
			t.Fatal(err)
		}
		args := []string{"upgrade", "shop", "web", "--wait", "--timeout", "3s", "--set", "tag=" + strconv.Itoa(7+test.code)}
		if test.code == 0 {
			r.g(args...)
			continue
		}
		r.wants(r.fails(test.code, args...), "Engine one: the cylinders are cold")
	}
	crds := r.dynamic.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	if _, err := crds.Get(t.Context(), "engines."+group, metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
	r.g("uninstall", "shop", "--wait")
	if left, err := engines.List(t.Context(), metav1.ListOptions{}); err != nil || len(left.Items) > 0 {
		t.Errorf("%d engines are left, error %v", len(left.Items), err)
	}
	if _, err := crds.Get(t.Context(), "engines."+group, metav1.GetOptions{}); err != nil {
		t.Errorf("the definition went with the release: %v", err)
	}
	if err := crds.Delete(t.Context(), "engines."+group, metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
}

// TestSaysWhyNoPodIsMade has a quota that allows none.
func TestSaysWhyNoPodIsMade(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	r.only(oneDeployment)
	r.apply(t, "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: none}\nspec: {hard: {pods: \"0\"}}\n")
	r.until(t, "ResourceQuota", "none", "status.hard.pods", "0")
	said := r.fails(6, "install", "shop", "web", "--wait", "--timeout", "5s")
	r.wants(said, "Deployment one", "exceeded quota: none")
}

// TestSaysWhatIsMissing has pods that ask for a Secret that there is not, and for a
// node that there is not.
func TestSaysWhatIsMissing(t *testing.T) {
	for name, test := range map[string]struct{ field, says string }{
		"secret": {"envFrom: [{secretRef: {name: gone}}]", `secret "gone" not found`},
		"node":   {"resources: {requests: {cpu: 10k}}", "Insufficient cpu"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReleases(t)
			r.only(strings.Replace(oneDeployment, "containers: [{", "containers: [{"+test.field+", ", 1))
			r.wants(r.fails(6, "install", "shop", "web", "--wait", "--timeout", "6s"), "Deployment one", test.says)
		})
	}
}
