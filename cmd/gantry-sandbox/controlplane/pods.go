package controlplane

import (
	"context"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// terminatedCode is what a container ends with on SIGTERM: 128 and its number.
const terminatedCode = 143

// syncPod does for a pod what its kubelet would.
func (f *fakes) syncPod(ctx context.Context, p *corev1.Pod) error {
	node, ok := f.nodeOf(p)
	if !ok {
		return nil
	}
	at := placement{nodeIP: nodeIP(node), podIP: nodeIP(node)}
	if !p.Spec.HostNetwork {
		var err error
		if at.podIP, err = f.podIPs.get(p.UID); err != nil {
			return err
		}
	}
	if p.DeletionTimestamp != nil {
		return f.endPod(ctx, p, at)
	}
	b, invalid := behaviourOf(p.Annotations)
	now := f.now()
	current, began := stageOf(p)
	next := situation{
		stage:     current,
		since:     f.stays.since(p.UID, current, began, now),
		restarts:  restartsOf(p),
		policy:    p.Spec.RestartPolicy,
		behaviour: b,
		blocked:   f.blockedBy(ctx, p, current),
	}.next()
	if current == stageNew && invalid != nil {
		f.events.Event(p, corev1.EventTypeWarning, "InvalidAnnotation", invalid.Error())
	}
	if next.again > 0 {
		f.queue.AddAfter(item{kindPod, p.Namespace, p.Name}, next.again)
	}
	if err := f.setPod(ctx, p, statusFor(p, next, b.exitCode, at, metav1.NewTime(now))); err != nil {
		return err
	}
	if next.stage != current {
		f.stays.enter(p.UID, next.stage, now)
		f.tell(p, next, b)
	}
	return nil
}

func (f *fakes) setPod(ctx context.Context, p *corev1.Pod, s corev1.PodStatus) error {
	if equality.Semantic.DeepEqual(p.Status, s) {
		return nil
	}
	p.Status = s
	_, err := f.client.CoreV1().Pods(p.Namespace).UpdateStatus(ctx, p, metav1.UpdateOptions{})
	return err
}

// endPod lets go of a pod that is to be deleted. Where somebody waits for the
// result (a Job does, by a finalizer), the pod gets one first.
func (f *fakes) endPod(ctx context.Context, p *corev1.Pod, at placement) error {
	if current, _ := stageOf(p); current != stageEnded && len(p.Finalizers) > 0 {
		end := step{stage: stageEnded, restarts: restartsOf(p)}
		return f.setPod(ctx, p, statusFor(p, end, terminatedCode, at, metav1.NewTime(f.now())))
	}
	if ptr.Deref(p.DeletionGracePeriodSeconds, -1) == 0 {
		return nil // only finalizers of others are left
	}
	return f.client.CoreV1().Pods(p.Namespace).Delete(ctx, p.Name, metav1.DeleteOptions{
		GracePeriodSeconds: ptr.To[int64](0),
		Preconditions:      metav1.NewUIDPreconditions(string(p.UID)),
	})
}

// tell records the events by which people find out why a pod does not work.
func (f *fakes) tell(p *corev1.Pod, next step, b behaviour) {
	switch next.stage {
	case stageWaiting:
		f.events.Event(p, corev1.EventTypeWarning, next.blocker.event, next.blocker.message)
	case stageBackOff:
		f.events.Eventf(p, corev1.EventTypeWarning, "BackOff", "Back-off restarting failed container in pod %s_%s", p.Name, p.Namespace)
	case stageRunning:
		f.events.Eventf(p, corev1.EventTypeNormal, "Started", "Started %s", containerNames(p))
		if b.notReady {
			f.events.Event(p, corev1.EventTypeWarning, "Unhealthy", "Readiness probe failed: the pod asks for this by "+annotationNotReady)
		}
	case stageNew, stageEnded:
	}
}

func containerNames(p *corev1.Pod) string {
	var names []string
	for _, c := range p.Spec.Containers {
		names = append(names, c.Name)
	}
	return "container " + strings.Join(names, ", ")
}

// blockedBy returns what a pod that has not started yet must wait for.
func (f *fakes) blockedBy(ctx context.Context, p *corev1.Pod, current stage) *blocker {
	if current != stageNew && current != stageWaiting {
		return nil
	}
	return missing(p, func(kind, name string) (map[string]bool, bool) {
		if kind == configMap {
			return f.configMapKeys(ctx, p.Namespace, name)
		}
		return f.secretKeys(ctx, p.Namespace, name)
	})
}

// configMapKeys asks the API server when the informer knows nothing: the object
// may be newer than what the informer has seen.
func (f *fakes) configMapKeys(ctx context.Context, namespace, name string) (map[string]bool, bool) {
	m, err := f.informers.Core().V1().ConfigMaps().Lister().ConfigMaps(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		m, err = f.client.CoreV1().ConfigMaps(namespace).Get(ctx, name, metav1.GetOptions{})
	}
	if err != nil {
		return nil, false
	}
	keys := map[string]bool{}
	for k := range m.Data {
		keys[k] = true
	}
	for k := range m.BinaryData {
		keys[k] = true
	}
	return keys, true
}

func (f *fakes) secretKeys(ctx context.Context, namespace, name string) (map[string]bool, bool) {
	s, err := f.informers.Core().V1().Secrets().Lister().Secrets(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		s, err = f.client.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
	}
	if err != nil {
		return nil, false
	}
	keys := map[string]bool{}
	for k := range s.Data {
		keys[k] = true
	}
	return keys, true
}

// stays remembers since when pods are at a stage, more finely than the whole
// seconds of their statuses.
type stays struct {
	mu    sync.Mutex
	stays map[types.UID]stay
}

type stay struct {
	stage stage
	began time.Time
}

// enter remembers when a pod came to a stage.
func (t *stays) enter(uid types.UID, s stage, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stays == nil {
		t.stays = map[types.UID]stay{}
	}
	t.stays[uid] = stay{s, now}
}

// since returns for how long the pod has been at a stage. What the status says
// must do for pods of an earlier run.
func (t *stays) since(uid types.UID, s stage, status, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known, ok := t.stays[uid]; ok && known.stage == s {
		return now.Sub(known.began)
	}
	if status.IsZero() {
		return 0
	}
	return now.Sub(status)
}

func (t *stays) forget(uid types.UID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.stays, uid)
}
