package kube

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"

	"gantry/charts/release"
)

// How long a pod may be in a state that only somebody from outside can end. What
// others may put right by themselves is given longer: an autoscaler brings nodes,
// a controller writes the Secret, a registry comes back.
const (
	pullPatience     = 20 * time.Second // the kubelet asks the registry twice more meanwhile
	configPatience   = 30 * time.Second
	schedulePatience = 2 * time.Minute
	// maxCrashes is how often a container may crash in a row: what a Compose file
	// starts in any order crashes until its database answers.
	maxCrashes = 5
)

// StuckError ends a wait before its time: an object is in a state that waiting
// does not end.
type StuckError struct {
	Object release.Object
	// Reason is the state that it is in.
	Reason string
}

// Error names the object and its state.
func (e *StuckError) Error() string {
	return fmt.Sprintf("waiting does not help: %s; %s", e.Object, e.Reason)
}

// stuck is a state from which waiting alone does not lead.
type stuck struct {
	reason   string
	patience time.Duration
}

// stuckIn returns the state that a pod is stuck in, if it is in one.
func stuckIn(pod *corev1.Pod) (stuck, bool) {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return stuck{firstReason(pod), schedulePatience}, true
		}
	}
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if c.State.Waiting == nil {
			continue
		}
		switch c.State.Waiting.Reason {
		case "InvalidImageName", "ErrImageNeverPull":
			return stuck{firstReason(pod), 0}, true
		case "ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError":
			return stuck{firstReason(pod), pullPatience}, true
		case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
			return stuck{firstReason(pod), configPatience}, true
		case "CrashLoopBackOff":
			if c.RestartCount >= maxCrashes {
				return stuck{firstReason(pod), 0}, true
			}
		}
	}
	return stuck{}, false
}

func firstReason(pod *corev1.Pod) string {
	reasons := podReasons(*pod)
	if len(reasons) == 0 {
		return "pod " + pod.Name
	}
	return reasons[0]
}

// guard looks after the pods of one namespace while a wait goes on.
type guard struct {
	waiter    *waiter
	client    kubernetes.Interface
	namespace string
	// sick are the pods that are stuck, by name.
	sick map[string]*patient
}

// patient is a pod that is stuck since a time.
type patient struct {
	stuck

	since time.Time
	// stranger tells that nothing that is waited for has the pod.
	stranger bool
}

// run watches until the context is done. It returns a [*StuckError] once an
// object that is waited for has been stuck for longer than its state deserves.
// Where pods may not be watched, it guards nothing.
func (g *guard) run(ctx context.Context) error {
	for ctx.Err() == nil {
		stream, err := g.open(ctx)
		if apierrors.IsForbidden(err) {
			return nil
		}
		if err == nil {
			if err := g.listen(ctx, stream); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return nil
}

// open looks at all pods, and returns the changes from there on.
func (g *guard) open(ctx context.Context) (watch.Interface, error) {
	pods := g.client.CoreV1().Pods(g.namespace)
	list, err := pods.List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	before := g.sick
	g.sick = map[string]*patient{}
	for i := range list.Items {
		pod := &list.Items[i]
		if known := before[pod.Name]; known != nil {
			g.sick[pod.Name] = known
		}
		g.see(pod)
	}
	return pods.Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion, AllowWatchBookmarks: true, TimeoutSeconds: watchSeconds()})
}

// listen takes the changes as they come, until the stream ends.
func (g *guard) listen(ctx context.Context, stream watch.Interface) error {
	defer stream.Stop()
	for {
		if err := g.judge(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-g.alarm():
		case event, open := <-stream.ResultChan():
			if !open {
				return nil
			}
			pod, ok := event.Object.(*corev1.Pod)
			switch {
			case !ok:
			case event.Type == watch.Deleted:
				delete(g.sick, pod.Name)
			case event.Type == watch.Added, event.Type == watch.Modified:
				if g.see(pod) {
					g.waiter.tellWhy(ctx)
				}
			}
		}
	}
}

// see notes the state of a pod, and reports whether it is newly stuck.
func (g *guard) see(pod *corev1.Pod) bool {
	s, ok := stuckIn(pod)
	if !ok {
		delete(g.sick, pod.Name)
		return false
	}
	if known := g.sick[pod.Name]; known != nil && known.patience == s.patience {
		known.stuck = s // the words may have become better
		return false
	}
	g.sick[pod.Name] = &patient{stuck: s, since: time.Now()} //nolint:forbidigo // a span, not a date
	return true
}

// alarm rings when the patience with a pod is over. It is nil when there is none.
func (g *guard) alarm() <-chan time.Time {
	var next time.Duration
	found := false
	for _, p := range g.sick {
		if left := p.patience - time.Since(p.since); !p.stranger && (!found || left < next) {
			next, found = left, true
		}
	}
	if !found {
		return nil
	}
	return time.After(next)
}

// judge returns an error for an object whose pod is stuck for too long.
func (g *guard) judge(ctx context.Context) error {
	for name, p := range g.sick {
		if p.stranger || time.Since(p.since) < p.patience {
			continue
		}
		owner, found := g.ownerOf(ctx, name)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the wait is over, and says why
		}
		if found {
			return &StuckError{Object: owner, Reason: strings.TrimSpace(p.reason)}
		}
		p.stranger = true
	}
	return nil
}

// ownerOf returns the object that waits for a pod, if one does.
func (g *guard) ownerOf(ctx context.Context, name string) (release.Object, bool) {
	seen := askWitnesses(ctx, g.client, g.namespace)
	for _, t := range g.waiter.pending() {
		if t.object.Namespace != g.namespace {
			continue
		}
		if slices.ContainsFunc(seen.podsOf(t), func(pod corev1.Pod) bool { return pod.Name == name }) {
			return t.object, true
		}
	}
	return release.Object{}, false
}
