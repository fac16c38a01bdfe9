package kube

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"sigs.k8s.io/yaml"
)

// TestOutdated looks at the two pods of a StatefulSet, neither of which is ready.
func TestOutdated(t *testing.T) {
	t.Parallel()
	const (
		spec   = "selector: {matchLabels: {app: db}}"
		status = "{observedGeneration: 2, updateRevision: new}"
	)
	for _, tt := range []struct {
		name, spec, status, revision string
		want                         int
	}{
		{"old ones", spec, status, "old", 2},
		{"new ones", spec, status, "new", 0},
		{"below the partition", spec + "\n  updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 1}}", status, "old", 1},
		{"replaced by somebody else", spec + "\n  updateStrategy: {type: OnDelete}", status, "old", 0},
		{"all at once", spec + "\n  podManagementPolicy: Parallel", status, "old", 0},
		{"of others", "selector: {matchLabels: {app: web}}", status, "old", 0},
		{"not seen by the controller", spec, "{observedGeneration: 1, updateRevision: new}", "old", 0},
		{"without a revision", spec, "{observedGeneration: 2}", "old", 0},
	} {
		var set unstructured.Unstructured
		text := "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db, uid: u, generation: 2}\nspec:\n  " + tt.spec + "\nstatus: " + tt.status
		if err := yaml.Unmarshal([]byte(text), &set.Object); err != nil {
			t.Fatal(err)
		}
		var pods []corev1.Pod
		for _, name := range []string{"db-0", "db-1"} {
			pods = append(pods, corev1.Pod{ObjectMeta: metav1.ObjectMeta{
				Name: name, Labels: map[string]string{"app": "db", "controller-revision-hash": tt.revision},
				OwnerReferences: []metav1.OwnerReference{{UID: "u", Controller: new(true)}},
			}})
		}
		if got := outdated(&set, pods); len(got) != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, len(got), tt.want)
		}
	}
}
