package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"gantry/charts/diag"
	"gantry/convert/workload"
)

// policies keeps the networks of the Compose file apart. All pods of a cluster
// reach each other; a NetworkPolicy for each network admits its members only.
// Policies add up, as networks do: pods on two networks are reached from both,
// and leave by whichever lets them.
func (a *app) policies() {
	if !a.opts.NetworkPolicies {
		a.reportOpen()
		a.reportWithoutPolicies()
		return
	}
	n := a.findNetworks()
	for _, name := range slices.Sorted(maps.Keys(n.members)) {
		a.networkPolicy(name, n)
	}
	a.publicPolicies(n)
	a.containers(a.lonely)
	if len(a.out.Policies) > 0 {
		a.report(diag.Note, finding{
			code:    "network-policies",
			summary: "are kept apart by NetworkPolicies, which need a network plugin that enforces them, such as Calico or Cilium",
		}, diag.Path{"networks"})
	}
}

// reportOpen tells what pods reach although Compose forbids it.
func (a *app) reportOpen() {
	const hint = "pass --network-policies"
	for _, name := range slices.Sorted(maps.Keys(a.project.Networks)) {
		if a.project.Networks[name].Internal {
			a.report(diag.Warning, finding{
				code: "network-internal", summary: "has no effect: pods reach the world unless a NetworkPolicy forbids it", hint: hint,
			}, diag.Path{"networks", name, "internal"})
		}
	}
	a.reportMembers()
	a.reportApart(hint)
	a.containers(func(section, name string, c types.ContainerSpec) {
		if c.NetworkMode == "none" {
			a.report(diag.Warning, finding{
				code: "network-none", summary: "has no network in Compose; here it has no Service, but only a NetworkPolicy takes its network away", hint: hint,
			}, diag.Path{section, name, "network_mode"})
		}
	})
}

// reportMembers says of each network that is declared whom it joins.
func (a *app) reportMembers() {
	members := map[string][]string{}
	a.containers(func(_, name string, c types.ContainerSpec) {
		for _, n := range networksOf(c) {
			members[n] = append(members[n], name)
		}
	})
	for _, n := range slices.Sorted(maps.Keys(members)) {
		if path := (diag.Path{"networks", n}); a.project.Origins.Has(path...) {
			a.report(diag.Note, finding{
				code: "network-members", summary: fmt.Sprintf("joins %s, as the network of the cluster joins all pods", strings.Join(members[n], ", ")),
			}, path)
		}
	}
}

// reportApart names the services that share no network with some other service
// in Compose, and are reached by it here.
func (a *app) reportApart(hint string) {
	var sets [][]string
	a.containers(func(_, _ string, c types.ContainerSpec) {
		if set := networksOf(c); len(set) > 0 {
			sets = append(sets, set)
		}
	})
	slices.SortFunc(sets, slices.Compare)
	sets = slices.CompactFunc(sets, slices.Equal)
	a.containers(func(section, name string, c types.ContainerSpec) {
		own := networksOf(c)
		apart := func(other []string) bool {
			return !slices.ContainsFunc(other, func(n string) bool { return slices.Contains(own, n) })
		}
		if len(own) > 0 && slices.ContainsFunc(sets, apart) {
			a.report(diag.Note, finding{
				code: "network-open", summary: "keeps others away in Compose; here every pod of the cluster reaches it", hint: hint,
			}, diag.Path{section, name, "networks"})
		}
	})
}

// membership says which pods are on which networks, by their components.
type membership struct {
	members map[string]map[string]bool // network → components
	joined  map[string][]string        // component → networks, sorted
	all     map[string]bool            // the components of the application
	// internal are the networks that lead nowhere else.
	internal map[string]bool
}

func (a *app) findNetworks() membership {
	m := membership{members: map[string]map[string]bool{}, joined: map[string][]string{}, all: map[string]bool{}, internal: map[string]bool{}}
	a.containers(func(_, name string, c types.ContainerSpec) {
		component := a.component(name)
		m.all[component] = true
		for _, network := range networksOf(c) {
			if m.members[network] == nil {
				m.members[network] = map[string]bool{}
			}
			m.members[network][component] = true
			m.internal[network] = a.project.Networks[network].Internal
		}
	})
	for _, network := range slices.Sorted(maps.Keys(m.members)) {
		for component := range m.members[network] {
			m.joined[component] = append(m.joined[component], network)
		}
	}
	return m
}

