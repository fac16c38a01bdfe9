package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	helmkube "helm.sh/helm/v3/pkg/kube"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/cli-runtime/pkg/resource"
	"k8s.io/client-go/dynamic"

	"gantry/charts/release"
)

// tellEvery is how often a wait that goes on says why.
const tellEvery = 10 * time.Second

// pause is how long a wait rests before it asks again, after the watch of it
// broke or when watching is not allowed.
const pause = time.Second

// Wait waits until the objects are ready. Jobs need not be complete. The error
// is a [*NotReadyError] that says why.
func (s *Session) Wait(list helmkube.ResourceList, timeout time.Duration) error {
	return s.failed(s.wait(list, timeout, isReady(false)))
}

// WaitWithJobs waits until the objects are ready and the Jobs complete.
func (s *Session) WaitWithJobs(list helmkube.ResourceList, timeout time.Duration) error {
	return s.failed(s.wait(list, timeout, isReady(true)))
}

// WatchUntilReady waits for hooks: for the end of Jobs and Pods.
func (s *Session) WatchUntilReady(list helmkube.ResourceList, timeout time.Duration) error {
	for _, info := range list {
		if kind := info.Mapping.GroupVersionKind.Kind; kind == "Job" || kind == "Pod" {
			s.tell(release.Event{Action: release.HookStarted, Object: object(info)})
		}
	}
	return s.failed(s.wait(list, timeout, isComplete))
}

// WaitForDelete waits until the objects are gone.
func (s *Session) WaitForDelete(list helmkube.ResourceList, timeout time.Duration) error {
	return s.failed(s.wait(list, timeout, isGone))
}

// group is the objects that one list and one watch can see.
type group struct {
	resource  schema.GroupVersionResource
	namespace string
}

// waiter waits for the objects of one list.
type waiter struct {
	session *Session
	client  dynamic.Interface
	met     condition
	started time.Time

	mu      sync.Mutex
	targets map[group]map[string]*target
	total   int
	// failure is what ended the wait before its time.
	failure error
	// told is what was last said of why the wait goes on.
	told string
}

// target is one object that is waited for.
type target struct {
	info    *resource.Info
	live    *unstructured.Unstructured
	met     bool
	message string
}

func (s *Session) wait(list helmkube.ResourceList, timeout time.Duration, met condition) error {
	if timeout <= 0 {
		timeout = 5 * time.Minute
	}
	client, err := s.dynamic()
	if err != nil {
		return err
	}
	w := &waiter{session: s, client: client, met: met, targets: map[group]map[string]*target{}, total: len(list), started: time.Now()} //nolint:forbidigo // a span, not a date
	ctx, cancel := context.WithTimeout(s.ctx, timeout)
	defer cancel()
	for _, info := range list {
		if err := w.add(info); err != nil {
			return w.explain(ctx, err)
		}
	}
	if len(w.targets) == 0 {
		return nil
	}
	var watches errgroup.Group
	watched, stop := context.WithCancel(ctx)
	defer stop()
	for g, targets := range w.targets {
		watches.Go(func() error {
			err := w.follow(watched, g, targets)
			if err != nil {
				w.fail(watched, err)
				stop()
			}
			return err
		})
	}
	var beside sync.WaitGroup
	beside.Go(func() { w.keepTelling(watched) })
	for _, g := range w.guards() {
		beside.Go(func() {
			if err := g.run(watched); err != nil {
				w.fail(watched, err)
				stop()
			}
		})
	}
	err = watches.Wait()
	stop()
	beside.Wait()
	if w.failure != nil {
		err = w.failure
	}
	return w.explain(ctx, err)
}

// fail remembers what ended the wait; the others only hear that it was ended.
func (w *waiter) fail(ctx context.Context, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failure == nil && ctx.Err() == nil {
		w.failure = err
	}
}

// add takes an object on, unless what applying it returned is enough already:
// most objects of a release have no state to wait for.
func (w *waiter) add(info *resource.Info) error {
	if live, ok := asUnstructured(info.Object); ok && live.GetResourceVersion() != "" {
		if met, _, err := w.met(live); met || err != nil {
			return err
		}
	}
	g := group{info.Mapping.Resource, info.Namespace}
	if w.targets[g] == nil {
		w.targets[g] = map[string]*target{}
	}
	w.targets[g][info.Name] = &target{info: info}
	return nil
}

