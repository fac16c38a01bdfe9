package live

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Time is a moment that is null in JSON when there is none.
type Time struct{ time.Time }

// MarshalJSON writes whole seconds, which is what Kubernetes keeps.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(t.UTC().Format(time.RFC3339))
}

// Status is how a service is.
type Status struct {
	Service

	State State `json:"state"`
	// Reason is Kubernetes' word for why, or the schedule of a CronJob.
	Reason string `json:"reason,omitempty"`
	// Message is the same in a sentence.
	Message string `json:"message,omitempty"`
	// Ready and Desired count pods.
	Ready   int `json:"ready"`
	Desired int `json:"desired"`
	// Restarts are those of all of its pods.
	Restarts int         `json:"restarts"`
	Images   []string    `json:"images"`
	Created  Time        `json:"created"`
	Ports    []Port      `json:"ports"`
	Pods     []PodStatus `json:"pods"`
}

// Status says how services are, in their order.
func (a *App) Status(ctx context.Context, services []Service) ([]Status, error) {
	seen, err := a.look(ctx, services)
	if err != nil {
		return nil, err
	}
	ports, err := a.ports(ctx, seen, services)
	if err != nil {
		return nil, err
	}
	list := make([]Status, 0, len(services))
	for _, s := range services {
		one := seen.status(s)
		one.Ports = append([]Port{}, ports[s]...)
		list = append(list, one)
	}
	return list, nil
}

// workload is what a service is in the cluster, reduced to what all kinds have.
type workload struct {
	created          metav1.Time
	template         corev1.PodSpec
	selector         *metav1.LabelSelector
	labels           map[string]string // of its pods
	desired, ready   int
	paused           bool
	complete, failed bool
	failure          string
	schedule         string
	suspended        bool
	// ends holds for what is meant to end.
	ends bool
}

// sight is what was seen of services.
type sight struct {
	workloads map[Service]*workload
	pods      map[Service][]corev1.Pod
	joined    *joined
}

// look asks for the workloads and for the pods of their namespaces.
func (a *App) look(ctx context.Context, services []Service) (*sight, error) {
	seen := &sight{workloads: map[Service]*workload{}, pods: map[Service][]corev1.Pod{}, joined: &a.joined}
	found := make([]*workload, len(services))
	spaces := namespaces(services)
	pods := make([][]corev1.Pod, len(spaces))
	asks, asking := errgroup.WithContext(ctx)
	asks.SetLimit(parallel)
	for i, s := range services {
		asks.Go(func() (err error) {
			found[i], err = a.workload(asking, s)
			return err
		})
	}
	for i, namespace := range spaces {
		asks.Go(func() error {
			list, err := a.client.CoreV1().Pods(namespace).List(asking, metav1.ListOptions{})
			if err != nil {
				return fmt.Errorf("list the pods of namespace %s: %w", namespace, err)
			}
			pods[i] = list.Items
			return nil
		})
	}
	if err := asks.Wait(); err != nil {
		return nil, a.cluster.Lost(err)
	}
	for i, s := range services {
		seen.workloads[s] = found[i]
	}
	owners := newOwned(services)
	for _, list := range pods {
		for _, pod := range list {
			for _, s := range owners.of(&pod) {
				seen.pods[s] = append(seen.pods[s], pod)
			}
		}
	}
	for _, list := range seen.pods {
		sortPods(list)
	}
	return seen, nil
}

// parallel is how many requests are under way at once.
const parallel = 16

// sortPods puts the oldest first, so that numbers of pods stay as long as they can.
func sortPods(pods []corev1.Pod) {
	slices.SortFunc(pods, func(x, y corev1.Pod) int {
		return cmp.Or(x.CreationTimestamp.Compare(y.CreationTimestamp.Time), cmp.Compare(x.Name, y.Name))
	})
}

// workload asks for one. It is nil when it is not there.
func (a *App) workload(ctx context.Context, s Service) (*workload, error) {
	w, err := a.get(ctx, s)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look at %s: %w", s, err)
	}
	return w, nil
}

