package kube

import (
	"context"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"

	"gantry/charts/release"
)

// What controllers call it when the API server refuses their pods or claims, and when
// it takes them.
const (
	failedCreate     = "FailedCreate"
	successfulCreate = "SuccessfulCreate"
)

// unmade are the pods of one namespace that the API server refuses to the
// controllers which want to make them, as these say in events: a quota, a rule for
// pods, a webhook, a service account that is not there. Such a pod never exists.
type unmade struct {
	waiter    *waiter
	client    kubernetes.Interface
	namespace string
	// old are the events that were there before the wait, as they were then: they may
	// tell of what is over.
	old map[types.UID]string
}

// open looks at all refusals.
func (u *unmade) open(ctx context.Context) ([]runtime.Object, watch.Interface, error) {
	client := u.client.CoreV1().Events(u.namespace)
	options := metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("reason", failedCreate).String()}
	list, err := client.List(ctx, options)
	if err != nil {
		return nil, nil, err
	}
	if u.old == nil {
		u.old = map[types.UID]string{}
		for _, e := range list.Items {
			u.old[e.UID] = e.ResourceVersion
		}
	}
	objects := make([]runtime.Object, len(list.Items))
	for i := range list.Items {
		objects[i] = &list.Items[i]
	}
	options.ResourceVersion, options.AllowWatchBookmarks, options.TimeoutSeconds = list.ResourceVersion, true, watchSeconds()
	stream, err := client.Watch(ctx, options)
	return objects, stream, err
}

// examine knows what is stuck by who wants to make it.
func (u *unmade) examine(object runtime.Object) (string, stuck, bool) {
	e, ok := object.(*corev1.Event)
	if !ok || e.Reason != failedCreate || u.old[e.UID] == e.ResourceVersion {
		return "", stuck{}, false
	}
	s := stuck{reason: failedCreate + ": " + e.Message, patience: configPatience, at: eventTime(*e)}
	if strings.Contains(e.Message, "exceeded quota") || strings.Contains(e.Message, "webhook") {
		s.patience = schedulePatience // pods that end make room, and a webhook may be about to start
	}
	return makerName(e.InvolvedObject.Kind, e.InvolvedObject.Name), s, true
}

// ownerOf returns the object whose controller cannot make what it wants, unless it has
// made something since.
func (u *unmade) ownerOf(ctx context.Context, name string, s stuck) (owner release.Object, who bond) {
	seen := askWitnesses(ctx, u.client, u.namespace)
	for _, t := range u.waiter.pending() {
		if t.object.Namespace == u.namespace && seen.makerOf(t) == name {
			if u.madeSince(ctx, name, s) {
				return release.Object{}, idle
			}
			return t.object, awaited
		}
	}
	if !slices.ContainsFunc(u.waiter.within(u.namespace), func(t target) bool { return seen.mayMake(t, name) }) {
		return release.Object{}, stranger
	}
	return release.Object{}, idle
}

// mayMake reports whether a controller is that of a target, or that of one of its
// revisions.
func (w *witnesses) mayMake(t target, name string) bool {
	if t.object.Kind != "Deployment" {
		return name == makerName(t.object.Kind, t.object.Name)
	}
	if !strings.HasPrefix(name, makerName("ReplicaSet", "")) {
		return false
	}
	i := slices.IndexFunc(w.sets, func(set appsv1.ReplicaSet) bool { return makerName("ReplicaSet", set.Name) == name })
	return t.live == nil || i < 0 || metav1.IsControlledBy(&w.sets[i], t.live)
}

func (u *unmade) madeSince(ctx context.Context, name string, s stuck) bool {
	list, err := u.client.CoreV1().Events(u.namespace).List(ctx, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("reason", successfulCreate).String()})
	if err != nil {
		return false
	}
	for _, e := range list.Items {
		if e.Reason == successfulCreate && makerName(e.InvolvedObject.Kind, e.InvolvedObject.Name) == name && eventTime(e).After(s.at) {
			return true
		}
	}
	return false
}

func makerName(kind, name string) string { return kind + "/" + name }

// makerOf names what makes the pods of an object: itself, or the newest of its
// ReplicaSets.
func (w *witnesses) makerOf(t target) string {
	if t.object.Kind != "Deployment" {
		return makerName(t.object.Kind, t.object.Name)
	}
	_, hash := w.revisionOf(t.live)
	return makerName("ReplicaSet", t.object.Name+"-"+hash)
}
