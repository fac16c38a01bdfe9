package controlplane

import (
	"fmt"
	"net/http"
	"sync/atomic"

	corelisters "k8s.io/client-go/listers/core/v1"
)

// kubelets answers what the API server asks of the nodes. There are no processes
// behind the pods, thus there are logs at most.
type kubelets struct {
	mux  *http.ServeMux
	pods atomic.Pointer[corelisters.PodLister]
}

func newKubelets() *kubelets {
	k := &kubelets{mux: http.NewServeMux()}
	k.mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", k.logs)
	k.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "containers do not really run in a sandbox: there is nothing to connect to", http.StatusNotImplemented)
	})
	return k
}

func (k *kubelets) ServeHTTP(w http.ResponseWriter, r *http.Request) { k.mux.ServeHTTP(w, r) }

func (k *kubelets) logs(w http.ResponseWriter, r *http.Request) {
	namespace, name, container := r.PathValue("namespace"), r.PathValue("pod"), r.PathValue("container")
	pods := k.pods.Load()
	if pods == nil {
		http.Error(w, "the nodes are not up yet", http.StatusServiceUnavailable)
		return
	}
	pod, err := (*pods).Pods(namespace).Get(name)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	if text, ok := pod.Annotations[annotationLog]; ok {
		fmt.Fprintln(w, text)
		return
	}
	fmt.Fprintf(w, "container %s of pod %s/%s does not really run: this is a sandbox\n", container, namespace, name)
}
