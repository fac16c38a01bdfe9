package manifest

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// scope returns the objects of the namespace itself.
func (b builder) scope() []Object {
	var objects []Object
	s := b.app.Scope
	if s.Created != nil {
		objects = append(objects, Object{Resource: &corev1.Namespace{
			TypeMeta: typeMeta("v1", "Namespace"), ObjectMeta: b.meta(s.Created.Name, "", s.Created.Labels, s.Created.Annotations),
		}})
	}
	if s.Quota != nil {
		objects = append(objects, Object{Resource: &corev1.ResourceQuota{
			TypeMeta: typeMeta("v1", "ResourceQuota"), ObjectMeta: b.meta(b.app.Name, "", nil, nil), Spec: *s.Quota,
		}})
	}
	if s.Limits != nil {
		objects = append(objects, Object{Resource: &corev1.LimitRange{
			TypeMeta: typeMeta("v1", "LimitRange"), ObjectMeta: b.meta(b.app.Name, "", nil, nil), Spec: *s.Limits,
		}})
	}
	return objects
}

// everywhere gives all objects what the user wants all of them to have. Their
// own labels and annotations win.
func (b builder) everywhere(objects []Object) {
	s := b.app.Scope
	for _, o := range objects {
		if len(s.Labels) > 0 {
			o.SetLabels(over(s.Labels, o.GetLabels()))
		}
		if len(s.Annotations) > 0 {
			o.SetAnnotations(over(s.Annotations, o.GetAnnotations()))
		}
		if s.Namespace != "" && namespaced(o.Kind()) {
			o.SetNamespace(s.Namespace)
		}
	}
}

// over returns the entries of two maps; those of the second win.
func over(below, above map[string]string) map[string]string {
	all := maps.Clone(below)
	maps.Copy(all, above)
	return all
}

// namespaced reports whether objects of a kind that gantry makes are in a
// namespace.
func namespaced(kind string) bool {
	switch kind {
	case "Namespace", "ClusterRole", "ClusterRoleBinding", "PersistentVolume":
		return false
	default:
		return true
	}
}

// namespace is where the objects will be, as far as anybody knows.
func (b builder) namespace() string {
	if b.app.Scope.Namespace != "" {
		return b.app.Scope.Namespace
	}
	return metav1.NamespaceDefault
}
