package live

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// Event is something that Kubernetes noted about an object of a release.
type Event struct {
	Time    Time   `json:"time"`
	Warning bool   `json:"warning"`
	Reason  string `json:"reason"`
	// Service is empty for what belongs to none, such as an Ingress.
	Service string `json:"service,omitempty"`
	Kind    string `json:"kind"`
	Object  string `json:"object"`
	Message string `json:"message"`
	// Count is how often it happened.
	Count int `json:"count"`
}

// EventOptions says which events are read.
type EventOptions struct {
	// Follow goes on with what happens from now on.
	Follow bool
	// Warnings leaves out what is in order.
	Warnings bool
	// Since is how old events may be, as the caller's clock has it; any age when it
	// is zero.
	Since time.Time
}

// Events reads what Kubernetes noted about services, or about everything in the
// release when there are none, oldest first. Servers forget after an hour or so.
// With Follow it returns when ctx is done, and then without an error.
func (a *App) Events(ctx context.Context, services []Service, o EventOptions, tell func(Event)) error {
	everything := len(services) == 0
	if everything {
		services = a.services
	}
	spaces := namespaces(services)
	if !slices.Contains(spaces, a.Release.Namespace) && everything {
		spaces = append(spaces, a.Release.Namespace)
	}
	about := newAbout(services)
	if everything {
		about.objects = a.objects
	}
	seen := &eventSight{about: about, o: o, told: map[string]int32{}}
	versions := map[string]string{}
	var past []corev1.Event
	for _, namespace := range spaces {
		list, err := a.client.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return a.cluster.Lost(fmt.Errorf("list the events of namespace %s: %w", namespace, err))
		}
		past, versions[namespace] = append(past, list.Items...), list.ResourceVersion
	}
	slices.SortStableFunc(past, func(x, y corev1.Event) int { return eventTime(&x).Compare(eventTime(&y)) })
	for i := range past {
		seen.take(&past[i], tell)
	}
	if !o.Follow {
		return nil
	}
	return a.followEvents(ctx, versions, func(e *corev1.Event) { seen.take(e, tell) })
}

// followEvents tells of events as they come, one at a time.
func (a *App) followEvents(ctx context.Context, versions map[string]string, tell func(*corev1.Event)) error {
	events := make(chan *corev1.Event)
	for namespace, version := range versions {
		go func() {
			for ctx.Err() == nil {
				version = a.watchEvents(ctx, namespace, version, events)
				select {
				case <-ctx.Done():
				case <-time.After(pause):
				}
			}
		}()
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-events:
			tell(e)
		}
	}
}

// watchEvents passes events on until the watch ends, and returns from where to go
// on. Where the server has forgotten that, all are read anew.
func (a *App) watchEvents(ctx context.Context, namespace, version string, to chan<- *corev1.Event) string {
	stream, err := a.client.CoreV1().Events(namespace).Watch(ctx, metav1.ListOptions{ResourceVersion: version, AllowWatchBookmarks: true})
	if err != nil {
		return ""
	}
	defer stream.Stop()
	for change := range stream.ResultChan() {
		e, ok := change.Object.(*corev1.Event)
		if !ok {
			return ""
		}
		version = e.ResourceVersion
		if change.Type != watch.Added && change.Type != watch.Modified {
			continue
		}
		select {
		case to <- e:
		case <-ctx.Done():
			return version
		}
	}
	return version
}

// eventSight is which events were told.
type eventSight struct {
	about *about
	o     EventOptions
	told  map[string]int32
}

func (s *eventSight) take(e *corev1.Event, tell func(Event)) {
	service, ours := s.about.service(e.InvolvedObject)
	at := eventTime(e)
	count := eventCount(e)
	known, again := s.told[string(e.UID)]
	switch {
	case !ours, again && count <= known, s.o.Warnings && e.Type != corev1.EventTypeWarning, at.Before(s.o.Since):
		return
	}
	s.told[string(e.UID)] = count
	tell(Event{
		Time: Time{at}, Warning: e.Type == corev1.EventTypeWarning, Reason: e.Reason, Service: service,
		Kind: e.InvolvedObject.Kind, Object: e.InvolvedObject.Name, Message: strings.TrimSpace(e.Message), Count: int(count),
	})
}

func eventTime(e *corev1.Event) time.Time {
	switch {
	case e.Series != nil:
		return e.Series.LastObservedTime.Time
	case !e.LastTimestamp.IsZero():
		return e.LastTimestamp.Time
	case !e.EventTime.IsZero():
		return e.EventTime.Time
	default:
		return e.CreationTimestamp.Time
	}
}

func eventCount(e *corev1.Event) int32 {
	if e.Series != nil {
		return e.Series.Count
	}
	return cmp.Or(e.Count, 1)
}

// about tells which service an object belongs to by its name alone: when an event
// is read, the pod that it is about may be gone.
type about struct {
	services []Service
	made     []*regexp.Regexp
	objects  map[[3]string]bool
}

func newAbout(services []Service) *about {
	a := &about{services: slices.Clone(services)}
	// Of Deployments web and web-api, the longer name counts first.
	// What is told of a pod is told of the service that others have joined.
	slices.SortStableFunc(a.services, func(x, y Service) int {
		return cmp.Or(cmp.Compare(len(y.Object), len(x.Object)), cmp.Compare(x.Container, y.Container))
	})
	for _, s := range a.services {
		name := regexp.QuoteMeta(s.Object)
		const hash, random = `[a-z0-9]{1,10}`, `[a-z0-9]{5}`
		pattern := map[string]string{
			Deployment:  `ReplicaSet ` + name + `-` + hash + `|Pod ` + name + `-` + hash + `-` + random,
			StatefulSet: `Pod ` + name + `-\d+|PersistentVolumeClaim \S+-` + name + `-\d+`,
			DaemonSet:   `Pod ` + name + `-` + random,
			Job:         `Pod ` + name + `-` + random,
			CronJob:     `Job ` + name + `-\d+|Pod ` + name + `-\d+-` + random,
		}[s.Kind]
		if pattern != "" {
			pattern += "|"
		}
		a.made = append(a.made, regexp.MustCompile(`^(`+pattern+s.Kind+` `+name+`)$`))
	}
	return a
}

func (a *about) service(object corev1.ObjectReference) (name string, ours bool) {
	for i, s := range a.services {
		if s.Namespace == object.Namespace && a.made[i].MatchString(object.Kind+" "+object.Name) {
			return s.Name, true
		}
	}
	return "", a.objects[[3]string{object.Kind, object.Namespace, object.Name}]
}
