package helm

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"gantry/charts/pattern"
	"gantry/convert/manifest"
)

// servicePorts draws a Service: how it is reached, and on which ports.
func (s *sheet) servicePorts() {
	spec := s.tree.Get("spec")
	at := s.serviceValues()
	s.annotations(s.tree.Get("metadata"), at, "Annotations of the Service")
	headless := spec.Get("clusterIP") != nil && spec.Get("clusterIP").Value == corev1.ClusterIPNone
	if t := spec.Get("type"); t != nil && !headless && t.Value != string(corev1.ServiceTypeExternalName) {
		ref := at.add("type", "ClusterIP, NodePort or LoadBalancer", t, oneOf("ClusterIP", "NodePort", "LoadBalancer"))
		spec.Set("type", expr(ref))
		s.draw(spec, at, loadBalancerPlaces())
		s.notes = append(s.notes, noted{object: s.object, key: s.at, service: at})
	}
	if name := spec.Get("externalName"); name != nil {
		spec.Set("externalName", expr(at.add("externalName", "Name in DNS that the Service stands for", name, ofType("string"))+" | quote"))
	}
	if ports := spec.Get("ports"); ports != nil {
		s.servedPorts(ports, at, !headless)
		s.check(ports)
		s.webRoutes(ports)
	}
	sortFields(spec, []string{
		"type", "externalName", "clusterIP", "publishNotReadyAddresses", "ipFamilyPolicy", "externalTrafficPolicy", "loadBalancerClass", "loadBalancerSourceRanges",
		"ports", "selector",
	})
}

// loadBalancerPlaces are the fields of a Service that a cloud reads.
func loadBalancerPlaces() []place {
	return []place{
		{"externalTrafficPolicy", "externalTrafficPolicy", "Local keeps the address of the client; empty: the cluster's way", oneOf("", "Cluster", "Local"), text},
		{"loadBalancerClass", "loadBalancerClass", "Who makes the load balancer; empty: the default of the cluster", ofType("string"), text},
		{"loadBalancerSourceRanges", "loadBalancerSourceRanges", "Addresses that the load balancer admits, such as 10.0.0.0/8; empty: all", listOf(ofType("string")), emptyList},
	}
}

// serviceValues returns the group for a Service. A Compose service may have
// several: its own, one that is public, one for each alias.
func (s *sheet) serviceValues() *entry {
	own, dir := s.object.GetName(), folder(s.object)
	if s.object.Service == "" {
		shared := s.at.group("aliases", "Names that several services share, each with a Service")
		return shared.group(shared.free(camelCase(own)), "The Service "+own)
	}
	if own == dir {
		return s.at.group("service", "The Service "+own)
	}
	return s.at.group(s.at.free(camelCase("service-"+strings.TrimPrefix(own, dir+"-"))), "The Service "+own)
}

// portOf is a port of a Service.
type portOf struct{ service, number string }

// servedPorts draws the numbers on which a Service listens.
func (s *sheet) servedPorts(ports *manifest.Node, at *entry, nodePorts bool) {
	if len(ports.Items) > maxPortValues {
		return
	}
	numbers := at.group("ports", "Ports of the Service, by the names that they have there")
	names := make([]string, 0, len(ports.Items))
	for _, p := range ports.Items {
		names = append(names, s.portKey(p))
	}
	keys := newKeyring(names, nil)
	fixed, fixedSchema := emptyMap(), object()
	for i, p := range ports.Items {
		key, fixedPort := keys.of(s.portKey(p)), "."
		if now := p.Get("nodePort"); now != nil {
			fixed.Set(key, now)
			fixedPort = s.reading(".", now)
		}
		fixedSchema.Properties = append(fixedSchema.Properties, property{key, definition("port")})
		ref := numbers.add(key, "Port that leads to "+s.variables.fill(p.Get("targetPort").Value), p.Get("port"), definition("port"))
		s.ports[portOf{s.object.GetName(), s.number(i)}] = ref
		p.Set("port", expr(ref))
		if nodePorts {
			p.Set("nodePort", manifest.Wrap(
				manifest.Line("with "+at.ref("nodePorts", key)), manifest.Field{Key: "nodePort", Value: expr(fixedPort)}, manifest.Line("end"),
			))
		}
	}
	if nodePorts {
		at.add("nodePorts", "Ports of the nodes, by the same names, for the types NodePort and LoadBalancer; any that is free where there is none", fixed, fixedSchema)
	}
}

// maxPortValues is how many ports a Service may have before they are taken for a
// range, such as that of a media server, of which nobody changes one.
const maxPortValues = 20

// numbered is how ports are named that have no name of their own: 8080-tcp.
var numbered = pattern.Lazy(`^([0-9]+)-([a-z]+)$`)

func (s *sheet) portKey(p *manifest.Node) string {
	name := p.Get("name")
	if name == nil {
		return "tcp" + s.variables.fill(p.Get("port").Value)
	}
	return numbered().ReplaceAllString(name.Value, "$2$1")
}