func asUnstructured(obj runtime.Object) (*unstructured.Unstructured, bool) {
	if u, ok := obj.(*unstructured.Unstructured); ok {
		return u, true
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	return &unstructured.Unstructured{Object: fields}, err == nil
}

// follow lists and watches one group until all of its targets are met. It
// begins anew when a watch ends, and asks for each object by name when the user
// may not list.
func (w *waiter) follow(ctx context.Context, g group, targets map[string]*target) error {
	client := w.client.Resource(g.resource).Namespace(g.namespace)
	options := metav1.ListOptions{}
	if len(targets) == 1 {
		options.FieldSelector = "metadata.name=" + slices.Collect(maps.Keys(targets))[0]
	}
	for {
		version, err := w.look(ctx, client, options, targets)
		if err != nil || w.done(targets) {
			return err
		}
		if version != "" {
			if err := w.watch(ctx, client, options, version, targets); err != nil || w.done(targets) {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// look reads the state of all targets. The version is empty when there is none
// to watch from.
func (w *waiter) look(ctx context.Context, client dynamic.ResourceInterface, options metav1.ListOptions, targets map[string]*target) (version string, err error) {
	list, err := client.List(ctx, options)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case apierrors.IsForbidden(err) || apierrors.IsMethodNotSupported(err):
		return "", w.lookEach(ctx, client, targets)
	case err != nil:
		return "", nil //nolint:nilerr // the server may come back before the time is over
	}
	found := map[string]*unstructured.Unstructured{}
	for i := range list.Items {
		found[list.Items[i].GetName()] = &list.Items[i]
	}
	for name, t := range targets {
		if err := w.judge(t, found[name]); err != nil {
			return "", err
		}
	}
	return list.GetResourceVersion(), nil
}

func (w *waiter) lookEach(ctx context.Context, client dynamic.ResourceInterface, targets map[string]*target) error {
	for name, t := range targets {
		live, err := client.Get(ctx, name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			live = nil
		case apierrors.IsForbidden(err):
			return fmt.Errorf("wait for %s: %w", object(t.info), err)
		case err != nil:
			continue
		}
		if err := w.judge(t, live); err != nil {
			return err
		}
	}
	return nil
}

// watch judges the targets as they change, until all are met or the watch ends.
func (w *waiter) watch(ctx context.Context, client dynamic.ResourceInterface, options metav1.ListOptions, version string, targets map[string]*target) error {
	options.ResourceVersion = version
	options.AllowWatchBookmarks = true
	stream, err := client.Watch(ctx, options)
	if err != nil {
		return ctx.Err()
	}
	defer stream.Stop()
	for event := range stream.ResultChan() {
		live, ok := event.Object.(*unstructured.Unstructured)
		if !ok || event.Type == watch.Bookmark || event.Type == watch.Error {
			continue
		}
		t, ours := targets[live.GetName()]
		if !ours {
			continue
		}
		if event.Type == watch.Deleted {
			live = nil
		}
		if err := w.judge(t, live); err != nil || w.done(targets) {
			return err
		}
	}
	return ctx.Err()
}

// judge takes the latest state of a target.
func (w *waiter) judge(t *target, live *unstructured.Unstructured) error {
	met, message, err := w.met(live)
	w.mu.Lock()
	was := t.met
	t.live, t.met, t.message = live, met, message
	w.mu.Unlock()
	if err != nil {
		return err
	}
	if met && !was && live != nil {
		w.session.tell(release.Event{Action: release.Ready, Object: object(t.info)})
	}
	return nil
}

func (w *waiter) done(targets map[string]*target) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range targets {
		if !t.met {
			return false
		}
	}
	return true
}

// pending returns copies of the targets that are not met, in the order of their
// names.
func (w *waiter) pending() []target {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []target
	for _, targets := range w.targets {
		for _, t := range targets {
			if !t.met {
				list = append(list, *t)
			}
		}
	}
	slices.SortFunc(list, func(a, b target) int { return compareObjects(object(a.info), object(b.info)) })
	return list
}

// guards returns one for each namespace whose pods decide on what is waited for,
// unless the user wants to wait whatever happens.
func (w *waiter) guards() []*guard {
	client, err := w.session.cluster.Clientset()
	if err != nil || w.session.patient {
		return nil
	}
	namespaces := map[string]bool{}
	for g := range w.targets {
		if g.namespace != "" {
			namespaces[g.namespace] = true
		}
	}
	var guards []*guard
	for namespace := range namespaces {
		guards = append(guards, &guard{waiter: w, client: client, namespace: namespace, sick: map[string]*patient{}})
	}
	return guards
}

// keepTelling says from time to time what is waited for and why.
func (w *waiter) keepTelling(ctx context.Context) {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w.tellWhy(ctx)
		}
	}
}

// tellWhy says what is waited for and why, unless it was said before.
func (w *waiter) tellWhy(ctx context.Context) {
	pending := w.pending()
	unready := w.session.diagnose(ctx, pending)
	if ctx.Err() != nil || len(unready) == 0 {
		return
	}
	slices.SortStableFunc(unready, func(a, b Unready) int { return cmp.Compare(len(b.Reasons), len(a.Reasons)) })
	detail := unready[0].String()
	if more := len(unready) - 1; more > 0 {
		detail += fmt.Sprintf(" (and %d more)", more)
	}
	w.mu.Lock()
	again := detail == w.told
	w.told = detail
	w.mu.Unlock()
	if !again {
		w.session.tell(release.Event{Action: release.Waiting, Ready: w.total - len(pending), Total: w.total, Detail: detail})
	}
}

// explain makes a [*NotReadyError] of an error, unless the operation was
// interrupted from outside.
func (w *waiter) explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if err := w.session.over(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	// The time is over; looking for reasons gets a little of its own.
	look, cancel := context.WithTimeout(w.session.ctx, diagnoseTimeout)
	defer cancel()
	objects := w.session.diagnose(look, w.pending())
	if e, ok := errors.AsType[*StuckError](err); ok { // what ended the wait comes first
		slices.SortStableFunc(objects, func(a, b Unready) int { return first(b.Object == e.Object) - first(a.Object == e.Object) })
	}
	return &NotReadyError{
		Objects: objects,
		Total:   w.total,
		Waited:  time.Since(w.started).Round(time.Second),
		Err:     err,
	}
}

func first(is bool) int {
	if is {
		return 1
	}
	return 0
}
