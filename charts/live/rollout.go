package live

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kubectl/pkg/cmd/util"
	"k8s.io/kubectl/pkg/polymorphichelpers"
)

// changeCause is where people note why they changed a workload.
const changeCause = "kubernetes.io/change-cause"

// Revision is one template of pods that a workload had.
type Revision struct {
	Revision int64    `json:"revision"`
	Images   []string `json:"images"`
	// Cause is what somebody noted. It may be empty.
	Cause   string `json:"cause,omitempty"`
	Current bool   `json:"current"`
}

// RolloutStatus says how far the rollout of a service is, in kubectl's words.
func (a *App) RolloutStatus(ctx context.Context, s Service) (text string, done bool, err error) {
	object, err := a.rolling(ctx, s)
	if err != nil {
		return "", false, err
	}
	viewer, err := polymorphichelpers.StatusViewerFor(kindOf(s))
	if err != nil {
		return "", false, err
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return "", false, err
	}
	return viewer.Status(&unstructured.Unstructured{Object: fields}, 0)
}

// RolloutHistory returns the revisions of a service, oldest first.
func (a *App) RolloutHistory(ctx context.Context, s Service) ([]Revision, error) {
	object, err := a.rolling(ctx, s)
	if err != nil {
		return nil, err
	}
	viewer, err := polymorphichelpers.HistoryViewerFor(kindOf(s), a.client)
	if err != nil {
		return nil, err
	}
	all, err := viewer.GetHistory(s.Namespace, s.Object)
	if err != nil {
		return nil, a.cluster.Lost(fmt.Errorf("read the history of %s: %w", s, err))
	}
	current := templateOf(object)
	var list []Revision
	for _, n := range slices.Sorted(maps.Keys(all)) {
		template := templateOf(all[n])
		list = append(list, Revision{Revision: n, Images: images(template.Spec), Cause: template.Annotations[changeCause], Current: sameTemplate(template, current)})
	}
	return list, nil
}

// RolloutRevision describes the template of pods of one revision.
func (a *App) RolloutRevision(ctx context.Context, s Service, revision int64) (string, error) {
	if _, err := a.rolling(ctx, s); err != nil {
		return "", err
	}
	viewer, err := polymorphichelpers.HistoryViewerFor(kindOf(s), a.client)
	if err != nil {
		return "", err
	}
	text, err := viewer.ViewHistory(s.Namespace, s.Object, revision)
	if err != nil {
		return "", a.cluster.Lost(fmt.Errorf("read revision %d of %s: %w", revision, s, err))
	}
	return text, nil
}

// RolloutUndo gives a service the template of an older revision, the one before
// the current one for 0. It says what it did in kubectl's words.
func (a *App) RolloutUndo(ctx context.Context, s Service, revision int64) (string, error) {
	object, err := a.rolling(ctx, s)
	if err != nil {
		return "", err
	}
	if d, ok := object.(*appsv1.Deployment); ok && d.Spec.Paused {
		return "", &UnableError{s, "undone", "is paused"}
	}
	back, err := polymorphichelpers.RollbackerFor(kindOf(s), a.client)
	if err != nil {
		return "", err
	}
	text, err := back.Rollback(object, nil, revision, util.DryRunNone)
	if err != nil {
		return "", a.cluster.Lost(fmt.Errorf("undo the rollout of %s: %w", s, err))
	}
	return text, nil
}

// RolloutPause stops the rollouts of a service for the time being, or lets them go
// on. It reports whether that changed anything.
func (a *App) RolloutPause(ctx context.Context, s Service, paused bool) (bool, error) {
	object, err := a.rolling(ctx, s)
	if err != nil {
		return false, err
	}
	d, ok := object.(*appsv1.Deployment)
	if !ok {
		return false, &UnableError{s, "paused", "cannot wait in the middle: only Deployments can"}
	}
	if d.Spec.Paused == paused {
		return false, nil
	}
	return true, a.patch(ctx, s, map[string]any{"paused": paused})
}

// rolling returns a workload that rolls out changes.
func (a *App) rolling(ctx context.Context, s Service) (runtime.Object, error) {
	apps, o := a.client.AppsV1(), metav1.GetOptions{}
	var (
		object runtime.Object
		err    error
	)
	switch s.Kind {
	case Deployment:
		object, err = apps.Deployments(s.Namespace).Get(ctx, s.Object, o)
	case StatefulSet:
		object, err = apps.StatefulSets(s.Namespace).Get(ctx, s.Object, o)
	case DaemonSet:
		object, err = apps.DaemonSets(s.Namespace).Get(ctx, s.Object, o)
	default:
		return nil, &UnableError{s, "rolled out", "runs to its end, and has no revisions"}
	}
	if err != nil {
		return nil, a.cluster.Lost(fmt.Errorf("look at %s: %w", s, err))
	}
	return object, nil
}

func kindOf(s Service) schema.GroupKind {
	return schema.GroupKind{Group: appsv1.GroupName, Kind: s.Kind}
}

// templateOf returns the template of pods of a workload or of a revision of one.
func templateOf(object runtime.Object) corev1.PodTemplateSpec {
	switch o := object.(type) {
	case *appsv1.Deployment:
		return o.Spec.Template
	case *appsv1.ReplicaSet:
		return withCause(o.Spec.Template, o.Annotations)
	case *appsv1.StatefulSet:
		return withCause(o.Spec.Template, o.Annotations)
	case *appsv1.DaemonSet:
		return withCause(o.Spec.Template, o.Annotations)
	default:
		return corev1.PodTemplateSpec{}
	}
}

// withCause notes the cause of a change at the template.
func withCause(t corev1.PodTemplateSpec, annotations map[string]string) corev1.PodTemplateSpec {
	out := *t.DeepCopy()
	if cause := cmp.Or(out.Annotations[changeCause], annotations[changeCause]); cause != "" {
		if out.Annotations == nil {
			out.Annotations = map[string]string{}
		}
		out.Annotations[changeCause] = cause
	}
	return out
}

// sameTemplate reports whether two templates make the same pods.
func sameTemplate(x, y corev1.PodTemplateSpec) bool {
	for _, t := range []*corev1.PodTemplateSpec{&x, &y} {
		*t = *t.DeepCopy()
		delete(t.Labels, appsv1.DefaultDeploymentUniqueLabelKey)
		delete(t.Annotations, changeCause)
		if len(t.Annotations) == 0 {
			t.Annotations = nil
		}
	}
	return equality.Semantic.DeepEqual(x, y)
}