// confined reports whether all networks of a pod are internal.
func (m membership) confined(component string) bool {
	return len(m.joined[component]) > 0 && !slices.ContainsFunc(m.joined[component], func(n string) bool { return !m.internal[n] })
}

// meetsInternal reports whether a pod of the network is on an internal one, too.
func (m membership) meetsInternal(network string) bool {
	for component := range m.members[network] {
		if slices.ContainsFunc(m.joined[component], func(n string) bool { return m.internal[n] }) {
			return true
		}
	}
	return false
}

// networkPolicy admits the members of a network to each other.
func (a *app) networkPolicy(network string, m membership) {
	selector := a.podsOf(m.members[network], m.all)
	peers := []networkingv1.NetworkPolicyPeer{{PodSelector: &selector}}
	config := a.project.Networks[network]
	if config.External {
		peers = []networkingv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{}}}
		a.report(diag.Warning, finding{
			code:    "network-external",
			summary: "has members that this application does not know: its NetworkPolicy admits all pods of the cluster",
		}, diag.Path{"networks", network, "external"})
	}
	spec := networkingv1.NetworkPolicySpec{
		PodSelector: selector,
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
		Ingress:     []networkingv1.NetworkPolicyIngressRule{{From: peers}},
	}
	switch {
	case config.Internal:
		spec.PolicyTypes = append(spec.PolicyTypes, networkingv1.PolicyTypeEgress)
		spec.Egress = []networkingv1.NetworkPolicyEgressRule{{To: peers}, clusterDNS()}
	case m.meetsInternal(network):
		// The policy of the internal network takes away what this one gives.
		spec.PolicyTypes = append(spec.PolicyTypes, networkingv1.PolicyTypeEgress)
		spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
	}
	a.addPolicy(a.kindNames("NetworkPolicy").unique(a.networkName(network), network), "", spec)
	a.extendPolicy(network, a.out.Policies[len(a.out.Policies)-1])
}

// networkName is the name that Docker gives a network, which tells the networks
// of two applications in one namespace apart.
func (a *app) networkName(network string) string {
	if name := a.project.Networks[network].Name; name != "" {
		return objectName(name)
	}
	return objectName(a.out.Name + "-" + network)
}

// clusterDNS admits questions to the cluster's own DNS server, wherever it has
// the labels that it has on nearly all clusters.
func clusterDNS() networkingv1.NetworkPolicyEgressRule {
	udp, tcp, port := corev1.ProtocolUDP, corev1.ProtocolTCP, intstr.FromInt32(53)
	return networkingv1.NetworkPolicyEgressRule{
		To: []networkingv1.NetworkPolicyPeer{{
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: metav1.NamespaceSystem}},
			PodSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"k8s-app": "kube-dns"}},
		}},
		Ports: []networkingv1.NetworkPolicyPort{{Protocol: &udp, Port: &port}, {Protocol: &tcp, Port: &port}},
	}
}

// podsOf selects the pods of components by the labels that all pods have, so
// that no pod is replaced when networks change.
func (a *app) podsOf(components, all map[string]bool) metav1.LabelSelector {
	names := sortedSet(components)
	switch {
	case len(names) == 1:
		return metav1.LabelSelector{MatchLabels: workload.SelectorLabels(a.out.Name, names[0])}
	case len(names) == len(all):
		return metav1.LabelSelector{MatchLabels: map[string]string{workload.LabelInstance: a.out.Name}}
	default:
		return metav1.LabelSelector{
			MatchLabels:      map[string]string{workload.LabelInstance: a.out.Name},
			MatchExpressions: []metav1.LabelSelectorRequirement{{Key: workload.LabelName, Operator: metav1.LabelSelectorOpIn, Values: names}},
		}
	}
}

