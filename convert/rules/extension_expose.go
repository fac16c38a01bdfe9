package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"gantry/convert/extension"
	"gantry/convert/workload"
)

// portExtension returns what a port says of itself.
func (u *unit) portExtension(i int) extension.Port {
	if u.path[0] != "services" || len(u.path) != 2 {
		return extension.Port{} // jobs and hooks answer nobody
	}
	return u.app.ext.Port(u.name, i)
}

// hostPort is the port of the node that a port of the container binds, or 0.
func (u *unit) hostPort(p port) int32 {
	if p.ext.HostPort > 0 {
		return p.ext.HostPort
	}
	if u.ext.HostPorts && p.published > 0 {
		return p.published
	}
	return 0
}

// unanswered refuses what is said of the requests to a unit that nobody can send
// any: it has no Service.
func (u *unit) unanswered() {
	ext := u.ext
	for _, f := range []struct {
		field string
		given bool
	}{
		{"expose", ext.Expose != "" && ext.Expose != ExposeCluster},
		{"ingress", ext.Ingress != nil},
		{"gateway", ext.Gateway != nil},
		{"service", ext.Service != nil},
	} {
		if f.given {
			u.fail(finding{code: "extension-service", summary: "is for what answers requests, and this has no Service", hint: "remove it"}, u.where(f.field)...)
		}
	}
}

// reportClosed tells of a service that is to be public and publishes nothing.
func (u *unit) reportClosed() {
	way := u.ext.Expose
	if (way == ExposeNodePort || way == ExposeLoadBalancer) && len(u.exposed(way)) == 0 {
		u.warn(finding{code: "extension-service", summary: "has no effect: no port is published", hint: "publish it in ports:"}, u.where("expose")...)
	}
}

func (u *unit) headless() bool { return u.ext.Service != nil && u.ext.Service.Headless }

// extendEndpoint gives the Service what x-kubernetes says of it: the public ones
// where there are any, or else the service's own.
func (u *unit) extendEndpoint(own *workload.Endpoint, public []*workload.Endpoint) {
	ext := u.ext.Service
	if ext == nil {
		return
	}
	distribution := ext.TrafficDistribution
	if distribution != "" && !u.needs(trafficDistribution, u.where("service", "trafficDistribution")...) {
		distribution = ""
	}
	all := append(slices.Clip(public), own)
	for _, e := range all {
		e.Traffic.SessionAffinity = ext.SessionAffinity
		e.Traffic.PublishNotReadyAddresses = ext.PublishNotReadyAddresses
		e.Traffic.InternalTrafficPolicy = set(ext.InternalTrafficPolicy)
		e.Traffic.TrafficDistribution = set(distribution)
	}
	if len(public) > 0 {
		all = public
	}
	for _, e := range all {
		u.addMeta(&e.Labels, ext.Labels, badLabel, u.at(u.where("service", "labels")...))
		u.addMeta(&e.Annotations, ext.Annotations, badAnnotation, u.at(u.where("service", "annotations")...))
	}
	u.extendPublic(public)
}

// extendPublic sets what only a public Service has.
func (u *unit) extendPublic(public []*workload.Endpoint) {
	ext := u.ext.Service
	needs := func(field string, given bool, what string) {
		if given {
			u.warn(finding{code: "extension-service", summary: "has no effect: the service has no " + what, hint: "add expose: to its x-kubernetes"}, u.where("service", field)...)
		}
	}
	if len(public) == 0 {
		needs("externalTrafficPolicy", ext.ExternalTrafficPolicy != "", "public Service")
		needs("nodePort", ext.NodePort > 0, "public Service")
	}
	balanced := false
	for _, e := range public {
		e.Traffic.ExternalTrafficPolicy = ext.ExternalTrafficPolicy
		if e.Type == corev1.ServiceTypeLoadBalancer {
			balanced = true
			e.Traffic.LoadBalancerClass = set(ext.LoadBalancerClass)
			e.Traffic.LoadBalancerSourceRanges = ext.LoadBalancerSourceRanges
		}
		if e.Ports[0].NodePort == 0 {
			e.Ports[0].NodePort = ext.NodePort
		}
	}
	if !balanced {
		needs("loadBalancerClass", ext.LoadBalancerClass != "", "load balancer")
		needs("loadBalancerSourceRanges", len(ext.LoadBalancerSourceRanges) > 0, "load balancer")
	}
}

// set returns a pointer to a value, or nil where it is empty.
func set[T ~string](v T) *T {
	if v == "" {
		return nil
	}
	return &v
}

