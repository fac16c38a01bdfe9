package live

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"gantry/charts/release"
)

// deploymentRevision is where the controller of Deployments numbers their
// ReplicaSets.
const deploymentRevision = "deployment.kubernetes.io/revision"

// revision is one template of pods that a workload had, as its controller keeps it:
// that of Deployments in ReplicaSets, the others in ControllerRevisions.
type revision struct {
	number      int64
	template    corev1.PodTemplateSpec
	annotations map[string]string
	// patch is what a ControllerRevision holds: it restores the template.
	patch []byte
}

// NoRevisionError means that a service has no such revision.
type NoRevisionError struct {
	Service Service
	// Revision is 0 for the one before the newest.
	Revision int64
	// Known are those that it has.
	Known []int64
}

// Error names the revisions that there are.
func (e *NoRevisionError) Error() string {
	if e.Revision == 0 {
		return fmt.Sprintf("%s has no revision before this one", e.Service)
	}
	known := make([]string, 0, len(e.Known))
	for _, number := range e.Known {
		known = append(known, strconv.FormatInt(number, 10))
	}
	return fmt.Sprintf("%s has no revision %d: there is %s", e.Service, e.Revision, strings.Join(known, ", "))
}

// pick returns a revision by its number, the one before the newest for 0.
func pick(s Service, all []revision, number int64) (revision, error) {
	if number == 0 && len(all) > 1 {
		return all[len(all)-2], nil
	}
	known := make([]int64, 0, len(all))
	for _, r := range all {
		if r.number == number {
			return r, nil
		}
		known = append(known, r.number)
	}
	return revision{}, &NoRevisionError{Service: s, Revision: number, Known: known}
}

// revisions returns what there is of the past of a workload, oldest first.
func (a *App) revisions(ctx context.Context, s Service, workload metav1.Object) ([]revision, error) {
	var (
		list []revision
		err  error
	)
	switch w := workload.(type) {
	case *appsv1.Deployment:
		list, err = a.replicaSets(ctx, w)
	case *appsv1.StatefulSet:
		list, err = a.controllerRevisions(ctx, w, w.Spec.Selector)
	case *appsv1.DaemonSet:
		list, err = a.controllerRevisions(ctx, w, w.Spec.Selector)
	}
	if err != nil {
		return nil, a.cluster.Lost(fmt.Errorf("read the history of %s: %w", s, err))
	}
	slices.SortFunc(list, func(x, y revision) int { return cmp.Compare(x.number, y.number) })
	return list, nil
}

func (a *App) replicaSets(ctx context.Context, d *appsv1.Deployment) ([]revision, error) {
	sets, err := a.client.AppsV1().ReplicaSets(d.Namespace).List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(d.Spec.Selector)})
	if err != nil {
		return nil, err
	}
	var list []revision
	for _, set := range sets.Items {
		number, err := strconv.ParseInt(set.Annotations[deploymentRevision], 10, 64)
		if err != nil || !metav1.IsControlledBy(&set, d) {
			continue // it is somebody else's, or was made a moment ago
		}
		template := set.Spec.Template
		delete(template.Labels, appsv1.DefaultDeploymentUniqueLabelKey)
		list = append(list, revision{number: number, template: template, annotations: set.Annotations})
	}
	return list, nil
}

func (a *App) controllerRevisions(ctx context.Context, workload metav1.Object, selector *metav1.LabelSelector) ([]revision, error) {
	found, err := a.client.AppsV1().ControllerRevisions(workload.GetNamespace()).List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(selector)})
	if err != nil {
		return nil, err
	}
	var list []revision
	for _, r := range found.Items {
		if !metav1.IsControlledBy(&r, workload) {
			continue
		}
		var was struct {
			Spec struct {
				Template corev1.PodTemplateSpec `json:"template"`
			} `json:"spec"`
		}
		if err := json.Unmarshal(r.Data.Raw, &was); err != nil {
			return nil, fmt.Errorf("ControllerRevision %s: %w", r.Name, err)
		}
		list = append(list, revision{number: r.Revision, template: was.Spec.Template, annotations: r.Annotations, patch: r.Data.Raw})
	}
	return list, nil
}

// restore gives a workload the template of a revision.
func (a *App) restore(ctx context.Context, s Service, workload metav1.Object, r revision) error {
	apps, o := a.client.AppsV1(), metav1.PatchOptions{FieldManager: release.VerbManager("rollout")}
	var err error
	switch w := workload.(type) {
	case *appsv1.Deployment:
		var patch []byte
		if patch, err = deploymentPatch(w, r); err == nil {
			_, err = apps.Deployments(s.Namespace).Patch(ctx, s.Object, types.JSONPatchType, patch, o)
		}
	case *appsv1.StatefulSet:
		_, err = apps.StatefulSets(s.Namespace).Patch(ctx, s.Object, types.StrategicMergePatchType, r.patch, o)
	case *appsv1.DaemonSet:
		_, err = apps.DaemonSets(s.Namespace).Patch(ctx, s.Object, types.StrategicMergePatchType, r.patch, o)
	}
	if err != nil {
		return a.cluster.Lost(fmt.Errorf("give %s the template of revision %d: %w", s, r.number, err))
	}
	return nil
}

// deploymentPatch replaces the template, and notes why it was as it is again.
func deploymentPatch(d *appsv1.Deployment, r revision) ([]byte, error) {
	annotations := maps.Clone(d.Annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	delete(annotations, changeCause)
	if cause := r.annotations[changeCause]; cause != "" {
		annotations[changeCause] = cause
	}
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	return json.Marshal([]operation{
		{"replace", "/spec/template", r.template},
		{"add", "/metadata/annotations", annotations},
	})
}
