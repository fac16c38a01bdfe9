package integration_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// TestUpAndDown takes a Compose application to the cluster, to another version
// of it, and away, with nothing but its file.
func TestUpAndDown(t *testing.T) {
	w, p := newWorkshop(t), newPlace(t)
	file := filepath.Join(t.TempDir(), "compose.yaml")
	write := func(tag string) {
		t.Helper()
		text := strings.ReplaceAll(application, "TAG", tag)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("1.0")
	said := w.run(w.gantry, p.in("up", "-f", file)...)
	w.wants(said, "revision 1 is deployed")
	if strings.Contains(said, "kubectl") {
		t.Errorf("up prints notes for those who have no gantry:\n%s", said)
	}
	password := p.secret(t, "db-env", "POSTGRES_PASSWORD")
	if password != "hunter2" {
		t.Errorf("the password of the Compose file became %q", password)
	}
	if got := p.deployment(t, "web").Spec.Template.Spec.Containers[0].Image; got != "example.com/web:1.0" {
		t.Errorf("web runs %s", got)
	}
	w.wants(w.run(w.gantry, p.in("up", "-f", file)...), "no change: shop: revision 1 is deployed", "next: gantry ps")
	w.run(w.gantry, p.in("scale", "-f", file, "web=2")...)
	w.wants(w.run(w.gantry, p.in("diff", "shop", "--drift")...), "takes over .spec.replicas, set by gantry scale", "gantry diff shop --repair puts it back")
	w.wants(w.run(w.gantry, p.in("up", "-f", file)...), "changed Deployment web", "revision 2 is deployed")
	if got := *p.deployment(t, "web").Spec.Replicas; got != 1 {
		t.Errorf("web runs %d pods", got)
	}
	write("1.1")
	w.wants(w.run(w.gantry, p.in("up", "-f", file)...), "revision 3 is deployed")
	w.run(w.gantry, p.in("rollout", "undo", "-f", file, "web")...)
	w.wants(w.run(w.gantry, p.in("up", "-f", file)...), "changed Deployment web", "revision 4 is deployed")
	web := p.deployment(t, "web")
	if got := web.Spec.Template.Spec.Containers[0].Image; got != "example.com/web:1.1" || web.Status.ReadyReplicas != 1 {
		t.Errorf("web runs %s, %d ready", got, web.Status.ReadyReplicas)
	}
	w.run(w.gantry, p.in("down", "-f", file)...)
	claims, err := p.Client.CoreV1().PersistentVolumeClaims(p.Namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil || len(claims.Items) != 1 {
		t.Fatalf("down left %d claims: %v", len(claims.Items), err)
	}
	w.run(w.gantry, p.in("up", "-f", file)...) // takes up what was kept
	if again := p.secret(t, "db-env", "POSTGRES_PASSWORD"); again != password {
		t.Errorf("the password was %q and is %q", password, again)
	}
	w.run(w.gantry, p.in("down", "-f", file, "--volumes")...)
	waitFor(t, "the claims to be gone", func() (bool, error) {
		claims, err := p.Client.CoreV1().PersistentVolumeClaims(p.Namespace).List(t.Context(), metav1.ListOptions{})
		return err == nil && len(claims.Items) == 0, err
	})
}

// TestUpInNamespaceOfFile runs an application where its file says, for the cluster
// as it is: a version that is not named is asked for.
func TestUpInNamespaceOfFile(t *testing.T) {
	w, p := newWorkshop(t), newPlace(t)
	file := filepath.Join(t.TempDir(), "compose.yaml")
	text := "name: there\nx-kubernetes: {namespace: " + p.Namespace + "}\nservices: {web: {image: \"example.com/web:1\", hostname: web.example.com, expose: [\"80\"]}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w.wants(w.run(w.gantry, p.in("up", "-f", file)...), "revision 1 is deployed")
	if got := p.deployment(t, "web").Spec.Template.Spec.HostnameOverride; got == nil || *got != "web.example.com" {
		t.Errorf("the newest cluster calls the pod %v", got)
	}
	w.wants(w.run(w.gantry, p.in("up", "-f", file, "--kubernetes-version", "1.30")...), "revision 2 is deployed")
	if got := p.deployment(t, "web").Spec.Template.Spec.HostnameOverride; got != nil {
		t.Errorf("a cluster without the field calls the pod %s", *got)
	}
	w.run(w.gantry, p.in("down", "-f", file)...)
}

const application = `name: shop
services:
  web:
    image: example.com/web:TAG
    ports: ["8080:80"]
    depends_on: {migrate: {condition: service_completed_successfully}}
  migrate:
    image: example.com/web:TAG
    command: migrate
  db:
    image: postgres:17
    environment: {POSTGRES_PASSWORD: hunter2}
    volumes: ["data:/var/lib/postgresql/data"]
volumes: {data: }
`

func (p *place) secret(t *testing.T, name, key string) string {
	t.Helper()
	secret, err := p.Client.CoreV1().Secrets(p.Namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return string(secret.Data[key])
}

func (p *place) deployment(t *testing.T, name string) *appsv1.Deployment {
	t.Helper()
	d, err := p.Client.AppsV1().Deployments(p.Namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// in returns the arguments of a command that runs in the place.
func (p *place) in(args ...string) []string { return append(args, "--kubeconfig", p.Kubeconfig) }

// TestUpDescribesNamespace makes the namespace of the file with its labels, and
// gives it those that a later version of the file adds.
func TestUpDescribesNamespace(t *testing.T) {
	w, p := newWorkshop(t), newPlace(t)
	file, name := filepath.Join(t.TempDir(), "compose.yaml"), p.Namespace+"-made"
	up := func(labels string) map[string]string {
		t.Helper()
		text := "name: made\nx-kubernetes: {namespace: {name: " + name + ", create: true, labels: {" + labels + "}, annotations: {team: shop}}}\n" +
			"services: {web: {image: \"example.com/web:1\", expose: [\"80\"]}}\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		w.wants(w.run(w.gantry, p.in("up", "-f", file)...), "deployed in namespace "+name)
		namespace, err := p.Client.CoreV1().Namespaces().Get(t.Context(), name, metav1.GetOptions{})
		if err != nil || namespace.Annotations["team"] != "shop" {
			t.Fatalf("the namespace says %v: %v", namespace.Annotations, err)
		}
		return namespace.Labels
	}
	if got := up("stage: test"); got["stage"] != "test" {
		t.Errorf("the new namespace has the labels %v", got)
	}
	if _, err := p.Client.CoreV1().Namespaces().Patch(t.Context(), name, types.MergePatchType, []byte(`{"metadata":{"labels":{"owner":"admin"}}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := up("stage: live"); got["stage"] != "live" || got["owner"] != "admin" {
		t.Errorf("the namespace that was there has the labels %v", got)
	}
}
