package store

import (
	"context"
	"maps"

	helmrelease "helm.sh/helm/v3/pkg/release"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedv1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

// Author is the label of a record that says who made the revision. What users are
// called is more than labels of Kubernetes may hold, so Secrets and ConfigMaps keep it
// as an annotation of the same name. helm reads such records, and forgets the author of
// those that it writes anew.
const Author = "gantry.dev/by"

// show makes a label of the annotation of an object that was read.
func show(o *metav1.ObjectMeta) {
	by, known := o.Annotations[Author]
	if !known {
		return
	}
	if o.Labels == nil {
		o.Labels = map[string]string{}
	}
	o.Labels[Author] = by
}

// hide makes an annotation of the label of an object that is to be written.
func hide(o *metav1.ObjectMeta) {
	by, known := o.Labels[Author]
	if !known {
		return
	}
	delete(o.Labels, Author)
	if o.Annotations == nil {
		o.Annotations = map[string]string{}
	}
	o.Annotations[Author] = by
}

// configMaps are ConfigMaps whose authors are shown and hidden.
type configMaps struct {
	typedv1.ConfigMapInterface
}

// Get returns a ConfigMap.
func (c configMaps) Get(ctx context.Context, name string, o metav1.GetOptions) (*corev1.ConfigMap, error) {
	found, err := c.ConfigMapInterface.Get(ctx, name, o)
	if err == nil {
		show(&found.ObjectMeta)
	}
	return found, err
}

// List returns ConfigMaps.
func (c configMaps) List(ctx context.Context, o metav1.ListOptions) (*corev1.ConfigMapList, error) {
	list, err := c.ConfigMapInterface.List(ctx, o)
	if err != nil {
		return nil, err
	}
	for i := range list.Items {
		show(&list.Items[i].ObjectMeta)
	}
	return list, nil
}

// Create makes a ConfigMap.
func (c configMaps) Create(ctx context.Context, record *corev1.ConfigMap, o metav1.CreateOptions) (*corev1.ConfigMap, error) {
	hide(&record.ObjectMeta)
	return c.ConfigMapInterface.Create(ctx, record, o)
}

// Update writes a ConfigMap anew.
func (c configMaps) Update(ctx context.Context, record *corev1.ConfigMap, o metav1.UpdateOptions) (*corev1.ConfigMap, error) {
	hide(&record.ObjectMeta)
	return c.ConfigMapInterface.Update(ctx, record, o)
}

// longestLabel is how long a label may be in helm's tables.
const longestLabel = 63

// withoutLongAuthor returns a record without its author if helm's tables cannot hold
// the name.
func withoutLongAuthor(r *helmrelease.Release) *helmrelease.Release {
	if len(r.Labels[Author]) <= longestLabel {
		return r
	}
	out := *r
	out.Labels = maps.Clone(r.Labels)
	delete(out.Labels, Author)
	return &out
}
