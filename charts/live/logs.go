package live

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// pause is how long to rest before asking again what broke off.
const pause = time.Second

// maxLine is how much of one line of a log is kept in memory. What is longer is
// cut in two.
const maxLine = 1 << 20

// LogOptions says which lines of the logs are read.
type LogOptions struct {
	// Follow goes on with what is written from now on, by pods that do not exist
	// yet, too.
	Follow bool
	// Previous reads the logs of the containers that ran before the current ones.
	Previous bool
	// Tail is how many of the last lines of each container are read; all when it is
	// negative.
	Tail int64
	// Since is how old lines may be; any age when it is 0.
	Since time.Duration
}

// Line is a line of a log.
type Line struct {
	Service        Service
	Pod, Container string
	// Only tells that the pod has no other container that stays.
	Only bool
	Time time.Time
	Text string
}

// Logs reads the logs of services, in the order of time. With Follow it returns
// when ctx is done, and then without an error.
//
// The lines of what ran and of what is being followed are told one at a time.
func (a *App) Logs(ctx context.Context, services []Service, o LogOptions, tell func(Line)) error {
	if o.Follow {
		return a.follow(ctx, services, o, tell)
	}
	sources, err := a.logSources(ctx, services, o.Previous)
	if err != nil {
		return err
	}
	return a.merge(ctx, sources, o, tell)
}

// logSource is a container whose log is read.
type logSource struct {
	service                   Service
	namespace, pod, container string
	only                      bool
}

func (s logSource) line(at time.Time, text string) Line {
	return Line{Service: s.service, Pod: s.pod, Container: s.container, Only: s.only, Time: at, Text: text}
}

// sourcesOf are the containers of a pod that have logs, or those that ran before
// the current ones. What a container that waits for its restart has written last
// is its log.
func (a *App) sourcesOf(s Service, pod *corev1.Pod, before bool) []logSource {
	var list []logSource
	only := len(readPod(pod, func(name string) bool { return a.joined.has(s, name) }).Containers) == 1
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		ran := c.State.Running != nil || c.State.Terminated != nil || c.LastTerminationState.Terminated != nil
		if before {
			ran = c.LastTerminationState.Terminated != nil
		}
		if ran && a.joined.has(s, c.Name) {
			list = append(list, logSource{s, pod.Namespace, pod.Name, c.Name, only})
		}
	}
	return list
}

func (a *App) logSources(ctx context.Context, services []Service, before bool) ([]logSource, error) {
	seen, err := a.look(ctx, services)
	if err != nil {
		return nil, err
	}
	var list []logSource
	for _, s := range services {
		for i := range seen.pods[s] {
			list = append(list, a.sourcesOf(s, &seen.pods[s][i], before)...)
		}
	}
	return list, nil
}

// open starts to read the log of a container.
func (a *App) openLog(ctx context.Context, s logSource, o corev1.PodLogOptions) (*logReader, error) {
	o.Container, o.Timestamps = s.container, true
	stream, err := a.client.CoreV1().Pods(s.namespace).GetLogs(s.pod, &o).Stream(ctx)
	if err != nil {
		return nil, err
	}
	return &logReader{stream: stream, lines: bufio.NewReaderSize(stream, maxLine)}, nil
}

// logReader reads the lines of a log that has times.
type logReader struct {
	stream io.ReadCloser
	lines  *bufio.Reader
}

func (r *logReader) next() (time.Time, string, error) {
	text, err := r.lines.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		err = nil // the rest comes as a line of its own
	}
	if len(text) == 0 {
		return time.Time{}, "", err
	}
	line := strings.TrimRight(string(text), "\r\n")
	stamp, rest, _ := strings.Cut(line, " ")
	if at, err := time.Parse(time.RFC3339Nano, stamp); err == nil {
		return at, rest, nil
	}
	return time.Time{}, line, nil
}

func (o LogOptions) request() corev1.PodLogOptions {
	r := corev1.PodLogOptions{Previous: o.Previous}
	if o.Tail >= 0 {
		r.TailLines = &o.Tail
	}
	if o.Since > 0 {
		seconds := max(int64(o.Since/time.Second), 1)
		r.SinceSeconds = &seconds
	}
	return r
}

