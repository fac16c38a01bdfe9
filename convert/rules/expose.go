package rules

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"gantry/convert/workload"
)

// expose opens the published ports to the world in the way that the user chose.
// The Service of the published ports is one of its own: what Compose only
// exposes to peers stays with them.
func (u *unit) expose() {
	public := u.publicPorts()
	if len(public) == 0 {
		return
	}
	switch u.opts.Expose {
	case ExposeCluster:
	case ExposeNodePort:
		u.publicEndpoint(public, corev1.ServiceTypeNodePort)
	case ExposeLoadBalancer:
		u.publicEndpoint(public, corev1.ServiceTypeLoadBalancer)
	case ExposeIngress:
		u.route(public)
	}
}

func (u *unit) publicEndpoint(public []port, kind corev1.ServiceType) {
	e := &workload.Endpoint{
		Name: u.madeUp("Service", "public"), Service: u.name, Component: u.work.Component, Type: kind,
	}
	for _, p := range public {
		sp := corev1.ServicePort{Name: portID(p.published, p.protocol), Protocol: p.protocol, Port: p.published, TargetPort: intstr.FromInt32(p.target)}
		if p.app != "" {
			sp.AppProtocol = &p.app
		}
		e.Ports = append(e.Ports, sp)
	}
	u.addEndpoint(e)
}

// route makes an Ingress for the first published port that speaks HTTP.
func (u *unit) route(public []port) {
	i := slices.IndexFunc(public, speaksHTTP)
	if i < 0 {
		u.note(finding{
			code:    "ingress-not-http",
			summary: "publishes no port that is known to speak HTTP, so it has no Ingress",
			hint:    "set app_protocol: http on the port",
		}, "ports")
		return
	}
	domain := u.opts.Domain
	if domain == "" {
		domain = defaultDomain
		u.warn(finding{
			code:    "ingress-domain",
			summary: fmt.Sprintf("is reached at %s.%s, a domain for examples", u.object, domain),
			hint:    "pass --domain with your own",
		}, public[i].key...)
	}
	u.out.Routes = append(u.out.Routes, &workload.Route{
		Name: u.object, Service: u.name, Host: u.object + "." + domain, Class: u.opts.IngressClass, Endpoint: u.object, Port: public[i].target,
	})
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