func (a *App) get(ctx context.Context, s Service) (*workload, error) {
	apps, batch, o := a.client.AppsV1(), a.client.BatchV1(), metav1.GetOptions{}
	switch s.Kind {
	case Deployment:
		d, err := apps.Deployments(s.Namespace).Get(ctx, s.Object, o)
		return readDeployment(d), err
	case StatefulSet:
		d, err := apps.StatefulSets(s.Namespace).Get(ctx, s.Object, o)
		return &workload{created: d.CreationTimestamp, template: d.Spec.Template.Spec, selector: d.Spec.Selector, labels: d.Spec.Template.Labels, desired: orOne(d.Spec.Replicas), ready: int(d.Status.ReadyReplicas)}, err
	case DaemonSet:
		d, err := apps.DaemonSets(s.Namespace).Get(ctx, s.Object, o)
		return &workload{created: d.CreationTimestamp, template: d.Spec.Template.Spec, selector: d.Spec.Selector, labels: d.Spec.Template.Labels, desired: int(d.Status.DesiredNumberScheduled), ready: int(d.Status.NumberReady)}, err
	case Job:
		j, err := batch.Jobs(s.Namespace).Get(ctx, s.Object, o)
		return readJob(j), err
	case CronJob:
		c, err := batch.CronJobs(s.Namespace).Get(ctx, s.Object, o)
		template := c.Spec.JobTemplate.Spec.Template
		return &workload{created: c.CreationTimestamp, template: template.Spec, labels: template.Labels, ends: true, schedule: c.Spec.Schedule, suspended: c.Spec.Suspend != nil && *c.Spec.Suspend, desired: len(c.Status.Active)}, err
	default:
		p, err := a.client.CoreV1().Pods(s.Namespace).Get(ctx, s.Object, o)
		return &workload{
			created: p.CreationTimestamp, template: p.Spec, labels: p.Labels, desired: 1, ends: p.Spec.RestartPolicy != corev1.RestartPolicyAlways,
			complete: p.Status.Phase == corev1.PodSucceeded, failed: p.Status.Phase == corev1.PodFailed,
		}, err
	}
}

func readDeployment(d *appsv1.Deployment) *workload {
	return &workload{
		created: d.CreationTimestamp, template: d.Spec.Template.Spec, selector: d.Spec.Selector, labels: d.Spec.Template.Labels,
		desired: orOne(d.Spec.Replicas), ready: int(d.Status.ReadyReplicas), paused: d.Spec.Paused,
	}
}

func readJob(j *batchv1.Job) *workload {
	w := &workload{created: j.CreationTimestamp, template: j.Spec.Template.Spec, selector: j.Spec.Selector, labels: j.Spec.Template.Labels, ends: true, desired: orOne(j.Spec.Completions)}
	w.suspended = j.Spec.Suspend != nil && *j.Spec.Suspend
	for _, c := range j.Status.Conditions {
		if c.Status != corev1.ConditionTrue {
			continue
		}
		switch c.Type {
		case batchv1.JobComplete:
			w.complete = true
		case batchv1.JobFailed:
			w.failed, w.failure = true, c.Reason
		case batchv1.JobSuspended, batchv1.JobFailureTarget, batchv1.JobSuccessCriteriaMet:
		}
	}
	w.ready = int(j.Status.Succeeded)
	return w
}

func orOne(n *int32) int {
	if n == nil {
		return 1
	}
	return int(*n)
}

// status puts together what was seen of a service.
func (seen *sight) status(s Service) Status {
	w := seen.workloads[s]
	if w == nil {
		return Status{Service: s, State: Missing, Message: "the object is not in the cluster", Images: []string{}, Pods: []PodStatus{}}
	}
	st := Status{Service: s, Desired: w.desired, Ready: w.ready, Created: Time{w.created.Time}, Images: seen.joined.images(s, w.template), Pods: []PodStatus{}}
	running := 0
	for i := range seen.pods[s] {
		p := readPod(&seen.pods[s][i], func(container string) bool { return seen.joined.has(s, container) })
		st.Pods = append(st.Pods, p)
		st.Restarts += p.Restarts
		if p.Ready && p.State != Stopping {
			running++
		}
	}
	switch {
	case s.Kind == CronJob || s.Kind == Pod:
		st.Ready = running
	case s.Kind != Job && seen.joined.shares(s): // the workload counts pods of which all is ready
		st.Ready = running
	}
	st.State, st.Reason, st.Message = w.judge(&st)
	return st
}

// judge decides on the state of a service.
func (w *workload) judge(st *Status) (State, string, string) {
	worst := worstPod(st.Pods)
	switch {
	case w.complete:
		return Complete, "", ""
	case w.failed:
		if worst != nil && worst.Message != "" {
			return Failed, cmp.Or(w.failure, worst.Reason), worst.Message
		}
		return Failed, w.failure, ""
	case w.suspended:
		return Stopped, "Suspended", ""
	case w.schedule != "" && w.desired == 0:
		return Scheduled, w.schedule, ""
	case w.desired == 0 && len(st.Pods) == 0:
		return Stopped, "", ""
	case worst != nil && worst.State == Failing:
		return Failing, worst.Reason, worst.Message
	case w.ends && worst == nil && len(st.Pods) > 0:
		return Running, "", ""
	case !w.ends && st.Ready >= st.Desired && worst == nil:
		if w.paused {
			return Paused, "", "its rollout is paused"
		}
		return Running, "", ""
	case worst != nil:
		return worst.State, worst.Reason, worst.Message
	default:
		return Starting, "", ""
	}
}

// worstPod returns the pod that keeps its service from running, or nil.
func worstPod(pods []PodStatus) *PodStatus {
	for _, state := range []State{Failing, Failed, Starting, Stopping} {
		if i := slices.IndexFunc(pods, func(p PodStatus) bool { return p.State == state }); i >= 0 {
			return &pods[i]
		}
	}
	return nil
}
