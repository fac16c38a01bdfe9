package release

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The marks by which helm knows whose an object is.
const (
	ownerName      = "meta.helm.sh/release-name"
	ownerNamespace = "meta.helm.sh/release-namespace"
	managedBy      = "app.kubernetes.io/managed-by"
)

// own marks an object as the release's.
func own(obj *unstructured.Unstructured, name, namespace string) {
	labels := obj.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[managedBy] = "Helm"
	obj.SetLabels(labels)
	annotations := obj.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[ownerName], annotations[ownerNamespace] = name, namespace
	obj.SetAnnotations(annotations)
}

// unmarked copies an object without these marks, which every object gets: for
// people.
func unmarked(obj *unstructured.Unstructured) *unstructured.Unstructured {
	obj = obj.DeepCopy()
	annotations := obj.GetAnnotations()
	delete(annotations, ownerName)
	delete(annotations, ownerNamespace)
	obj.SetAnnotations(annotations)
	if labels := obj.GetLabels(); len(labels) == 1 && labels[managedBy] != "" {
		obj.SetLabels(nil)
	}
	return obj
}

// ours reports whether an object is marked as the release's.
func (p *planner) ours(live *unstructured.Unstructured) bool {
	return live.GetLabels()[managedBy] == "Helm" && ownerOf(live) == p.namespace+"/"+p.name
}

// ownerOf returns the release that an object is marked as, or "".
func ownerOf(live *unstructured.Unstructured) string {
	annotations := live.GetAnnotations()
	if annotations[ownerName] == "" {
		return ""
	}
	return strings.TrimPrefix(annotations[ownerNamespace]+"/"+annotations[ownerName], "/")
}
