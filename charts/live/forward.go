package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"
)

// Forward is a port of this machine that leads to a port of a service.
type Forward struct {
	Service Service
	// Local is the port here. Where it may not be had and Flexible holds, another is
	// taken.
	Local, Remote int
	Flexible      bool
}

// ForwardEvent is what happens to forwarded ports.
type ForwardEvent struct {
	Forward Forward
	// Pod is where it leads to; empty when there is none.
	Pod string
	// Err is why it leads nowhere at the moment. It is tried again.
	Err error
}

// Forwards returns the ports of services that others reach, each once, and what
// leads to them when nothing else was asked for. Only TCP can be forwarded.
func (a *App) Forwards(ctx context.Context, services []Service) ([]Forward, error) {
	list, err := a.Status(ctx, services)
	if err != nil {
		return nil, err
	}
	var all []Forward
	taken, led := map[int]bool{}, map[[3]string][]int{}
	for _, s := range list {
		for _, p := range published(s.Ports) {
			// Services that share their pods share the ports.
			if slices.Contains(led[s.workload()], p.Target) {
				continue
			}
			led[s.workload()] = append(led[s.workload()], p.Target)
			all = append(all, Forward{Service: s.Service, Local: p.Published, Remote: p.Target, Flexible: true})
		}
	}
	for i, f := range all {
		if taken[f.Local] {
			all[i].Local = 0
		}
		taken[f.Local] = true
	}
	return all, nil
}

// published are the TCP ports of a service, of several that lead to the same the
// one that is not the container's own: 8080:80 makes both 8080 and 80.
func published(ports []Port) []Port {
	var list []Port
	for _, p := range ports {
		if p.Protocol != string(corev1.ProtocolTCP) {
			continue
		}
		i := slices.IndexFunc(list, func(other Port) bool { return other.Target == p.Target })
		switch {
		case i < 0:
			list = append(list, p)
		case list[i].Published == list[i].Target:
			list[i] = p
		}
	}
	return list
}

// Resolve translates a port of a service to that of its pods.
func (a *App) Resolve(ctx context.Context, s Service, port int) (int, error) {
	list, err := a.Status(ctx, []Service{s})
	if err != nil {
		return 0, err
	}
	for _, p := range list[0].Ports {
		if p.Published == port {
			return p.Target, nil
		}
	}
	return port, nil
}

// Forward leads ports of this machine to services until ctx is done. It tells when
// each begins, and when one breaks off; then it looks for a pod again.
func (a *App) Forward(ctx context.Context, address string, forwards []Forward, tell func(ForwardEvent)) error {
	groups := map[Service][]Forward{}
	var services []Service
	used := map[int]bool{}
	for _, f := range forwards {
		local, err := freePort(ctx, address, f, used)
		if err != nil {
			return err
		}
		f.Local, used[local] = local, true
		if groups[f.Service] == nil {
			services = append(services, f.Service)
		}
		groups[f.Service] = append(groups[f.Service], f)
	}
	var (
		wait sync.WaitGroup
		mu   sync.Mutex
	)
	for _, s := range services {
		w := &forwarder{app: a, address: address, service: s, forwards: groups[s], tell: func(e ForwardEvent) {
			mu.Lock()
			defer mu.Unlock()
			tell(e)
		}}
		wait.Go(func() { w.run(ctx) })
	}
	wait.Wait()
	return nil
}

// freePort returns the local port of a forward if it may be had. Where another
// will do, that is one which looks like it, or any.
func freePort(ctx context.Context, address string, f Forward, used map[int]bool) (int, error) {
	const privileged, above = 1024, 8000 // 80 becomes 8080
	candidates := []int{f.Local}
	if f.Flexible {
		if f.Local > 0 && f.Local < privileged {
			candidates = append(candidates, f.Local+above)
		}
		candidates = append(candidates, 0)
	}
	var last error
	for _, port := range candidates {
		if used[port] && f.Flexible {
			continue
		}
		found, err := tryPort(ctx, address, port)
		if err == nil {
			return found, nil
		}
		last = err
	}
	return 0, fmt.Errorf("service %s: %w", f.Service.Name, last)
}

