package release

import (
	"maps"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"gantry/charts/compare"
)

// bare copies an object without what the API server keeps about it for itself,
// so that two states of it can be compared.
func bare(obj *unstructured.Unstructured) *unstructured.Unstructured {
	fields := maps.Clone(obj.Object)
	delete(fields, "status")
	metadata, _ := fields["metadata"].(map[string]any)
	metadata = maps.Clone(metadata)
	for _, key := range []string{"managedFields", "resourceVersion", "generation", "creationTimestamp", "uid", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"} {
		delete(metadata, key)
	}
	annotations, _ := metadata["annotations"].(map[string]any)
	annotations = maps.Clone(annotations)
	delete(annotations, "kubectl.kubernetes.io/last-applied-configuration") // the whole object again, Secrets included
	// Controllers number revisions by themselves.
	delete(annotations, "deployment.kubernetes.io/revision")
	delete(annotations, "deprecated.daemonset.template.generation")
	if metadata == nil {
		metadata = map[string]any{}
	}
	metadata["annotations"] = annotations
	if len(annotations) == 0 {
		delete(metadata, "annotations")
	}
	fields["metadata"] = metadata
	return &unstructured.Unstructured{Object: fields}
}

// compare notes what differs between two states of the object; nil stands for
// none.
func (s *Step) compare(before, after *unstructured.Unstructured) {
	s.Fields, s.Diff, s.LabelsOnly = nil, "", false
	side := func(obj *unstructured.Unstructured) []compare.Document {
		if obj == nil {
			return nil
		}
		return []compare.Document{{Object: s.Object, Fields: bare(obj).Object}}
	}
	for _, change := range compare.Objects(side(before), side(after)) {
		s.Fields, s.Diff, s.LabelsOnly = change.Fields, change.Diff, change.LabelsOnly
	}
}
