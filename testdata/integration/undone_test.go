package integration_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestAtomicWithHooks undoes an upgrade whose hook fails, and runs the hooks of the way
// back.
func TestAtomicWithHooks(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	r.write("templates/undo.yaml", `
apiVersion: batch/v1
kind: Job
metadata:
  name: undo
  annotations: {helm.sh/hook: "post-rollback,pre-delete", helm.sh/hook-delete-policy: "before-hook-creation,hook-succeeded"}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: undo, image: example.com/undo}]}}}
`)
	broken := []string{"--rollback-on-failure", "--timeout", "30s", "--set-string", "hook." + behave + "exit-code=3"}
	said := r.fails(1, append([]string{"install", "shop", "web"}, broken...)...)
	r.wants(said, "ended with exit code 3", "running hook Job undo", "the release was uninstalled again")
	r.untilGone(t, "Deployment.apps", "web")
	r.g("install", "shop", "web", "--wait")
	said = r.fails(1, append([]string{"upgrade", "shop", "web", "--set", "tag=2"}, broken...)...)
	r.wants(said, "ended with exit code 3", "running hook Job undo", "rolled back to revision 1")
	r.agreesWithCluster()
	r.wants(r.h("history", "shop"), "superseded", "failed", "deployed", "Rollback to 1")
	r.g("uninstall", "shop", "--wait")
	r.untilGone(t, "Deployment.apps", "web")
}

// TestUninstallKeeps keeps data and history, and comes back to both.
func TestUninstallKeeps(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	r.write("templates/data.yaml", "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n")
	r.g("install", "shop", "web", "--wait")
	claims := r.Client.CoreV1().PersistentVolumeClaims(r.Namespace)
	before, err := claims.Get(t.Context(), "data", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r.wants(r.g("uninstall", "shop", "--wait", "--keep-storage", "--keep-history", "--description", "for the winter"), "kept PersistentVolumeClaim data", "uninstalled shop")
	r.wants(r.h("history", "shop"), "uninstalled", "for the winter")
	r.wants(r.g("history", "shop"), "uninstalled", "for the winter")
	if said := r.g("list"); strings.Contains(said, "shop") {
		t.Errorf("it is listed:\n%s", said)
	}
	r.wants(r.fails(1, "uninstall", "shop", "--keep-history"), "is uninstalled already", "gantry rollback shop -n "+r.Namespace)
	r.wants(r.g("uninstall", "shop", "--dry-run"), "delete the history of shop")
	r.g("rollback", "shop", "1", "--wait")
	after, err := claims.Get(t.Context(), "data", metav1.GetOptions{})
	if err != nil || after.UID != before.UID {
		t.Errorf("the claim is another one, or gone: %v", err)
	}
	r.agreesWithCluster()
	r.g("uninstall", "shop", "--wait", "--delete-storage")
	r.empty()
	r.untilGone(t, "PersistentVolumeClaim", "data")
}

// TestClaimsOfStatefulSets: they are in no manifest, and go by the same rules as those
// that are.
func TestClaimsOfStatefulSets(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	r.write("templates/db.yaml", `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 2
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: db, image: example.com/db, volumeMounts: [{name: data, mountPath: /data}]}]
  volumeClaimTemplates:
    - metadata: {name: data}
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`)
	stranger := "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data-db-backup, labels: {app: db}}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n"
	r.apply(t, stranger)
	r.g("install", "shop", "web", "--wait")
	r.wants(r.g("uninstall", "shop", "--dry-run"), "keep PersistentVolumeClaim data-db-0: it holds data", "keep PersistentVolumeClaim data-db-1")
	r.wants(r.g("uninstall", "shop", "--wait"), "kept PersistentVolumeClaim data-db-0: it holds data", "kept PersistentVolumeClaim data-db-1")
	r.g("install", "shop", "web", "--wait")
	r.write("templates/db.yaml", "")
	r.wants(r.g("upgrade", "shop", "web", "--wait", "--delete-storage"), "deleted StatefulSet db", "deleted PersistentVolumeClaim data-db-0", "deleted PersistentVolumeClaim data-db-1")
	r.untilGone(t, "PersistentVolumeClaim", "data-db-0")
	if _, err := r.Client.CoreV1().PersistentVolumeClaims(r.Namespace).Get(t.Context(), "data-db-backup", metav1.GetOptions{}); err != nil {
		t.Errorf("a claim of somebody else: %v", err)
	}
	r.g("uninstall", "shop", "--wait")
	r.empty()
}
