package integration_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestRepositoryChart makes the chart of a repository from its Compose file,
// installs it, and rolls out another version: three servers beside a store.
func TestRepositoryChart(t *testing.T) {
	t.Parallel()
	w, p := newWorkshop(t), newPlace(t)
	w.env = append(w.env, "STORE_SECRET_KEY=a-key-of-the-store")
	file, err := filepath.Abs("../repository/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	w.run(w.gantry, "chart", "create", "-f", file, "-o", "charts", "--secret-values", "secrets.yaml")
	install := p.in("upgrade", "--install", "charts", "./charts", "-f", "secrets.yaml", "--yes", "--wait")
	w.wants(w.run(w.gantry, install...), "revision 1 is deployed")

	servers := p.deployment(t, "repository")
	if got := servers.Status.ReadyReplicas; got != 3 {
		t.Errorf("%d servers are ready", got)
	}
	if got := p.deployment(t, "store").Status.ReadyReplicas; got != 1 {
		t.Errorf("%d stores are ready", got)
	}
	if got := servers.Spec.Strategy.RollingUpdate.MaxUnavailable.IntValue(); got != 0 {
		t.Errorf("a rollout takes %d servers away before there are others", got)
	}
	if _, err := p.Client.PolicyV1().PodDisruptionBudgets(p.Namespace).Get(t.Context(), "repository", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
	claim, err := p.Client.CoreV1().PersistentVolumeClaims(p.Namespace).Get(t.Context(), "objects", metav1.GetOptions{})
	if err != nil || claim.Status.Phase != corev1.ClaimBound {
		t.Errorf("the claim of the store: %v %v", claim.Status.Phase, err)
	}
	key := p.secret(t, "repository-env", "AWS_SECRET_ACCESS_KEY")
	if other := p.secret(t, "store-env", "ROOT_SECRET_KEY"); key != "a-key-of-the-store" || other != key {
		t.Errorf("the servers have the key %q, and the store %q", key, other)
	}
	w.takesSettings(servers.Spec.Template.Spec.Containers[0])

	w.wants(w.run(w.gantry, append(install, "--set", "variables.GANTRY_IMAGE=registry.example.org/gantry:0.2.0")...), "revision 2 is deployed")
	servers = p.deployment(t, "repository")
	if got := servers.Spec.Template.Spec.Containers[0].Image; got != "registry.example.org/gantry:0.2.0" || servers.Status.UpdatedReplicas != 3 || servers.Status.ReadyReplicas != 3 {
		t.Errorf("%s: %d updated, %d ready", got, servers.Status.UpdatedReplicas, servers.Status.ReadyReplicas)
	}
}

// takesSettings starts the server as its container would, to see that it takes
// every setting: containers of the sandbox run no programs.
func (w *workshop) takesSettings(container corev1.Container) {
	w.Helper()
	c := exec.CommandContext(w.Context(), w.gantry, append(container.Args, "--print-config")...)
	c.Env = append(c.Env, "HOME="+w.dir)
	settings := 0
	for _, e := range container.Env {
		if strings.HasPrefix(e.Name, "GANTRY_REPO_") {
			c.Env = append(c.Env, e.Name+"="+e.Value)
			settings++
		}
	}
	out, err := c.CombinedOutput()
	if err != nil {
		w.Errorf("%v\n%s", err, out)
	}
	if got := strings.Count(string(out), "# $GANTRY_REPO_"); got != settings || settings == 0 {
		w.Errorf("the server knows %d of %d settings:\n%s", got, settings, out)
	}
	for _, probe := range []*corev1.Probe{container.ReadinessProbe, container.LivenessProbe} {
		if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Port.IntValue() != 8879 {
			w.Errorf("a probe does not ask the server: %v", probe)
		}
	}
}
