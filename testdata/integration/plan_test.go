package integration_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/retry"
)

// write puts a file into the chart; an empty text takes it away.
func (r *releases) write(name, text string) {
	r.Helper()
	path := filepath.Join(r.dir, "web", filepath.FromSlash(name))
	if text == "" {
		if err := os.Remove(path); err != nil {
			r.Fatal(err)
		}
		return
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.Fatal(err)
	}
}

// edit changes the Deployment web as kubectl edit would.
func (r *releases) edit(t *testing.T, change func(*appsv1.Deployment)) {
	t.Helper()
	// The controller writes the status meanwhile.
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		d := r.deployment(t, "web")
		change(d)
		_, err := r.Client.AppsV1().Deployments(r.Namespace).Update(t.Context(), d, metav1.UpdateOptions{FieldManager: "kubectl-edit"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestDrift changes objects behind the back of a release.
func TestDrift(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	r.g("install", "shop", "web")
	r.wants(r.g("diff", "shop", "--drift", "--exit-code"), "are alike")
	three := int32(3)
	r.edit(t, func(d *appsv1.Deployment) { d.Spec.Replicas = &three })
	if err := r.Client.CoreV1().ConfigMaps(r.Namespace).Delete(t.Context(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	said := r.fails(2, "diff", "shop", "--drift", "--exit-code")
	r.wants(said, "1 to create, 1 to change")
	r.wants(r.g("diff", "shop", "--drift"), "create ConfigMap web", "-  replicas: 3", "+  replicas: 2", "takes over .spec.replicas, set by kubectl-edit on ")
	// An upgrade does not take from others what it was not told to take.
	said = r.fails(1, "upgrade", "shop", "web")
	r.wants(said, ".spec.replicas", `conflict with "kubectl-edit"`, "nothing was changed", "--force-conflicts")
	r.g("diff", "shop", "--repair")
	if got := *r.deployment(t, "web").Spec.Replicas; got != 2 {
		t.Errorf("%d replicas after the repair", got)
	}
	r.wants(r.g("diff", "shop", "--drift", "--exit-code"), "are alike")
	r.edit(t, func(d *appsv1.Deployment) { d.Spec.Replicas = &three })
	r.g("upgrade", "shop", "web", "--force-conflicts")
	if got := *r.deployment(t, "web").Spec.Replicas; got != 2 {
		t.Errorf("%d replicas after the upgrade", got)
	}
	if got := len(column(r.g("history", "shop"), 0)); got != 2 {
		t.Errorf("%d revisions, want none of the repair", got)
	}
}

// TestRecreate changes what cannot be changed.
func TestRecreate(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	const job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: once}\nspec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: 'example.com/web:{{ .Values.tag }}'}]}}}\n"
	const claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec: {accessModes: [{{ .Values.mode | default \"ReadWriteOnce\" }}], resources: {requests: {storage: 1Gi}}}\n"
	r.write("templates/once.yaml", job)
	r.write("templates/data.yaml", claim)
	r.g("install", "shop", "web")
	change := []string{"upgrade", "shop", "web", "--set", "tag=2,mode=ReadWriteMany"}
	said := r.fails(1, change...)
	r.wants(said, "change Job once: it can only be deleted and made anew", "change PersistentVolumeClaim data", "lost would be: the data in it",
		"for bound claims); lost would be: the data in it", "2 objects cannot be applied; nothing was changed", "--recreate=stateless", "--recreate=all", "--delete-storage")
	if got := r.deployment(t, "web").Spec.Template.Spec.Containers[0].Image; got != "example.com/web:1" {
		t.Errorf("the plan was refused, and web runs %s", got)
	}
	r.fails(1, append(change, "--recreate=stateless")...)
	r.fails(1, append(change, "--recreate=all")...)
	r.g(append(change, "--recreate=all", "--delete-storage")...)
	claims := r.Client.CoreV1().PersistentVolumeClaims(r.Namespace)
	if c, err := claims.Get(t.Context(), "data", metav1.GetOptions{}); err != nil || c.Spec.AccessModes[0] != corev1.ReadWriteMany {
		t.Errorf("the claim is %+v, %v", c, err)
	}
	// What holds data is not deleted in passing.
	r.write("templates/data.yaml", "")
	r.wants(r.g("diff", "shop", "web"), "keep PersistentVolumeClaim data: it holds data")
	r.write("templates/data.yaml", claim)
	r.g("uninstall", "shop", "--wait")
	if _, err := claims.Get(t.Context(), "data", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
	r.g("install", "shop", "web", "--set", "mode=ReadWriteMany") // takes up what was kept
	r.g("uninstall", "shop", "--wait", "--delete-storage")
	if _, err := claims.Get(t.Context(), "data", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the claim: %v", err)
	}
}

// TestAdopt meets an object that is there already.
func TestAdopt(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	r.apply(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: extra}, data: {by: hand}}")
	r.wants(r.fails(1, "install", "shop", "web", "--set", "extra=true"), "create ConfigMap extra: it exists already, and is of no release", "--adopt")
	r.empty()
	r.g("install", "shop", "web", "--set", "extra=true", "--adopt")
	r.g("uninstall", "shop", "--wait")
	if _, err := r.Client.CoreV1().ConfigMaps(r.Namespace).Get(t.Context(), "extra", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("what was adopted: %v", err)
	}
}

// TestServerTakesOver goes on with a release of helm's by either method.
func TestServerTakesOver(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	r.write("templates/labelled.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: labelled}\ndata:\n  always: a\n{{ if .Values.extra }}  gone: b\n{{ end }}")
	r.h("install", "shop", "web", "--set", "extra=true")
	managers := func() string {
		c, err := r.Client.CoreV1().ConfigMaps(r.Namespace).Get(t.Context(), "labelled", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, e := range c.ManagedFields {
			list = append(list, e.Manager+" "+string(e.Operation))
		}
		if _, there := c.Data["gone"]; there {
			list = append(list, "with what is gone")
		}
		return strings.Join(list, ", ")
	}
	r.g("upgrade", "shop", "web", "--set", "greeting=a,extra=true")
	if got := managers(); !strings.HasPrefix(got, "helm Update") {
		t.Errorf("merged by the client: %s", got)
	}
	r.g("upgrade", "shop", "web", "--apply=server", "--set", "greeting=b,extra=false")
	if got := managers(); got != "gantry Apply" {
		t.Errorf("applied on the server: %s", got)
	}
	r.h("upgrade", "shop", "web", "--set", "greeting=c,extra=true")
	r.agree()
	r.g("upgrade", "shop", "web", "--set", "greeting=d,extra=false")
	if got := managers(); strings.Contains(got, "gone") {
		t.Errorf("after helm: %s", got)
	}
	r.agree()
	// Records hold no templates, which helm does not miss.
	r.h("upgrade", "shop", "web", "--reuse-values", "--set", "greeting=e")
	r.agree()
	r.h("rollback", "shop", "5")
	r.agree()
}

// TestLarge has a release whose record no Secret can hold. It lives its whole life;
// helm says whose it is, and leaves it alone.
func TestLarge(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	random := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, 900_000)
	for i := range text {
		text[i] = "abcdefghijklmnopqrstuvwxyz0123456789"[random.IntN(36)]
	}
	for _, name := range []string{"a", "b", "c"} {
		r.write("templates/"+name+".yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "+name+"}\ndata: {text: "+name+string(text)+"}\n")
		random.Shuffle(len(text), func(i, j int) { text[i], text[j] = text[j], text[i] })
	}
	inConfigMap := r.command(t.Context(), r.gantry, r.in("install", "shop", "web")...)
	inConfigMap.Env = append(inConfigMap.Environ(), "HELM_DRIVER=configmap")
	said, err := inConfigMap.CombinedOutput()
	if err == nil {
		t.Error("a ConfigMap takes the record")
	}
	r.wants(string(said), "1 MiB", "split the chart")
	r.empty()
	r.g("install", "shop", "web")
	r.g("upgrade", "shop", "web", "--set", "tag=2")
	r.wants(r.h("history", "shop"), "superseded", "deployed")
	r.wants(r.h("get", "manifest", "shop"), "gantry goes on with it")
	if out, err := r.command(t.Context(), r.helm, r.in("uninstall", "shop")...).CombinedOutput(); err == nil {
		t.Errorf("helm uninstalls what it cannot read: %s", out)
	}
	r.g("rollback", "shop", "1")
	r.g("uninstall", "shop")
	r.empty()
}

// TestUnmergeable has a list with the same key twice, which the server cannot
// merge and helm installs.
func TestUnmergeable(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	r.write("templates/twice.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: twice}\nspec:\n  selector: {matchLabels: {app: twice}}\n  template:\n    metadata: {labels: {app: twice}}\n    spec: {containers: [{name: c, image: 'example.com/web:{{ .Values.tag }}', env: [{name: A, value: '1'}, {name: A, value: '2'}]}]}\n")
	r.g("install", "shop", "web", "--wait")
	r.g("upgrade", "shop", "web", "--wait", "--set", "tag=2")
	if got := r.deployment(t, "twice").Spec.Template.Spec.Containers[0].Image; got != "example.com/web:2" {
		t.Errorf("twice runs %s", got)
	}
}

// TestDefinitions has a chart that brings a kind and an object of it.
func TestDefinitions(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	crd := func(description string) string {
		return "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: plans.gantry.example.com}\nspec:\n  group: gantry.example.com\n  scope: Namespaced\n  names: {kind: Plan, plural: plans}\n  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, description: " + description + ", x-kubernetes-preserve-unknown-fields: true}}}]\n"
	}
	kind := schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}
	t.Cleanup(func() {
		_ = r.resource(t, kind).Delete(t.Context(), "plans.gantry.example.com", metav1.DeleteOptions{}) // the sandbox is shared
	})
	r.write("crds/plan.yaml", crd("first"))
	r.write("templates/plan.yaml", "{{ if .Capabilities.APIVersions.Has \"gantry.example.com/v1\" }}\napiVersion: gantry.example.com/v1\nkind: Plan\nmetadata: {name: mine}\nspec: {tag: {{ .Values.tag | quote }}}\n{{ end }}")
	r.wants(r.g("diff", "shop", "web"), "create CustomResourceDefinition plans.gantry.example.com", "create Plan mine")
	r.g("install", "shop", "web", "--wait")
	r.g("upgrade", "shop", "web", "--set", "tag=2")
	r.until(t, "Plan.gantry.example.com", "mine", "spec.tag", "2")
	description := "spec.versions.0.schema.openAPIV3Schema.description"
	r.write("crds/plan.yaml", crd("second"))
	r.g("upgrade", "shop", "web")
	r.until(t, "CustomResourceDefinition.apiextensions.k8s.io", "plans.gantry.example.com", description, "first")
	r.g("upgrade", "shop", "web", "--crds=upgrade")
	r.until(t, "CustomResourceDefinition.apiextensions.k8s.io", "plans.gantry.example.com", description, "second")
	r.g("uninstall", "shop", "--wait")
	r.until(t, "CustomResourceDefinition.apiextensions.k8s.io", "plans.gantry.example.com", description, "second")
}

// TestHelmKilled goes on with a release that helm was killed over.
func TestHelmKilled(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	r.h("install", "shop", "web")
	c := r.command(t.Context(), r.helm, r.in("upgrade", "shop", "web", "--wait", "--set-string", "tag=2,pod."+behave+"not-ready=true")...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "helm to be at work", func() (bool, error) {
		return r.deployment(t, "web").Spec.Template.Spec.Containers[0].Image == "example.com/web:2", nil
	})
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	said := r.fails(1, "upgrade", "shop", "web", "--reset-values")
	r.wants(said, "pending-upgrade, revision 2", "--unlock")
	r.g("upgrade", "shop", "web", "--reset-values", "--set", "greeting=back", "--wait", "--unlock")
	r.wants(r.h("history", "shop"), "failed", "deployed")
	r.agree()
}