func tryPort(ctx context.Context, address string, port int) (int, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", net.JoinHostPort(address, strconv.Itoa(port)))
	if err != nil {
		return 0, err
	}
	if at, ok := l.Addr().(*net.TCPAddr); ok {
		port = at.Port
	}
	return port, l.Close()
}

// forwarder leads ports to one service.
type forwarder struct {
	app      *App
	address  string
	service  Service
	forwards []Forward
	tell     func(ForwardEvent)
}

func (w *forwarder) run(ctx context.Context) {
	said := ""
	for ctx.Err() == nil {
		err := w.once(ctx, func(pod string) {
			said = ""
			for _, f := range w.forwards {
				w.tell(ForwardEvent{Forward: f, Pod: pod})
			}
		})
		if ctx.Err() != nil {
			return
		}
		if text := err.Error(); text != said {
			said = text
			w.tell(ForwardEvent{Forward: w.forwards[0], Err: err})
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// errGone ends a connection to a pod that is not there any more.
var errGone = errors.New("the pod is gone")

// once leads the ports to one pod, until it is gone or the connection is. It
// always returns an error.
func (w *forwarder) once(ctx context.Context, began func(pod string)) error {
	t, err := w.app.Target(ctx, w.service, 0, "")
	if err != nil {
		return err
	}
	dialer, err := w.app.dialer(t)
	if err != nil {
		return err
	}
	ports := make([]string, 0, len(w.forwards))
	for _, f := range w.forwards {
		ports = append(ports, fmt.Sprintf("%d:%d", f.Local, f.Remote))
	}
	connected, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ready := make(chan struct{})
	p, err := portforward.NewOnAddressesForStreamingWithContext(connected, dialer, []string{w.address}, ports, ready, io.Discard, io.Discard)
	if err != nil {
		return err
	}
	var wait sync.WaitGroup
	defer wait.Wait()
	defer stop(nil)
	wait.Go(func() {
		select {
		case <-connected.Done():
			return
		case <-ready:
		}
		began(t.Pod)
		if w.app.untilGone(connected, t) {
			stop(errGone)
		}
	})
	err = p.ForwardPorts()
	if cause := context.Cause(connected); errors.Is(cause, errGone) {
		return fmt.Errorf("pod %s is gone", t.Pod)
	}
	if err == nil {
		err = portforward.ErrLostConnectionToPod
	}
	return fmt.Errorf("pod %s: %w", t.Pod, err)
}

// dialer connects to the ports of a pod, over a WebSocket or, where that is not
// understood, over SPDY.
func (a *App) dialer(t Target) (httpstream.Dialer, error) {
	url := a.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(t.Namespace).Name(t.Pod).SubResource("portforward").URL()
	transport, upgrader, err := spdy.RoundTripperFor(a.config)
	if err != nil {
		return nil, fmt.Errorf("use the kubeconfig: %w", err)
	}
	old := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, url)
	websocket, err := portforward.NewSPDYOverWebsocketDialerForStreaming(url, a.config)
	if err != nil {
		return nil, fmt.Errorf("use the kubeconfig: %w", err)
	}
	return portforward.NewFallbackDialerForStreaming(websocket, old, oldProtocol), nil
}

// untilGone waits until a pod is being deleted or has ended, and reports whether
// it is so: the connection itself tells only when it is used.
func (a *App) untilGone(ctx context.Context, t Target) bool {
	for ctx.Err() == nil {
		if a.gone(ctx, t) {
			return true
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return false
}

func (a *App) gone(ctx context.Context, t Target) bool {
	one := metav1.ListOptions{FieldSelector: "metadata.name=" + t.Pod}
	list, err := a.client.CoreV1().Pods(t.Namespace).List(ctx, one)
	if err != nil {
		return false
	}
	if len(list.Items) == 0 || len(running(&list.Items[0])) == 0 || list.Items[0].DeletionTimestamp != nil {
		return true
	}
	one.ResourceVersion = list.ResourceVersion
	stream, err := a.client.CoreV1().Pods(t.Namespace).Watch(ctx, one)
	if err != nil {
		return false
	}
	defer stream.Stop()
	for event := range stream.ResultChan() {
		pod, ok := event.Object.(*corev1.Pod)
		if ok && (event.Type == watch.Deleted || pod.DeletionTimestamp != nil || len(running(pod)) == 0) {
			return true
		}
	}
	return false
}
