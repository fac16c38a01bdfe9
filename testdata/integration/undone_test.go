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
	r.wants(r.fails(1, "uninstall", "shop", "--keep-history"), "is uninstalled already")
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
