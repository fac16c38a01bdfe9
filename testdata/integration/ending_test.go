package integration_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// held is a ConfigMap that somebody has a finalizer on.
const held = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: held\n  finalizers: [example.com/never]\n"

// letGo takes the finalizer off.
func (r *releases) letGo() {
	r.Helper()
	maps := r.resource(r.T, schema.GroupKind{Kind: "ConfigMap"})
	if _, err := maps.Patch(r.Context(), "held", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{}); err != nil {
		r.Fatal(err)
	}
}

// TestWhatIsBeingDeletedIsMadeAnew installs what is still on its way out: a change of it
// would be lost with it.
func TestWhatIsBeingDeletedIsMadeAnew(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	r.only(held)
	r.g("install", "shop", "web")
	r.wants(r.fails(6, "uninstall", "shop", "--wait", "--timeout", "1s"), "it is being deleted, once its finalizers are gone: example.com/never")
	r.wants(r.g("diff", "shop", "web"), "recreate ConfigMap held: it is being deleted")
	r.wants(r.fails(6, "upgrade", "shop", "web", "--timeout", "1s"), "ConfigMap held: it is being deleted, once its finalizers are gone: example.com/never")
	r.wants(r.g("status", "shop"), "failed")
	r.letGo()
	r.g("upgrade", "shop", "web")
	r.agreesWithCluster()
	r.g("uninstall", "shop")
	r.letGo()
}

// TestEndingNamespace wants what cannot be made there any more to be told of as such, and
// what is there to be taken away nevertheless.
func TestEndingNamespace(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	r.only(held)
	r.g("install", "shop", "web")
	namespaces := r.resource(t, schema.GroupKind{Kind: "Namespace"})
	if err := namespaces.Delete(t.Context(), r.Namespace, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"install", "other", "web"}, {"install", "other", "web", "--create-namespace"}, {"upgrade", "shop", "web"}} {
		said := r.fails(1, args...)
		r.wants(said, "gantry: error: namespace "+r.Namespace+" is being deleted, and nothing can be made in it any more")
		if strings.Contains(said, "warning") {
			t.Errorf("%s warns of what does not matter:\n%s", args[0], said)
		}
	}
	r.letGo()
}