// head is the next line of a log.
type head struct {
	logSource
	reader *logReader
	at     time.Time
	text   string
}

// advance reads the next line, and reports whether there is one.
func (h *head) advance() bool {
	at, text, err := h.reader.next()
	if err != nil {
		return false
	}
	if !at.IsZero() {
		h.at = at // a line without a time stays behind the one before
	}
	h.text = text
	return true
}

// merge tells the lines of logs that end, the oldest first. No more of each is
// kept than a line.
func (a *App) merge(ctx context.Context, sources []logSource, o LogOptions, tell func(Line)) error {
	var heads []*head
	defer func() {
		for _, h := range heads {
			_ = h.reader.stream.Close()
		}
	}()
	for _, s := range sources {
		reader, err := a.openLog(ctx, s, o.request())
		switch {
		case o.Previous && apierrors.IsBadRequest(err), apierrors.IsNotFound(err):
			continue // nothing ran before, or the pod is gone
		case err != nil:
			return a.cluster.Lost(fmt.Errorf("read the log of pod %s, container %s: %w", s.pod, s.container, err))
		}
		heads = append(heads, &head{logSource: s, reader: reader})
	}
	var live []*head
	for _, h := range heads {
		if h.advance() {
			live = append(live, h)
		}
	}
	for len(live) > 0 && ctx.Err() == nil {
		first := 0
		for i, h := range live {
			if h.at.Before(live[first].at) {
				first = i
			}
		}
		tell(live[first].line(live[first].at, live[first].text))
		if !live[first].advance() {
			live = slices.Delete(live, first, first+1)
		}
	}
	return ctx.Err()
}

// follower follows the logs of services whose pods come and go.
type follower struct {
	app    *App
	o      LogOptions
	owners owned

	mu   sync.Mutex // guards tell and what follows
	tell func(Line)
	// runs are the containers that are being read, and how often each had been
	// restarted when it was last looked at.
	runs map[logSource]*run
	wait sync.WaitGroup
}

// run is one container that is being read.
type run struct {
	restarts int32
	ended    bool
	// news is told when the container was restarted, or has ended for good.
	news chan struct{}
}

func (a *App) follow(ctx context.Context, services []Service, o LogOptions, tell func(Line)) error {
	f := &follower{app: a, o: o, owners: newOwned(services), tell: tell, runs: map[logSource]*run{}}
	defer f.wait.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	spaces := namespaces(services)
	failed := make(chan error, len(spaces))
	for _, namespace := range spaces {
		f.wait.Go(func() { failed <- f.watch(ctx, namespace) })
	}
	for range spaces {
		if err := <-failed; err != nil && ctx.Err() == nil {
			return a.cluster.Lost(err)
		}
	}
	return nil
}

// watch sees the pods of a namespace as they come, change and go. It returns an
// error when they cannot be listed at first; later, it tries again.
func (f *follower) watch(ctx context.Context, namespace string) error {
	pods := f.app.client.CoreV1().Pods(namespace)
	for first := true; ctx.Err() == nil; first = false {
		list, err := pods.List(ctx, metav1.ListOptions{})
		if err != nil && first {
			return fmt.Errorf("list the pods of namespace %s: %w", namespace, err)
		}
		if err == nil {
			sortPods(list.Items)
			for i := range list.Items {
				f.see(ctx, &list.Items[i], !first)
			}
			f.changes(ctx, namespace, list.ResourceVersion)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return nil
}

func (f *follower) changes(ctx context.Context, namespace, version string) {
	stream, err := f.app.client.CoreV1().Pods(namespace).Watch(ctx, metav1.ListOptions{ResourceVersion: version, AllowWatchBookmarks: true})
	if err != nil {
		return // the pods are listed again
	}
	defer stream.Stop()
	for event := range stream.ResultChan() {
		pod, ok := event.Object.(*corev1.Pod)
		switch {
		case !ok || event.Type == watch.Bookmark:
		case event.Type == watch.Deleted:
			f.gone(pod)
		default:
			f.see(ctx, pod, true)
		}
	}
}

// see begins to read the containers of a pod that are not read yet, and tells the
// others of restarts. Of pods that are new, everything is read.
func (f *follower) see(ctx context.Context, pod *corev1.Pod, isNew bool) {
	over := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	f.mu.Lock()
	defer f.mu.Unlock()
	var sources []logSource
	for _, s := range f.owners.of(pod) {
		sources = append(sources, f.app.sourcesOf(s, pod, false)...)
	}
	for _, source := range sources {
		restarts := restartsOf(pod, source.container)
		r := f.runs[source]
		if r == nil {
			r = &run{restarts: restarts, ended: over, news: make(chan struct{}, 1)}
			f.runs[source] = r
			request := f.o.request()
			if isNew {
				request = corev1.PodLogOptions{}
			}
			f.wait.Go(func() { f.read(ctx, source, r, request) })
			continue
		}
		if restarts != r.restarts || over && !r.ended {
			r.restarts, r.ended = restarts, over
			r.wake()
		}
	}
}

func restartsOf(pod *corev1.Pod, container string) int32 {
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if c.Name == container {
			// One that waits for its restart is read when it has begun.
			if c.State.Waiting != nil {
				return c.RestartCount - 1
			}
			return c.RestartCount
		}
	}
	return 0
}

func (r *run) wake() {
	select {
	case r.news <- struct{}{}:
	default:
	}
}

func (f *follower) gone(pod *corev1.Pod) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for source, r := range f.runs {
		if source.namespace == pod.Namespace && source.pod == pod.Name {
			r.ended = true
			r.wake()
			delete(f.runs, source)
		}
	}
}

