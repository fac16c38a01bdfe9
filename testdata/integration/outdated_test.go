package integration_test

import (
	"strings"
	"testing"
)

// oneByOne is a StatefulSet that replaces a pod when the one before is ready, which is
// what Kubernetes does unless it is told otherwise.
var oneByOne = strings.NewReplacer("  podManagementPolicy: Parallel\n", "", "  updateStrategy: {rollingUpdate: {partition: 2}}\n", "").Replace(oneStatefulSet)

// TestBrokenPodsAreReplaced goes back from a StatefulSet whose first new pod does not
// start. Its controller waits for that pod for ever.
func TestBrokenPodsAreReplaced(t *testing.T) {
	for _, broken := range []string{"image-pull-failure", "crash-loop"} {
		t.Run(broken, func(t *testing.T) {
			t.Parallel()
			r := newReleases(t)
			r.only(oneByOne)
			r.g("install", "shop", "web", "--wait")
			said := r.fails(6, "upgrade", "shop", "web", "--atomic", "--timeout", "20s", "--set-string", "pod."+behave+broken+"=true")
			r.wants(said, "going back to revision 1", "deleted Pod one-2, which is of an older revision and does not start", "rolled back to revision 1")
			r.wants(r.g("status", "shop"), "deployed", "updated: 3")

			r.fails(6, "upgrade", "shop", "web", "--wait", "--timeout", "3s", "--set-string", "pod."+behave+broken+"=true")
			r.g("upgrade", "shop", "web", "--wait", "--timeout", "1m", "--reset-values", "--set", "tag=2")
			r.agreesWithCluster()
		})
	}
}

// TestOutdatedPodsAreNamed has a pod that runs and never becomes ready: whether it may go
// is for somebody else to say.
func TestOutdatedPodsAreNamed(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	r.only(oneByOne)
	r.g("install", "shop", "web", "--wait")
	r.fails(6, "upgrade", "shop", "web", "--wait", "--timeout", "3s", "--set-string", "pod."+behave+"not-ready=true")
	said := r.fails(6, "rollback", "shop", "--wait", "--timeout", "3s")
	r.wants(said, "running, but not ready", "gantry: error: not ready after 3s: StatefulSet one: ", "; pod one-2 is of an older revision, and StatefulSet one replaces it only when it is ready: kubectl delete pod one-2 -n "+r.Namespace)
}