// publicPolicies keeps the ports open that are reached from outside: by a
// Service of the nodes or of a load balancer, an Ingress, or the node's own port.
func (a *app) publicPolicies(m membership) {
	open := a.openPorts()
	a.containers(func(section, name string, c types.ContainerSpec) {
		component := a.names[name]
		ports := open[component]
		switch {
		case c.NetworkMode == "host":
			a.report(diag.Note, finding{
				code:    "network-policy-host",
				summary: "has the network of its node, to which no NetworkPolicy applies: it may not reach pods on other nodes",
			}, diag.Path{section, name, "network_mode"})
		case len(ports) == 0 || len(m.joined[component]) == 0:
		case m.confined(component):
			a.report(diag.Warning, finding{
				code:    "network-internal-port",
				summary: "is on internal networks only, where Docker publishes nothing: its NetworkPolicies let nobody in from outside either",
				hint:    "put the service on a network that is not internal as well",
			}, diag.Path{section, name, "ports"})
		default:
			a.addPolicy(a.kindNames("NetworkPolicy").unique(objectName(component+"-public"), component+" public"), name, networkingv1.NetworkPolicySpec{
				PodSelector: a.podsOf(map[string]bool{component: true}, nil),
				PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
				Ingress:     []networkingv1.NetworkPolicyIngressRule{{Ports: ports}},
			})
		}
	})
}

// openings are ports of pods to which something leads from outside of the
// cluster, by component.
type openings map[string][]networkingv1.NetworkPolicyPort

func (o openings) add(component string, number intstr.IntOrString, protocol corev1.Protocol) {
	setDefault(&protocol, corev1.ProtocolTCP)
	if !slices.ContainsFunc(o[component], func(p networkingv1.NetworkPolicyPort) bool { return *p.Port == number && *p.Protocol == protocol }) {
		o[component] = append(o[component], networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: &number})
	}
}

// serve adds the ports of an endpoint that lead in.
func (o openings) serve(e *workload.Endpoint, leads func(corev1.ServicePort) bool) {
	for _, p := range e.Ports {
		if leads(p) {
			o.add(e.Component, p.TargetPort, p.Protocol)
		}
	}
}

func (o openings) hostPorts(w *workload.Workload) {
	for _, c := range slices.Concat(w.Pod.Spec.InitContainers, w.Pod.Spec.Containers) {
		for _, p := range c.Ports {
			if p.HostPort > 0 {
				o.add(w.Component, intstr.FromInt32(p.ContainerPort), p.Protocol)
			}
		}
	}
}

// openPorts finds the openings of the application.
func (a *app) openPorts() openings {
	open := openings{}
	for _, e := range a.out.Endpoints {
		open.serve(e, func(corev1.ServicePort) bool {
			return e.Type == corev1.ServiceTypeNodePort || e.Type == corev1.ServiceTypeLoadBalancer
		})
	}
	for _, r := range a.out.Routes {
		if e := a.services[r.Endpoint]; e != nil {
			open.serve(e, func(p corev1.ServicePort) bool { return p.Port == r.Port && p.Protocol != corev1.ProtocolUDP })
		}
	}
	for _, r := range a.out.HTTPRoutes {
		if e := a.services[r.Endpoint]; e != nil {
			open.serve(e, func(p corev1.ServicePort) bool { return p.Port == r.Port && p.Protocol != corev1.ProtocolUDP })
		}
	}
	for _, w := range a.out.Workloads {
		open.hostPorts(w)
	}
	for _, ports := range open {
		slices.SortFunc(ports, func(x, y networkingv1.NetworkPolicyPort) int {
			return cmp.Or(cmp.Compare(x.Port.IntVal, y.Port.IntVal), cmp.Compare(*x.Protocol, *y.Protocol))
		})
	}
	return open
}

// lonely takes the network away from what has network_mode: none.
func (a *app) lonely(_, name string, c types.ContainerSpec) {
	if c.NetworkMode != "none" || a.podOf(name) != name {
		return
	}
	component := a.component(name)
	a.addPolicy(a.kindNames("NetworkPolicy").unique(objectName(component+"-none"), component+" none"), name, networkingv1.NetworkPolicySpec{
		PodSelector: a.podsOf(map[string]bool{component: true}, nil),
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
	})
}

func (a *app) addPolicy(name, service string, spec networkingv1.NetworkPolicySpec) {
	a.out.Policies = append(a.out.Policies, &workload.Policy{Name: name, Service: service, Spec: spec})
}
