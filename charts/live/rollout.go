package live

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
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

// RolloutStatus says how far the rollout of a service is.
func (a *App) RolloutStatus(ctx context.Context, s Service) (text string, done bool, err error) {
	object, err := a.rolling(ctx, s)
	if err != nil {
		return "", false, err
	}
	r, ok := rolloutOf(object)
	if !ok {
		return "", false, &UnableError{s, "rolled out", "replaces its pods only when somebody deletes them"}
	}
	text, done = r.status()
	return text, done, nil
}

// RolloutHistory returns the revisions of a service, oldest first.
func (a *App) RolloutHistory(ctx context.Context, s Service) ([]Revision, error) {
	object, err := a.rolling(ctx, s)
	if err != nil {
		return nil, err
	}
	all, err := a.revisions(ctx, s, object)
	if err != nil {
		return nil, err
	}
	current := templateOf(object)
	list := make([]Revision, 0, len(all))
	for _, r := range all {
		list = append(list, Revision{Revision: r.number, Images: a.joined.images(s, r.template.Spec), Cause: r.annotations[changeCause], Current: sameTemplate(r.template, current)})
	}
	return list, nil
}

// RolloutRevision returns the template of pods of one revision as YAML.
func (a *App) RolloutRevision(ctx context.Context, s Service, revision int64) (string, error) {
	object, err := a.rolling(ctx, s)
	if err != nil {
		return "", err
	}
	all, err := a.revisions(ctx, s, object)
	if err != nil {
		return "", err
	}
	r, err := pick(s, all, revision)
	if err != nil {
		return "", err
	}
	text, err := yaml.Marshal(r.template)
	return string(text), err
}

// RolloutUndo gives a service the template of an older revision, the one before
// the newest for 0, and returns which. Nothing changes when it has that template
// already.
func (a *App) RolloutUndo(ctx context.Context, s Service, revision int64) (to int64, changed bool, err error) {
	object, err := a.rolling(ctx, s)
	if err != nil {
		return 0, false, err
	}
	if d, ok := object.(*appsv1.Deployment); ok && d.Spec.Paused {
		return 0, false, &UnableError{s, "undone", "is paused"}
	}
	all, err := a.revisions(ctx, s, object)
	if err != nil {
		return 0, false, err
	}
	r, err := pick(s, all, revision)
	if err != nil {
		return 0, false, err
	}
	if sameTemplate(r.template, templateOf(object)) {
		return r.number, false, nil
	}
	return r.number, true, a.restore(ctx, s, object, r)
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
	return true, a.patch(ctx, s, "rollout", map[string]any{"paused": paused})
}

// rolling returns a workload that rolls out changes.
func (a *App) rolling(ctx context.Context, s Service) (metav1.Object, error) {
	apps, o := a.client.AppsV1(), metav1.GetOptions{}
	var (
		object metav1.Object
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

// templateOf returns the template of pods of a workload.
func templateOf(object metav1.Object) corev1.PodTemplateSpec {
	switch o := object.(type) {
	case *appsv1.Deployment:
		return o.Spec.Template
	case *appsv1.StatefulSet:
		return o.Spec.Template
	case *appsv1.DaemonSet:
		return o.Spec.Template
	default:
		return corev1.PodTemplateSpec{}
	}
}

// sameTemplate reports whether two templates make the same pods.
func sameTemplate(x, y corev1.PodTemplateSpec) bool {
	for _, t := range []*corev1.PodTemplateSpec{&x, &y} {
		*t = *t.DeepCopy()
		delete(t.Labels, appsv1.DefaultDeploymentUniqueLabelKey)
	}
	return equality.Semantic.DeepEqual(x, y)
}
