package live

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"

	"gantry/charts/release"
)

// Tree is what is known of an operation while it goes on: its objects, their pods
// and what was last said of each. Its methods may be called by several goroutines.
type Tree struct {
	mu      sync.Mutex
	nodes   []*node
	pods    map[[2]string]*corev1.Pod
	said    map[[2]string]string // the last warning about a pod
	changed bool
}

// node is one object of the operation.
type node struct {
	object release.Object
	action release.Action
	ready  bool
}

// NewTree returns a tree of nothing yet.
func NewTree() *Tree {
	return &Tree{pods: map[[2]string]*corev1.Pod{}, said: map[[2]string]string{}}
}

// Branch is one object of a tree, with its pods.
type Branch struct {
	Object release.Object
	// Action is what was done to it.
	Action release.Action
	// Waits holds for an object that is waited for, or will be.
	Waits bool
	Pods  []PodStatus
}

// Observe takes what happens to an object.
func (t *Tree) Observe(e release.Event) {
	if e.Object.Name == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changed = true
	i := slices.IndexFunc(t.nodes, func(n *node) bool { return n.object == e.Object })
	if i < 0 {
		t.nodes = append(t.nodes, &node{object: e.Object})
		i = len(t.nodes) - 1
	}
	switch n := t.nodes[i]; e.Action {
	case release.Ready:
		n.ready = true
		n.action = cmp.Or(n.action, e.Action)
	case release.Waiting, release.Warned, release.Doing:
	default:
		// Whatever is done to it, it must become ready again.
		n.action, n.ready = e.Action, false
	}
}

// Changed reports whether anything has changed since it was last called.
func (t *Tree) Changed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.changed
	t.changed = false
	return was
}

// Branches are the objects in the order in which they were first heard of.
func (t *Tree) Branches() []Branch {
	t.mu.Lock()
	defer t.mu.Unlock()
	owned := map[release.Object][]PodStatus{}
	for at, pod := range t.pods {
		kind, name := OwnerOf(pod)
		p := ReadPod(pod)
		if p.State != Running && p.Message == "" {
			p.Message = t.said[at]
		}
		key := release.Object{Kind: kind, Namespace: pod.Namespace, Name: name}
		owned[key] = append(owned[key], p)
	}
	var list []Branch
	for _, n := range t.nodes {
		b := Branch{Object: n.object, Action: n.action}
		b.Waits = !n.ready && RunsPods(n.object.Kind) && n.action != release.Unchanged && n.action != release.Deleted && n.action != release.Kept
		b.Pods = owned[release.Object{Kind: n.object.Kind, Namespace: n.object.Namespace, Name: n.object.Name}]
		slices.SortFunc(b.Pods, func(x, y PodStatus) int {
			return cmp.Or(y.Created.Compare(x.Created.Time), cmp.Compare(x.Name, y.Name)) // new ones keep it waiting
		})
		list = append(list, b)
	}
	return list
}

// RunsPods holds for the kinds of objects that pods belong to, which are waited for.
func RunsPods(kind string) bool {
	return slices.Contains([]string{Deployment, StatefulSet, DaemonSet, Job, Pod}, kind)
}

// Follow keeps the pods of a namespace, and the warnings about them, up to date
// until ctx is done. What may not be seen is left out.
func (t *Tree) Follow(ctx context.Context, client kubernetes.Interface, namespace string) {
	var both sync.WaitGroup
	both.Go(func() {
		keepWatching(ctx, func() (watch.Interface, error) {
			list, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
			if err != nil {
				return nil, err
			}
			t.replace(namespace, list.Items)
			return client.CoreV1().Pods(namespace).Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
		}, t.see)
	})
	both.Go(func() {
		keepWatching(ctx, func() (watch.Interface, error) {
			// Only what comes from now on: the past explains nothing.
			list, err := client.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{Limit: 1})
			if err != nil {
				return nil, err
			}
			return client.CoreV1().Events(namespace).Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion, FieldSelector: "type=Warning"})
		}, t.hear)
	})
	both.Wait()
}

// keepWatching takes the changes of a watch, and of another one when it ends.
func keepWatching(ctx context.Context, open func() (watch.Interface, error), take func(watch.Event)) {
	for ctx.Err() == nil {
		if stream, err := open(); err == nil {
			unwatched := context.AfterFunc(ctx, stream.Stop)
			for event := range stream.ResultChan() {
				take(event)
			}
			unwatched()
			stream.Stop()
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (t *Tree) replace(namespace string, pods []corev1.Pod) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for at := range t.pods {
		if at[0] == namespace {
			delete(t.pods, at)
		}
	}
	for i := range pods {
		t.pods[[2]string{namespace, pods[i].Name}] = &pods[i]
	}
	t.changed = true
}

func (t *Tree) see(e watch.Event) {
	pod, ok := e.Object.(*corev1.Pod)
	if !ok {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changed = true
	at := [2]string{pod.Namespace, pod.Name}
	if e.Type == watch.Deleted {
		delete(t.pods, at)
		return
	}
	t.pods[at] = pod
}

func (t *Tree) hear(e watch.Event) {
	event, ok := e.Object.(*corev1.Event)
	if !ok || event.InvolvedObject.Kind != Pod {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changed = true
	t.said[[2]string{event.InvolvedObject.Namespace, event.InvolvedObject.Name}] = event.Reason + ": " + event.Message
}
