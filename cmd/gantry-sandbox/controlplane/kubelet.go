package controlplane

import (
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/cri-streaming/pkg/streaming/portforward"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
)

const (
	// idleTimeout ends a connection to a container on which nothing happens.
	idleTimeout = 4 * time.Hour
	// streamTimeout is how long a client may take to open its streams.
	streamTimeout = 30 * time.Second
)

// kubelets answers what the API server asks of the nodes. There are no processes
// behind the pods: what containers say is made up, but over the real protocols.
type kubelets struct {
	mux  *http.ServeMux
	now  func() time.Time
	pods atomic.Pointer[corelisters.PodLister]
	disk *disks
}

func newKubelets(now func() time.Time) *kubelets {
	k := &kubelets{mux: http.NewServeMux(), now: now, disk: &disks{}}
	k.mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", k.logs)
	k.mux.HandleFunc("/exec/{namespace}/{pod}/{container}", k.exec)
	k.mux.HandleFunc("/portForward/{namespace}/{pod}", k.portForward)
	k.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "containers do not really run in a sandbox: there is nothing to connect to", http.StatusNotImplemented)
	})
	return k
}

func (k *kubelets) ServeHTTP(w http.ResponseWriter, r *http.Request) { k.mux.ServeHTTP(w, r) }

// pod returns the pod of a request, and answers when there is none.
func (k *kubelets) pod(w http.ResponseWriter, r *http.Request) (*corev1.Pod, bool) {
	pods := k.pods.Load()
	if pods == nil {
		http.Error(w, "the nodes are not up yet", http.StatusServiceUnavailable)
		return nil, false
	}
	pod, err := (*pods).Pods(r.PathValue("namespace")).Get(r.PathValue("pod"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return nil, false
	}
	return pod, true
}

// statusOf returns the status of a container of a pod, or nil.
func statusOf(pod *corev1.Pod, container string) *corev1.ContainerStatus {
	for _, list := range [][]corev1.ContainerStatus{pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses} {
		if i := slices.IndexFunc(list, func(s corev1.ContainerStatus) bool { return s.Name == container }); i >= 0 {
			return &list[i]
		}
	}
	return nil
}

// exec runs one of the few commands that the fake containers know.
func (k *kubelets) exec(w http.ResponseWriter, r *http.Request) {
	pod, ok := k.pod(w, r)
	if !ok {
		return
	}
	name := r.PathValue("container")
	if s := statusOf(pod, name); s == nil || s.State.Running == nil {
		http.Error(w, fmt.Sprintf("container %s of pod %s does not run", name, pod.Name), http.StatusBadRequest)
		return
	}
	options, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	run := container{pod: pod, name: name, disk: k.disk.of(pod.UID)}
	remotecommand.ServeExec(w, r, run, pod.Name, string(pod.UID), name, r.URL.Query()["command"], options, idleTimeout, streamTimeout, remotecommand.SupportedStreamingProtocols)
}

// portForward connects to a port of a pod, at which a fake web server answers.
func (k *kubelets) portForward(w http.ResponseWriter, r *http.Request) {
	pod, ok := k.pod(w, r)
	if !ok {
		return
	}
	options, err := portforward.NewV4Options(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	portforward.ServePortForward(w, r, webServer{pod}, pod.Name, string(pod.UID), options, idleTimeout, streamTimeout, portforward.SupportedProtocols)
}
