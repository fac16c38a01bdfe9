package kube

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"

	"gantry/charts/release"
)

// tellEvery is how often a wait that goes on says why.
const tellEvery = 10 * time.Second

// pause is how long a wait rests before it asks again, after the watch of it
// broke or when watching is not allowed.
const pause = time.Second

// deniedTries is how often credentials may be refused before a wait ends: nobody else mends
// those that have expired.
const deniedTries = 3

// watchSeconds is how long the server keeps one watch open. A watch whose
// connection has died unnoticed would otherwise wait for ever.
func watchSeconds() *int64 {
	seconds := int64(30)
	return &seconds
}

// Wait waits until all objects are as they should be. The error is a
// [*NotReadyError] that says why one is not.
func (s *Session) Wait(ctx context.Context, objects []*unstructured.Unstructured, until release.Until, timeout time.Duration) error {
	met := map[release.Until]condition{
		release.UntilReady:    isReady(false),
		release.UntilDone:     isReady(true),
		release.UntilComplete: isComplete,
		release.UntilGone:     isGone,
	}[until]
	return s.wait(ctx, objects, timeout, met, until == release.UntilGone)
}

// waiter waits for the objects of one list.
type waiter struct {
	session *Session
	met     condition
	// ends tells that objects are waited for to be gone.
	ends    bool
	started time.Time

	mu      sync.Mutex
	targets map[group]map[string]*target
	total   int
	// failure is what ended the wait before its time.
	failure error
	// told is what was last said of why the wait goes on.
	told string
	// ended are the last bad ends of the pods of Jobs, by the Jobs' places.
	ended map[types.NamespacedName]ending
}

// target is one object that is waited for.
type target struct {
	object release.Object
	// uid is what it had when it was last seen; empty when it was not.
	uid     types.UID
	live    *unstructured.Unstructured
	met     bool
	message string
}

func (s *Session) wait(ctx context.Context, objects []*unstructured.Unstructured, timeout time.Duration, met condition, ends bool) error {
	if timeout <= 0 {
		timeout = release.DefaultTimeout
	}
	w := &waiter{session: s, met: met, ends: ends, targets: map[group]map[string]*target{}, total: len(objects), started: time.Now()} //nolint:forbidigo // a span, not a date
	outer := ctx
	ctx, cancel := context.WithTimeout(outer, timeout)
	defer cancel()
	for _, obj := range objects {
		if err := w.add(obj); err != nil {
			return w.explain(outer, ctx, err)
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
	beside.Go(func() { w.keepReplacing(watched) })
	for _, g := range w.guards() {
		beside.Go(func() {
			if err := g.run(watched); err != nil {
				w.fail(watched, err)
				stop()
			}
		})
	}
	err := watches.Wait()
	stop()
	beside.Wait()
	if w.failure != nil {
		err = w.failure
	}
	return w.explain(outer, ctx, err)
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
func (w *waiter) add(obj *unstructured.Unstructured) error {
	if obj.GetResourceVersion() != "" {
		if met, _, err := w.met(obj); met || err != nil {
			return err
		}
	}
	mapping, err := w.session.mapping(obj)
	if err != nil {
		return err
	}
	g := group{mapping.Resource, obj.GetNamespace()}
	if w.targets[g] == nil {
		w.targets[g] = map[string]*target{}
	}
	w.targets[g][obj.GetName()] = &target{object: release.ObjectOf(obj), uid: obj.GetUID()}
	return nil
}

// follow lists and watches one group until all of its targets are met. It
// begins anew when a watch ends, and asks for each object by name when the user
// may not list.
func (w *waiter) follow(ctx context.Context, g group, targets map[string]*target) error {
	client := w.session.client.Resource(g.resource).Namespace(g.namespace)
	options := g.all()
	if len(targets) == 1 {
		options.FieldSelector = "metadata.name=" + slices.Collect(maps.Keys(targets))[0]
	}
	for denied := 0; ; {
		version, err := w.look(ctx, client, options, targets)
		if apierrors.IsUnauthorized(err) && denied < deniedTries {
			denied, err = denied+1, nil // what gives the credentials may make new ones
		}
		if err != nil || w.done(targets) {
			return w.session.cluster.Lost(err)
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
	case apierrors.IsUnauthorized(err):
		return "", err
	case err != nil:
		return "", nil //nolint:nilerr // the server may come back before the time is over
	}
	found := map[string]*unstructured.Unstructured{}
	for i := range list.Items {
		found[list.Items[i].GetName()] = &list.Items[i]
	}
	for name, t := range targets {
		if err := w.judge(ctx, t, found[name]); err != nil {
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
			return fmt.Errorf("wait for %s: %w", t.object, err)
		case err != nil:
			continue
		}
		if err := w.judge(ctx, t, live); err != nil {
			return err
		}
	}
	return nil
}

// watch judges the targets as they change, until all are met or the watch ends.
func (w *waiter) watch(ctx context.Context, client dynamic.ResourceInterface, options metav1.ListOptions, version string, targets map[string]*target) error {
	options.ResourceVersion = version
	options.AllowWatchBookmarks = true
	options.TimeoutSeconds = watchSeconds()
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
		if err := w.judge(ctx, t, live); err != nil || w.done(targets) {
			return err
		}
	}
	return ctx.Err()
}

// judge takes the latest state of a target.
func (w *waiter) judge(ctx context.Context, t *target, live *unstructured.Unstructured) error {
	if live != nil && t.uid != "" && live.GetUID() != t.uid && w.ends {
		live = nil // another one of the same name
	}
	met, message, err := w.met(live)
	if err == nil && !met && !w.ends && w.session.unclaimed(ctx, live) {
		met, message = true, "bound when a pod uses it"
	}
	w.mu.Lock()
	was := t.met
	t.live, t.met, t.message = live, met, message
	w.mu.Unlock()
	if err != nil {
		return err
	}
	if met && !was && live != nil {
		w.session.tellReady(t.object, live.GetUID())
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
	slices.SortFunc(list, func(a, b target) int { return compareObjects(a.object, b.object) })
	return list
}

// within returns copies of all targets in a namespace.
func (w *waiter) within(namespace string) []target {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []target
	for g, targets := range w.targets {
		if g.namespace != namespace {
			continue
		}
		for _, t := range targets {
			list = append(list, *t)
		}
	}
	return list
}
