package rules

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"gantry/convert/workload"
)

// expose opens the published ports to the world in the ways that the user chose,
// and returns the public Services. They are apart from the service's own: what
// Compose only exposes to peers stays with them.
func (u *unit) expose() []*workload.Endpoint {
	var public []*workload.Endpoint
	for _, kind := range []struct {
		way Exposure
		of  corev1.ServiceType
	}{{ExposeNodePort, corev1.ServiceTypeNodePort}, {ExposeLoadBalancer, corev1.ServiceTypeLoadBalancer}} {
		if ports := u.exposed(kind.way); len(ports) > 0 {
			public = append(public, u.publicEndpoint(ports, kind.of, public))
		}
	}
	u.ingresses()
	u.gateways()
	u.reportLoopback()
	u.reportClosed()
	return public
}

// reportLoopback tells of ports that leave the developer's own machine.
func (u *unit) reportLoopback() {
	for _, p := range u.ports {
		if p.loopback && slices.ContainsFunc(u.ways(p), func(way Exposure) bool { return way != ExposeCluster }) {
			u.note(finding{code: "port-loopback", summary: "is for this machine only, and x-kubernetes opens the port to the world"}, append(p.key, "host_ip")...)
		}
	}
}

// exposed are the ports that are public in one way. Those that are published on
// the developer's own machine only, or on one node, are not, unless they say so
// themselves.
func (u *unit) exposed(way Exposure) []port {
	var public []port
	seen := map[string]bool{}
	for _, p := range u.ports {
		number := p.published
		if number == 0 {
			number = p.target
		}
		id := portID(number, p.protocol)
		if seen[id] || !slices.Contains(u.ways(p), way) {
			continue
		}
		seen[id] = true
		p.published = number
		public = append(public, p)
	}
	return public
}

// ways are how a port is reached from outside: as it says itself, or the service,
// or the user on the command line.
func (u *unit) ways(p port) []Exposure {
	if own := ways(p.ext.Expose, p.ext.Ingress != nil, p.ext.Gateway != nil); len(own) > 0 {
		return own
	}
	if p.ext.NodePort > 0 && u.ext.Expose != ExposeLoadBalancer {
		return []Exposure{ExposeNodePort}
	}
	if p.published == 0 || p.loopback || p.host {
		return nil
	}
	if own := ways(u.ext.Expose, u.ext.Ingress != nil, u.ext.Gateway != nil); len(own) > 0 {
		return own
	}
	return []Exposure{u.opts.Expose}
}

func ways(expose Exposure, ingress, gateway bool) []Exposure {
	var all []Exposure
	if expose != "" {
		all = append(all, expose)
	}
	if ingress {
		all = append(all, ExposeIngress)
	}
	if gateway {
		all = append(all, ExposeGateway)
	}
	return all
}

// publicEndpoint makes a Service that is open to the world. A second one has its
// type in its name.
func (u *unit) publicEndpoint(public []port, kind corev1.ServiceType, others []*workload.Endpoint) *workload.Endpoint {
	suffix := "public"
	if len(others) > 0 {
		suffix += "-" + strings.ToLower(string(kind))
	}
	e := &workload.Endpoint{
		Name: u.madeUp("Service", suffix), Service: u.name, Component: u.work.Component, Type: kind,
	}
	for _, p := range public {
		sp := corev1.ServicePort{
			Name: portID(p.published, p.protocol), Protocol: p.protocol, Port: p.published, TargetPort: intstr.FromInt32(p.target), NodePort: p.ext.NodePort,
		}
		if p.app != "" {
			sp.AppProtocol = &p.app
		}
		e.Ports = append(e.Ports, sp)
	}
	u.addEndpoint(e)
	return e
}

// domain returns the domain of made-up hosts, and warns that it is made up.
func (u *unit) domain(key []string) string {
	if u.opts.Domain != "" {
		return u.opts.Domain
	}
	u.warn(finding{
		code:    "ingress-domain",
		summary: fmt.Sprintf("is reached at %s.%s, a domain for examples", u.object, defaultDomain),
		hint:    "pass --domain with your own",
	}, key...)
	return defaultDomain
}

// speaksHTTP goes by what the Compose file says of the port, and by the numbers
// that web servers use.
func speaksHTTP(p port) bool {
	if p.protocol != corev1.ProtocolTCP {
		return false
	}
	if p.app != "" {
		return strings.HasPrefix(p.app, "http") || strings.HasPrefix(p.app, "kubernetes.io/h2c")
	}
	switch p.target {
	case 80, 443, 3000, 4000, 4200, 5000, 5173, 8000, 8008, 8080, 8081, 8090, 8443, 8888, 9000, 9090:
		return true
	}
	return strings.HasPrefix(p.name, "http") || strings.HasPrefix(p.name, "web")
}