// read reads a container's log, that of each of its restarts, too, until it has
// ended for good.
func (f *follower) read(ctx context.Context, s logSource, r *run, o corev1.PodLogOptions) {
	var at mark
	for ctx.Err() == nil {
		f.mu.Lock()
		ended, restarts := r.ended, r.restarts
		f.mu.Unlock()
		o.Follow = true
		if at.known() {
			o.SinceTime, o.SinceSeconds, o.TailLines = &metav1.Time{Time: at.time}, nil, nil
		}
		reader, err := f.app.openLog(ctx, s, o)
		if err == nil {
			f.copy(s, reader, &at)
		}
		if ended || apierrors.IsNotFound(err) {
			return
		}
		if f.restarted(r, restarts) {
			continue
		}
		// The log has ended, the container may have not: the connection may have
		// broken off.
		select {
		case <-ctx.Done():
		case <-r.news:
		case <-time.After(pause):
		}
	}
}

func (f *follower) restarted(r *run, since int32) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return r.restarts != since
}

func (f *follower) copy(s logSource, reader *logReader, at *mark) {
	defer reader.stream.Close()
	again := at.again()
	for {
		when, text, err := reader.next()
		if err != nil {
			return
		}
		if again.told(when) {
			continue
		}
		at.pass(when)
		f.mu.Lock()
		f.tell(s.line(when, text))
		f.mu.Unlock()
	}
}

// mark is how far a log was read: servers know whole seconds only when they are
// asked for what is newer.
type mark struct {
	time time.Time
	// same is how many lines have that very time.
	same int
}

func (m *mark) known() bool { return !m.time.IsZero() }

func (m *mark) pass(t time.Time) {
	switch {
	case t.Equal(m.time):
		m.same++
	case t.After(m.time):
		m.time, m.same = t, 1
	}
}

// again returns what tells the lines that were read before from others.
func (m *mark) again() *repeated { return &repeated{until: *m} }

type repeated struct {
	until mark
	same  int
}

func (r *repeated) told(t time.Time) bool {
	if t.IsZero() || !r.until.known() || cmp.Compare(t.UnixNano(), r.until.time.UnixNano()) > 0 {
		return false
	}
	if t.Equal(r.until.time) {
		r.same++
		return r.same <= r.until.same
	}
	return true
}

// Label says whose line it is: the service and the end of the pod's name, which is
// its own, and the container where there are several.
func (l Line) Label() string {
	label := podLabel(l.Service, l.Pod)
	if !l.Only {
		label += "/" + l.Container
	}
	return label
}

// podLabel is a short name of a pod.
func podLabel(s Service, pod string) string {
	i := strings.LastIndexByte(pod, '-')
	if i < 0 || s.Kind == Pod {
		return s.Name
	}
	return s.Name + pod[i:]
}
