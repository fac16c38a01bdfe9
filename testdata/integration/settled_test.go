package integration_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

// TestSettled changes fields of live objects at random, as somebody else would. What
// gantry says of them without asking must be what the API server says when it is asked.
func TestSettled(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	r.g("install", "shop", "web", "--wait")
	random := rand.New(rand.NewPCG(8, 0))
	kinds := []schema.GroupKind{{Group: "apps", Kind: "Deployment"}, {Kind: "Service"}, {Kind: "ConfigMap"}}
	differed := 0
	const changes = 24
	for range changes {
		kind := kinds[random.IntN(len(kinds))]
		changed := r.changeAnything(t, random, kind)
		var difference strings.Builder
		for _, kind := range kinds {
			difference.WriteString(r.applyWouldChange(t, kind))
		}
		differs := difference.Len() > 0
		said := r.g("diff", "shop", "--drift")
		if got := !strings.Contains(said, "are alike"); got != differs {
			t.Errorf("after %s gantry says that there is drift: %v, and the API server: %v\n%s%s", changed, got, differs, said, &difference)
		}
		if differs {
			differed++
			r.g("diff", "shop", "--repair")
		}
	}
	if differed == 0 || differed == changes {
		t.Errorf("%d of %d changes differ: this tests one side only", differed, changes)
	}
}

// changeAnything changes a field of an object, takes one away or adds one, and says
// what it did. What the API server refuses is no change.
func (r *releases) changeAnything(t *testing.T, random *rand.Rand, kind schema.GroupKind) string {
	t.Helper()
	live, err := r.resource(t, kind).Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]any{}
	for _, top := range []string{"spec", "data"} {
		leaves("/"+top, live.Object[top], fields)
	}
	// Another key of the only port leaves two that are the API server's to refuse.
	for _, key := range []string{"port", "protocol"} {
		delete(fields, "/spec/ports/0/"+key)
	}
	leaves("/metadata/labels", map[string]any{"app.kubernetes.io~1managed-by": "Helm", "new": nil}, fields)
	path := slices.Sorted(func(yield func(string) bool) {
		for path := range fields {
			if !yield(path) {
				return
			}
		}
	})[random.IntN(len(fields))]
	operation := map[string]any{"op": "add", "path": path, "value": another(fields[path])}
	if random.IntN(4) == 0 {
		operation = map[string]any{"op": "remove", "path": path}
	}
	data, err := json.Marshal([]any{operation})
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.resource(t, kind).Patch(t.Context(), "web", types.JSONPatchType, data, metav1.PatchOptions{FieldManager: "kubectl-edit"})
	return fmt.Sprintf("%s of %s (%v)", data, kind.Kind, err)
}

// leaves collects the values below a path that hold no others.
func leaves(path string, value any, into map[string]any) {
	switch value := value.(type) {
	case map[string]any:
		for name, below := range value {
			leaves(path+"/"+name, below, into)
		}
	case []any:
		for i, below := range value {
			leaves(fmt.Sprintf("%s/%d", path, i), below, into)
		}
	default:
		into[path] = value
	}
}

func another(value any) any {
	switch value := value.(type) {
	case int64:
		return value + 1
	case bool:
		return !value
	default:
		return "another"
	}
}

// applyWouldChange asks the API server what would become different in an object of the
// release that is called web.
func (r *releases) applyWouldChange(t *testing.T, kind schema.GroupKind) string {
	t.Helper()
	for document := range strings.SplitSeq(r.g("get", "manifest", "shop"), "---\n") {
		want := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &want.Object); err != nil {
			t.Fatal(err)
		}
		if want.GetKind() != kind.Kind || want.GetName() != "web" {
			continue
		}
		want.SetLabels(map[string]string{"app.kubernetes.io/managed-by": "Helm"})
		want.SetAnnotations(map[string]string{"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": r.Namespace})
		resource := r.resource(t, kind)
		live, after := &unstructured.Unstructured{}, &unstructured.Unstructured{}
		// What a controller writes in between would look as if the apply had done it.
		for version := "none"; live.GetResourceVersion() != version; {
			version = live.GetResourceVersion()
			var err error
			after, err = resource.Apply(t.Context(), "web", want, metav1.ApplyOptions{FieldManager: "gantry", Force: true, DryRun: []string{metav1.DryRunAll}})
			if err != nil {
				t.Fatal(err)
			}
			if live, err = resource.Get(t.Context(), "web", metav1.GetOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		for _, obj := range []*unstructured.Unstructured{live, after} {
			obj.SetManagedFields(nil)
			obj.SetResourceVersion("")
			obj.SetGeneration(0)
			unstructured.RemoveNestedField(obj.Object, "status")
		}
		return cmp.Diff(live.Object, after.Object)
	}
	t.Fatalf("the release has no %s web", kind.Kind)
	return ""
}
