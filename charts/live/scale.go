package live

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"gantry/charts/release"
)

// UnableError is something that cannot be done with a kind of workload.
type UnableError struct {
	Service Service
	// What cannot be done, and Why.
	What, Why string
}

// Error names the service and says why.
func (e *UnableError) Error() string {
	return fmt.Sprintf("service %s cannot be %s: %s %s", e.Service.Name, e.What, e.Service, e.Why)
}

// Scale sets how many pods a service has, and returns how many it had.
func (a *App) Scale(ctx context.Context, s Service, pods int) (before int, err error) {
	if s.Container != "" {
		return 0, &UnableError{s, "scaled", "runs it in the pods of service " + a.homeOf(s)}
	}
	apps := a.client.AppsV1()
	var (
		get func(context.Context, string, metav1.GetOptions) (*autoscalingv1.Scale, error)
		set func(context.Context, string, *autoscalingv1.Scale, metav1.UpdateOptions) (*autoscalingv1.Scale, error)
	)
	switch s.Kind {
	case Deployment:
		get, set = apps.Deployments(s.Namespace).GetScale, apps.Deployments(s.Namespace).UpdateScale
	case StatefulSet:
		get, set = apps.StatefulSets(s.Namespace).GetScale, apps.StatefulSets(s.Namespace).UpdateScale
	case DaemonSet:
		return 0, &UnableError{s, "scaled", "has a pod on every node"}
	default:
		return 0, &UnableError{s, "scaled", "runs to its end"}
	}
	scale, err := get(ctx, s.Object, metav1.GetOptions{})
	if err != nil {
		return 0, a.cluster.Lost(fmt.Errorf("look at %s: %w", s, err))
	}
	before = int(scale.Spec.Replicas)
	if before == pods {
		return before, nil
	}
	scale.Spec.Replicas = int32(pods) //nolint:gosec // the command line bounds it
	if _, err := set(ctx, s.Object, scale, metav1.UpdateOptions{FieldManager: release.VerbManager("scale")}); err != nil {
		return before, a.cluster.Lost(fmt.Errorf("scale %s: %w", s, err))
	}
	return before, nil
}

// Autoscaler returns the name of the HorizontalPodAutoscaler that decides how many
// pods a service has, or "".
func (a *App) Autoscaler(ctx context.Context, s Service) (string, error) {
	list, err := a.client.AutoscalingV2().HorizontalPodAutoscalers(s.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", a.cluster.Lost(fmt.Errorf("list the autoscalers of namespace %s: %w", s.Namespace, err))
	}
	for _, h := range list.Items {
		if h.Spec.ScaleTargetRef.Kind == s.Kind && h.Spec.ScaleTargetRef.Name == s.Object {
			return h.Name, nil
		}
	}
	return "", nil
}

// restartedAt is the annotation by which kubectl restarts workloads, so that
// either tool sees what the other did.
const restartedAt = "kubectl.kubernetes.io/restartedAt"

// Restart replaces the pods of a service, in the way that its workload replaces
// them.
func (a *App) Restart(ctx context.Context, s Service, now time.Time) error {
	switch s.Kind {
	case Deployment, StatefulSet, DaemonSet:
	default:
		return &UnableError{s, "restarted", "runs to its end"}
	}
	w, err := a.workload(ctx, s)
	if err != nil {
		return a.cluster.Lost(err)
	}
	if w != nil && w.paused {
		return &UnableError{s, "restarted", "is paused"}
	}
	annotation := map[string]string{restartedAt: now.UTC().Format(time.RFC3339)}
	return a.patch(ctx, s, "restart", map[string]any{"template": map[string]any{"metadata": map[string]any{"annotations": annotation}}})
}

// patch changes fields of the specification of a workload, for a verb.
func (a *App) patch(ctx context.Context, s Service, verb string, spec map[string]any) error {
	text, err := json.Marshal(map[string]any{"spec": spec})
	if err != nil {
		return err
	}
	apps, o := a.client.AppsV1(), metav1.PatchOptions{FieldManager: release.VerbManager(verb)}
	switch s.Kind {
	case Deployment:
		_, err = apps.Deployments(s.Namespace).Patch(ctx, s.Object, types.MergePatchType, text, o)
	case StatefulSet:
		_, err = apps.StatefulSets(s.Namespace).Patch(ctx, s.Object, types.MergePatchType, text, o)
	case DaemonSet:
		_, err = apps.DaemonSets(s.Namespace).Patch(ctx, s.Object, types.MergePatchType, text, o)
	default:
		err = &UnableError{s, "changed", "runs to its end"}
	}
	if err != nil {
		return a.cluster.Lost(fmt.Errorf("change %s: %w", s, err))
	}
	return nil
}

// WaitReady waits until services are ready, as an upgrade does: it tells what
// happens, gives up on what waiting does not help, and says why.
func (a *App) WaitReady(ctx context.Context, services []Service, o release.ClientOptions, timeout time.Duration) error {
	client, err := a.cluster.Client(o)
	if err != nil {
		return err
	}
	objects := make([]*unstructured.Unstructured, 0, len(services))
	for _, s := range services {
		objects = append(objects, s.unstructured())
	}
	if _, err := client.Resolve(objects); err != nil {
		return a.cluster.Lost(err)
	}
	return client.Wait(ctx, objects, release.UntilReady, timeout)
}

// Ref names the service's object.
func (s Service) Ref() release.Object {
	version := "apps/v1"
	switch s.Kind {
	case Job, CronJob:
		version = "batch/v1"
	case Pod:
		version = "v1"
	}
	return release.Object{APIVersion: version, Kind: s.Kind, Namespace: s.Namespace, Name: s.Object}
}

func (s Service) unstructured() *unstructured.Unstructured {
	ref, u := s.Ref(), &unstructured.Unstructured{}
	u.SetAPIVersion(ref.APIVersion)
	u.SetKind(ref.Kind)
	u.SetNamespace(ref.Namespace)
	u.SetName(ref.Name)
	return u
}