// opening is a way in by HTTP: for the service as a whole, or for one port.
type opening struct {
	ingress *extension.Ingress
	gateway *extension.Gateway
	// ports are those that it may lead to, and wanted the one that it names.
	ports  []port
	wanted int32
	// key leads to what is said of the opening.
	key []string
	// asked tells that x-kubernetes says so, and not only the command line; own
	// that it says more than expose.
	asked, own bool
}

// openings are the ways in of one kind: one for each port that has its own, and
// one for the others.
func (u *unit) openings(way Exposure) []opening {
	var all []opening
	var rest []port
	for _, p := range u.exposed(way) {
		field := append(slices.Clip(p.key), extension.Key)
		switch {
		case way == ExposeIngress && p.ext.Ingress != nil:
			all = append(all, opening{ingress: p.ext.Ingress, ports: []port{p}, key: append(field, "ingress"), asked: true})
		case way == ExposeGateway && p.ext.Gateway != nil:
			all = append(all, opening{gateway: p.ext.Gateway, ports: []port{p}, key: append(field, "gateway"), asked: true})
		default:
			rest = append(rest, p)
		}
	}
	whole := u.wholeOpening(way)
	whole.ports = rest
	if len(rest) == 0 && whole.asked {
		whole.ports = u.ports // nothing is published, but this is wanted
	}
	if len(rest) > 0 || whole.asked && (len(all) == 0 || whole.own) {
		all = append([]opening{whole}, all...)
	}
	return all
}

// wholeOpening is the way in for the service as a whole.
func (u *unit) wholeOpening(way Exposure) opening {
	switch {
	case way == ExposeIngress && u.ext.Ingress != nil:
		return opening{ingress: u.ext.Ingress, wanted: u.ext.Ingress.Port, key: u.where("ingress"), asked: true, own: true}
	case way == ExposeGateway && u.ext.Gateway != nil:
		return opening{gateway: u.ext.Gateway, wanted: u.ext.Gateway.Port, key: u.where("gateway"), asked: true, own: true}
	default:
		return opening{ingress: &extension.Ingress{}, gateway: &extension.Gateway{}, key: u.where("expose"), asked: u.ext.Expose == way}
	}
}

// leadsTo picks the port that an opening leads to.
func (u *unit) leadsTo(o opening, what string) (port, bool) {
	i := slices.IndexFunc(o.ports, speaksHTTP)
	switch {
	case o.wanted > 0:
		i = slices.IndexFunc(u.ports, func(p port) bool { return p.target == o.wanted || p.published == o.wanted })
		if i >= 0 {
			return u.ports[i], true
		}
		u.fail(finding{code: "extension-port", summary: fmt.Sprintf("the service has no port %d", o.wanted), hint: "add it to expose: of the service"}, append(o.key, "port")...)
	case o.asked && len(o.ports) == 1 && o.ports[0].protocol == corev1.ProtocolTCP:
		return o.ports[0], true
	case i >= 0:
		return o.ports[i], true
	case o.asked:
		u.fail(finding{
			code: "extension-port", summary: "leads nowhere: no port of the service is known to speak HTTP", hint: "name the port: port: 8080",
		}, o.key...)
	default:
		u.note(finding{
			code:    what + "-not-http",
			summary: "publishes no port that is known to speak HTTP, so it has no " + map[string]string{"ingress": "Ingress", "gateway": "HTTPRoute"}[what],
			hint:    "set app_protocol: http on the port",
		}, "ports")
	}
	return port{}, false
}

// routeName names the route of an opening: for the service as a whole like the
// service.
func (u *unit) routeName(kind string, i int, p port) string {
	if i == 0 {
		return u.object
	}
	return u.madeUp(kind, portID(p.target, p.protocol))
}

// ingresses makes an Ingress for each way in.
func (u *unit) ingresses() {
	for i, o := range u.openings(ExposeIngress) {
		p, ok := u.leadsTo(o, "ingress")
		if !ok {
			continue
		}
		in := o.ingress
		r := &workload.Route{
			Name: u.routeName("Ingress", i, p), Service: u.name, PathType: in.PathType,
			Class: cmp.Or(in.Class, u.opts.IngressClass), Endpoint: u.object, Port: p.target,
		}
		r.Hosts = u.hosts(in, p, o)
		u.addMeta(&r.Annotations, in.Annotations, badAnnotation, u.at(below(o.key, "annotations")...))
		u.tls(in, r, append(o.key, "tls"))
		u.checkPath(in.Path, append(o.key, "path"))
		u.out.Routes = append(u.out.Routes, r)
	}
}