// ingress draws an Ingress in the form that people know from other charts: hosts
// with their paths, all of which lead to one Service.
func (s *sheet) ingress() {
	at := s.routeValues("ingress", "The Ingress "+s.object.GetName())
	enabled := at.add("enabled", "Whether there is an Ingress", literal("true"), ofType("boolean"))
	s.conditions = append(s.conditions, enabled)
	spec := s.tree.Get("spec")
	s.draw(spec, at, []place{{"ingressClassName", "className", classComment, ofType("string"), text}})
	s.annotations(s.tree.Get("metadata"), at, ingressComment)
	s.rules(spec, at)
	s.draw(spec, at, []place{{"tls", "tls", tlsComment, definition("tls"), emptyList}})
	sortFields(spec, []string{"ingressClassName", "tls", "defaultBackend", "rules"})
	s.noteIngress(at)
}

// network draws a NetworkPolicy of the application. All of them come and go
// together: one that is missing would leave its pods open to some and shut to
// others.
func (s *sheet) network() {
	at := s.root.group("networkPolicy", "NetworkPolicies, which keep the networks of the Compose file apart")
	ref := at.ref("enabled")
	if len(at.entries) == 0 {
		at.add("enabled", "Whether there are NetworkPolicies", literal("true"), ofType("boolean"))
	}
	s.conditions = append(s.conditions, ref)
	sortFields(s.tree.Get("spec"), []string{"podSelector", "policyTypes", "ingress", "egress"})
}

// noteIngress and noteRoute let the notes tell of an Ingress, and of a route that is there
// where a value is set.
func (s *sheet) noteIngress(at *entry) {
	s.note(func(n *noted) { n.ingress = at })
}

func (s *sheet) noteRoute(at *entry, where string) {
	s.note(func(n *noted) { n.route, n.routed = at, at.ref(where) })
}

func (s *sheet) note(tell func(*noted)) {
	for i := range s.notes {
		if s.notes[i].key == s.at {
			tell(&s.notes[i])
		}
	}
}

// What the values of an Ingress are for.
const (
	classComment   = "Ingress class; empty: the default of the cluster"
	ingressComment = "Annotations of the Ingress, which most controllers read their settings from"
	hostsComment   = "Hosts, each with the paths that lead to the Service"
	tlsComment     = "Hosts that are served with TLS, and the Secrets with their certificates"
)

// rules draws the rules of an Ingress whose paths all lead to one backend.
// Others stay as they are.
func (s *sheet) rules(spec *manifest.Node, at *entry) {
	hosts, backend, ok := ingressHosts(spec.Get("rules"))
	if !ok {
		return
	}
	ref := at.add("hosts", hostsComment, hosts, definition("hosts"))
	if number := backend.Get("service", "port", "number"); number != nil {
		if port, ok := s.ports[portOf{backend.Get("service", "name").Value, s.variables.fill(number.Value)}]; ok {
			backend.Get("service", "port").Set("number", expr(fromRoot(port)))
		}
	}
	path := &manifest.Node{Kind: manifest.Map, Fields: []manifest.Field{
		{Key: "path", Value: expr(s.text(".path", hosts))},
		{Key: "pathType", Value: expr(`.pathType | default "Prefix"`)},
		{Key: "backend", Value: backend},
	}}
	paths := list(action("range .paths"), path, action("end"))
	rule := &manifest.Node{Kind: manifest.Map, Fields: []manifest.Field{
		{Key: "host", Value: expr(s.text(".host", hosts))},
		{Key: "http", Value: &manifest.Node{Kind: manifest.Map, Fields: []manifest.Field{{Key: "paths", Value: paths}}}},
	}}
	spec.Set("rules", list(action("range "+ref), rule, action("end")))
}

// ingressHosts returns the hosts and paths of rules, and the backend to which all
// of them lead.
func ingressHosts(rules *manifest.Node) (hosts, backend *manifest.Node, ok bool) {
	hosts = emptyList()
	if rules == nil {
		return nil, nil, false
	}
	for _, rule := range rules.Items {
		paths := rule.Get("http", "paths")
		if rule.Get("host") == nil || paths == nil {
			return nil, nil, false
		}
		host := emptyMap()
		host.Set("host", rule.Get("host"))
		host.Set("paths", emptyList())
		for _, p := range paths.Items {
			to := p.Get("backend")
			if to == nil || backend != nil && !equal(backend, to) || p.Get("path") == nil || p.Get("pathType") == nil {
				return nil, nil, false
			}
			backend = to
			path := emptyMap()
			path.Set("path", p.Get("path"))
			path.Set("pathType", p.Get("pathType"))
			host.Get("paths").Items = append(host.Get("paths").Items, path)
		}
		hosts.Items = append(hosts.Items, host)
	}
	return hosts, backend, backend != nil
}

func equal(a, b *manifest.Node) bool {
	if a.Kind != b.Kind || a.Value != b.Value || len(a.Fields) != len(b.Fields) || len(a.Items) != len(b.Items) {
		return false
	}
	for i := range a.Fields {
		if a.Fields[i].Key != b.Fields[i].Key || !equal(a.Fields[i].Value, b.Fields[i].Value) {
			return false
		}
	}
	for i := range a.Items {
		if !equal(a.Items[i], b.Items[i]) {
			return false
		}
	}
	return true
}
