package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"
)

// Target is a container that a command runs in.
type Target struct {
	Service                   Service
	Namespace, Pod, Container string
}

// NoPodError is a service that has no pod to reach into.
type NoPodError struct {
	Service Service
	// Index is which pod was asked for, counting from 1; 0 for any.
	Index int
	// Status is how the service is.
	Status Status
}

// Error says what there is instead.
func (e *NoPodError) Error() string {
	switch {
	case e.Index > 0 && len(e.Status.Pods) > 0 && e.Index > len(e.Status.Pods):
		return fmt.Sprintf("service %s has no pod %d: it has %d", e.Service.Name, e.Index, len(e.Status.Pods))
	case len(e.Status.Pods) == 0:
		return fmt.Sprintf("service %s has no pods: it is %s", e.Service.Name, e.Status.State)
	}
	text := fmt.Sprintf("no pod of service %s runs: it is %s", e.Service.Name, e.Status.State)
	if e.Index > 0 {
		text = fmt.Sprintf("pod %d of service %s does not run: it is %s", e.Index, e.Service.Name, e.Status.Pods[e.Index-1].State)
	}
	if e.Status.Reason != "" {
		text += " (" + e.Status.Reason + ")"
	}
	return text
}

// NoContainerError is a container that a pod does not have, or that does not run.
type NoContainerError struct {
	Container, Pod string
	// Known are the containers that run.
	Known []string
}

// Error names the containers that there are.
func (e *NoContainerError) Error() string {
	return fmt.Sprintf("pod %s has no running container %q: there is %s", e.Pod, e.Container, strings.Join(e.Known, ", "))
}

// defaultContainer is the annotation that says which container people mean.
const defaultContainer = "kubectl.kubernetes.io/default-container"

// Target returns a running container of a service: of the pod that index counts
// from 1, or of the first that is ready, or else runs, when it is 0. The container
// may be empty: then it is the one that the pod names, or its first.
func (a *App) Target(ctx context.Context, s Service, index int, container string) (Target, error) {
	seen, err := a.look(ctx, []Service{s})
	if err != nil {
		return Target{}, err
	}
	pods := seen.pods[s]
	missing := &NoPodError{Service: s, Index: index, Status: seen.status(s)}
	if index > 0 {
		if index > len(pods) || len(a.reachable(s, &pods[index-1], container)) == 0 {
			return Target{}, missing
		}
		return a.targetIn(s, &pods[index-1], container)
	}
	slices.SortStableFunc(pods, func(x, y corev1.Pod) int { return unready(&x) - unready(&y) })
	for i := range pods {
		if pods[i].DeletionTimestamp == nil && len(a.reachable(s, &pods[i], container)) > 0 {
			return a.targetIn(s, &pods[i], container)
		}
	}
	return Target{}, missing
}

func unready(pod *corev1.Pod) int {
	if ReadPod(pod).Ready {
		return 0
	}
	return 1
}

// running are the names of the containers of a pod that run.
func running(pod *corev1.Pod) []string {
	var names []string
	for _, c := range slices.Concat(pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses) {
		if c.State.Running != nil {
			names = append(names, c.Name)
		}
	}
	return names
}

// reachable are the running containers of a pod that a command may be run in: those of
// the service, and all where one is named.
func (a *App) reachable(s Service, pod *corev1.Pod, named string) []string {
	if named != "" {
		return running(pod)
	}
	return a.joined.pick(s, running(pod))
}

func (a *App) targetIn(s Service, pod *corev1.Pod, container string) (Target, error) {
	known := a.reachable(s, pod, container)
	if container == "" {
		container = pod.Spec.Containers[0].Name
		if named := pod.Annotations[defaultContainer]; slices.Contains(known, named) {
			container = named
		}
		if !slices.Contains(known, container) {
			container = known[0]
			if slices.Contains(known, s.Name) {
				container = s.Name
			}
		}
	}
	if !slices.Contains(known, container) {
		return Target{}, &NoContainerError{Container: container, Pod: pod.Name, Known: known}
	}
	return Target{Service: s, Namespace: pod.Namespace, Pod: pod.Name, Container: container}, nil
}

// Streams are what a command reads and writes. In and Err may be nil.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// TTY gives the command a terminal. Then it writes its errors to Out, too.
	TTY bool
	// Sizes tells the sizes of the terminal as they change. It may be nil.
	Sizes remotecommand.TerminalSizeQueue
}

// ExitError is a command that ended with another code than 0.
type ExitError struct {
	Code int
}

// Error prints the code.
func (e *ExitError) Error() string { return fmt.Sprintf("the command ended with exit code %d", e.Code) }

// Exec runs a command in a container. The error is an [*ExitError] when it ran and
// failed.
func (a *App) Exec(ctx context.Context, t Target, command []string, s Streams) error {
	request := a.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(t.Namespace).Name(t.Pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{
			Container: t.Container, Command: command, TTY: s.TTY,
			Stdin: s.In != nil, Stdout: s.Out != nil, Stderr: s.Err != nil && !s.TTY,
		}, scheme.ParameterCodec)
	spdy, err := remotecommand.NewSPDYExecutor(a.config, http.MethodPost, request.URL())
	if err != nil {
		return fmt.Errorf("use the kubeconfig: %w", err)
	}
	websocket, err := remotecommand.NewWebSocketExecutor(a.config, http.MethodGet, request.URL().String())
	if err != nil {
		return fmt.Errorf("use the kubeconfig: %w", err)
	}
	executor, err := remotecommand.NewFallbackExecutor(websocket, spdy, oldProtocol)
	if err != nil {
		return err
	}
	options := remotecommand.StreamOptions{Stdin: s.In, Stdout: s.Out, Stderr: s.Err, Tty: s.TTY, TerminalSizeQueue: s.Sizes}
	if s.TTY {
		options.Stderr = nil
	}
	err = executor.StreamWithContext(ctx, options)
	if exit, ok := errors.AsType[exec.CodeExitError](err); ok {
		return &ExitError{Code: exit.Code}
	}
	if err != nil && ctx.Err() == nil {
		return a.cluster.Lost(fmt.Errorf("run %s in pod %s, container %s: %w", command[0], t.Pod, t.Container, err))
	}
	return err
}

// oldProtocol holds for servers, and proxies before them, that speak SPDY alone.
func oldProtocol(err error) bool {
	return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
}