// hosts are those of an Ingress, or one that is made of the service's name.
func (u *unit) hosts(in *extension.Ingress, p port, o opening) []workload.Host {
	names := in.Hosts
	if in.Host != "" {
		names = append([]string{in.Host}, names...)
	}
	if len(names) == 0 {
		key := p.key
		if o.asked {
			key = o.key
		}
		names = []string{u.object + "." + u.domain(key)}
	}
	hosts := make([]workload.Host, 0, len(names))
	for _, name := range names {
		host, path, found := strings.Cut(name, "/")
		if found {
			path = "/" + path
		} else {
			path = in.Path
		}
		if len(validation.IsDNS1123Subdomain(strings.TrimPrefix(host, "*."))) > 0 {
			u.fail(finding{code: "extension-host", summary: fmt.Sprintf("%q is no host", host), hint: "write a name such as shop.example.com"}, o.key...)
		}
		hosts = append(hosts, workload.Host{Name: host, Path: path})
	}
	return hosts
}

func (u *unit) checkPath(path string, key []string) {
	if path != "" && !strings.HasPrefix(path, "/") {
		u.fail(finding{code: "extension-path", summary: fmt.Sprintf("%q is no path of a URL", path), hint: "write /" + path}, key...)
	}
}

// tls serves a route with TLS, with a certificate that cert-manager gets where it
// is asked to.
func (u *unit) tls(in *extension.Ingress, r *workload.Route, key []string) {
	if in.TLS == nil {
		return
	}
	r.TLSSecret = in.TLS.Secret
	setDefault(&r.TLSSecret, r.Name+"-tls")
	switch {
	case in.TLS.Issuer != "" && in.TLS.ClusterIssuer != "":
		u.fail(finding{code: "extension-tls", summary: "has both an issuer and a clusterIssuer", hint: "keep one of them"}, key...)
	case in.TLS.Issuer != "":
		setKey(&r.Annotations, "cert-manager.io/issuer", in.TLS.Issuer)
	case in.TLS.ClusterIssuer != "":
		setKey(&r.Annotations, "cert-manager.io/cluster-issuer", in.TLS.ClusterIssuer)
	case in.TLS.Secret == "":
		u.note(finding{
			code: "tls-secret", summary: fmt.Sprintf("takes the certificate from the Secret %s, which must exist", r.TLSSecret), hint: "name an issuer or a clusterIssuer of cert-manager to have it made",
		}, key...)
	}
}

// gatewayOf reads NAME or NAMESPACE/NAME.
func gatewayOf(text string) workload.Parent {
	if namespace, name, found := strings.Cut(text, "/"); found {
		return workload.Parent{Namespace: namespace, Name: name}
	}
	return workload.Parent{Name: text}
}

// gateways makes an HTTPRoute for each way in.
func (u *unit) gateways() {
	for i, o := range u.openings(ExposeGateway) {
		p, ok := u.leadsTo(o, "gateway")
		if !ok {
			continue
		}
		g := o.gateway
		r := &workload.HTTPRoute{
			Name: u.routeName("HTTPRoute", i, p), Service: u.name, Hosts: g.Hostnames, Path: g.Path, PathType: string(g.PathType),
			Endpoint: u.object, Port: p.target,
		}
		u.addMeta(&r.Annotations, g.Annotations, badAnnotation, u.at(below(o.key, "annotations")...))
		parents := g.ParentRefs
		if g.ParentRef != nil {
			parents = append([]extension.ParentRef{*g.ParentRef}, parents...)
		}
		for _, ref := range parents {
			r.Parents = append(r.Parents, workload.Parent{Name: ref.Name, Namespace: ref.Namespace, Section: ref.SectionName, Port: ref.Port})
		}
		switch {
		case len(parents) > 0:
		case u.opts.Gateway != "":
			r.Parents = []workload.Parent{gatewayOf(u.opts.Gateway)}
		default:
			u.fail(finding{code: "incomplete", summary: "names no Gateway, and a route belongs to one", hint: "add gateway: {parentRef: {name: …}}, or pass --gateway"}, o.key...)
		}
		if !o.asked { // all services are opened, so each needs a host of its own
			r.Hosts = []string{u.object + "." + u.domain(p.key)}
		}
		u.checkPath(g.Path, append(o.key, "path"))
		u.out.HTTPRoutes = append(u.out.HTTPRoutes, r)
	}
}
