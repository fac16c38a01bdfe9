package integration_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const relatedPods = "v1/Pod(related)"

// TestShowsResources holds status --show-resources against helm's: the same objects,
// with the same columns.
func TestShowsResources(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	r.write("templates/once.yaml", oneJob)
	r.write("templates/gone.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: gone}\n")
	r.g("install", "shop", "web", "--wait-for-jobs", "--set", "token=canary")
	if err := r.Client.CoreV1().ConfigMaps(r.Namespace).Delete(t.Context(), "gone", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	type resources map[string][]*unstructured.Unstructured
	var ours struct{ Resources resources }
	var helms struct{ Info struct{ Resources resources } }
	said := r.output(r.gantry, "status", "shop", "--show-resources", "-o", "json")
	if err := json.Unmarshal([]byte(said), &ours); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(r.output(r.helm, "status", "shop", "--show-resources", "-o", "json")), &helms); err != nil {
		t.Fatal(err)
	}
	names := func(all resources) map[string][]string {
		out := map[string][]string{}
		for title, list := range all {
			if title == relatedPods {
				continue // helm has a list in the list, without the pods of Jobs
			}
			for _, o := range list {
				out[title] = append(out[title], o.GetName())
			}
			slices.Sort(out[title])
		}
		return out
	}
	if diff := cmp.Diff(names(helms.Info.Resources), names(ours.Resources)); diff != "" {
		t.Errorf("(-helm +gantry):\n%s", diff)
	}
	if got := len(ours.Resources[relatedPods]); got != 3 {
		t.Errorf("%d pods, want those of the Deployment and the Job", got)
	}
	if got, _, _ := unstructured.NestedString(ours.Resources["v1/Secret"][0].Object, "data", "token"); got != "(hidden)" {
		t.Errorf("the token is %q", got)
	}
	follows(t, "status", said)
	r.wants(r.g("status", "shop", "--show-resources"), "==> v1/Deployment\nNAME   READY   UP-TO-DATE   AVAILABLE   AGE\nweb    2/2 ", "==> v1/Pod(related)\nNAME ")
}
