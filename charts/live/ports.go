package live

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Port is a port of a service as others reach it.
type Port struct {
	// Published is the port of the Service in the cluster, the published port of
	// the Compose file where there is one.
	Published int `json:"published"`
	// Target is the port of the container.
	Target   int    `json:"target"`
	Protocol string `json:"protocol"`
	// Node is the port on every node, when there is one.
	Node int `json:"node,omitempty"`
	// Address is that of a load balancer, when there is one.
	Address string `json:"address,omitempty"`
	// Name is the port's own.
	Name string `json:"name,omitempty"`
}

// String prints it as Compose does, with the port that others reach first.
func (p Port) String() string {
	text := strconv.Itoa(p.Published)
	if p.Address != "" {
		text = p.Address + ":" + text
	}
	if p.Published != p.Target {
		text += "->" + strconv.Itoa(p.Target)
	}
	if p.Protocol != string(corev1.ProtocolTCP) {
		text += "/" + strings.ToLower(p.Protocol)
	}
	if p.Node != 0 {
		text += fmt.Sprintf(" (node %d)", p.Node)
	}
	return text
}

// ports asks for the Services of the release, and gives their ports to the
// workloads whose pods they select.
func (a *App) ports(ctx context.Context, seen *sight, services []Service) (map[Service][]Port, error) {
	list := map[Service][]Port{}
	if len(a.endpoints) == 0 {
		return list, nil
	}
	for _, namespace := range namespaces(services) {
		all, err := a.client.CoreV1().Services(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, a.cluster.Lost(fmt.Errorf("list the Services of namespace %s: %w", namespace, err))
		}
		for i := range all.Items {
			e := &all.Items[i]
			if !a.endpoints[[2]string{e.Namespace, e.Name}] || len(e.Spec.Selector) == 0 {
				continue
			}
			for _, s := range services {
				w := seen.workloads[s]
				if w != nil && s.Namespace == namespace && a.joined.leads(e.Name, s) && labels.SelectorFromSet(e.Spec.Selector).Matches(labels.Set(w.labels)) {
					list[s] = append(list[s], portsOf(e, w.template)...)
				}
			}
		}
	}
	for _, ports := range list {
		slices.SortStableFunc(ports, func(x, y Port) int {
			return cmp.Or(cmp.Compare(x.Published, y.Published), cmp.Compare(x.Protocol, y.Protocol))
		})
	}
	return list, nil
}

// portsOf returns the ports of a Service for pods of a kind.
func portsOf(e *corev1.Service, pod corev1.PodSpec) []Port {
	var list []Port
	address := ""
	for _, in := range e.Status.LoadBalancer.Ingress {
		address = cmp.Or(address, in.Hostname, in.IP)
	}
	for _, p := range e.Spec.Ports {
		list = append(list, Port{
			Published: int(p.Port), Target: target(p, pod), Protocol: cmp.Or(string(p.Protocol), string(corev1.ProtocolTCP)),
			Node: int(p.NodePort), Address: address, Name: p.Name,
		})
	}
	return list
}

// target is the number of the container's port, which may be named.
func target(p corev1.ServicePort, pod corev1.PodSpec) int {
	if p.TargetPort.Type == intstr.Int {
		return cmp.Or(p.TargetPort.IntValue(), int(p.Port))
	}
	for _, c := range slices.Concat(pod.Containers, pod.InitContainers) {
		for _, port := range c.Ports {
			if port.Name == p.TargetPort.StrVal {
				return int(port.ContainerPort)
			}
		}
	}
	return int(p.Port)
}
