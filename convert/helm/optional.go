package helm

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"gantry/convert/manifest"
	"gantry/templates"
)

// Every service can have objects that its Compose file has no word for. They are
// off until a value asks for them, and drawn from files, because there is no
// object to draw them from.

// optionalData is what such a file is filled in with.
type optionalData struct {
	Chart string
	// Label is the name of the service's objects, quoted for YAML where it must be;
	// Fullname is the expression for it, which Name yields likewise.
	Label, Fullname, Name, Kind string
	// Values is the expression for the values of the service.
	Values string
	// Automount tells that the pods say whether they get a token.
	Automount bool
	// Apart tells that other NetworkPolicies say which pods of the release are
	// admitted.
	Apart bool
	// PortName and Port are those of a Service that speaks HTTP.
	PortName, Port string
}

// optional adds a file for an object that may be asked for. The application's own
// object of that kind comes first.
func (s *sheet) optional(file string, data optionalData) {
	dir := folder(s.object)
	data.Chart, data.Values = s.chart, s.at.ref()
	data.Label, data.Fullname, data.Kind = yamlText(dir), s.fullname(dir), s.object.Kind()
	data.Name = data.Fullname + quoteLike(dir)
	if err := s.fill(templates.Service(), file, "templates/"+dir+"/"+file, data); err != nil {
		panic(err) // the files are part of the program
	}
}

// plain reports whether the object is the one main workload or Service of a
// Compose service: only that has optional objects.
func (s *sheet) plain() bool {
	return s.object.Service != "" && folder(s.object) == s.object.GetName() && s.at == s.service(s.object)
}

// has reports whether the application has an object of a kind for the service.
func (s *sheet) has(kind string) bool {
	return slices.ContainsFunc(s.objects, func(o manifest.Object) bool { return o.Kind() == kind && o.Service == s.object.Service })
}

// yamlText returns text as a YAML scalar.
func yamlText(text string) string {
	var b bytes.Buffer
	if err := manifest.Encode(&b, manifest.Text(text)); err != nil {
		panic(err) // a buffer takes everything
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// scales reports whether the number of pods may follow their load: several can
// run at a time, and it is up to the chart.
func (s *sheet) scales(spec *manifest.Node) bool {
	strategy := spec.Get("strategy", "type")
	return s.plain() && s.object.Kind() == "Deployment" && !s.has("HorizontalPodAutoscaler") && (strategy == nil || strategy.Value != "Recreate")
}

// autoscaling adds a HorizontalPodAutoscaler, and returns the value that turns it
// on.
func (s *sheet) autoscaling(replicas *manifest.Node) string {
	at := s.at.group("autoscaling", "HorizontalPodAutoscaler, which needs resources.requests to know what full load is")
	enabled := at.add("enabled", "Whether the number of pods follows their load", literal("false"), ofType("boolean"))
	low, err := strconv.Atoi(s.variables.fill(replicas.Value))
	if err != nil || low < 1 {
		low = 1
	}
	percentage := &schema{Type: []string{"integer", "null"}, Minimum: new(1)}
	at.add("minReplicas", "Number of pods without load", literal(strconv.Itoa(low)), integer(new(0), nil))
	at.add("maxReplicas", "Number of pods under full load", literal(strconv.Itoa(max(5, 3*low))), integer(new(1), nil))
	at.add("targetCPUUtilizationPercentage", "How much of the CPU that they ask for the pods may use; null: it does not count", literal("80"), percentage)
	at.add("targetMemoryUtilizationPercentage", "How much of the memory that they ask for the pods may use; null: it does not count", literal("null"), percentage)
	at.add("behavior", "How fast the number changes", emptyMap(), ofType("object"))
	s.optional("hpa.yaml", optionalData{})
	return enabled
}

// disruptionBudget adds a PodDisruptionBudget.
func (s *sheet) disruptionBudget() {
	if kind := s.object.Kind(); !s.plain() || kind != "Deployment" && kind != "StatefulSet" || s.has("PodDisruptionBudget") {
		return
	}
	s.budgetValues("PodDisruptionBudget, for services with several pods", literal("false"), nil, literal("1"))
	s.optional("pdb.yaml", optionalData{})
}

// serviceAccount makes the identity of the pods a value.
func (s *sheet) serviceAccount(pod *manifest.Node) {
	name, automount := pod.Get("serviceAccountName"), pod.Get("automountServiceAccountToken")
	if name == nil {
		name = text()
	}
	at := s.at.group("serviceAccount", "ServiceAccount of the pods")
	if s.ownAccount(name.Value) {
		if s.at == s.service(s.object) {
			s.createdAccount(pod, at)
		}
		return
	}
	if s.plain() || s.object.Kind() == "Job" {
		create := at.add("create", "Whether the service has a ServiceAccount of its own", literal("false"), ofType("boolean"))
		own := at.add("name", "Name of the ServiceAccount; empty: that of the service, or the default of the namespace when none is created", name, ofType("string"))
		at.add("annotations", "Annotations of the ServiceAccount", emptyMap(), mapOf(ofType("string")))
		pod.Set("serviceAccountName", manifest.Wrap(
			manifest.Line("if "+anyOf(create, own)),
			manifest.Field{Key: "serviceAccountName", Value: s.otherwise(own, folder(s.object))},
			manifest.Line("end"),
		))
		s.optional("serviceaccount.yaml", optionalData{Automount: automount != nil})
	} else {
		s.draw(pod, at, []place{{"serviceAccountName", "name", "Name of the ServiceAccount; empty: the default of the namespace", ofType("string"), text}})
	}
	if automount != nil {
		ref := at.add("automount", "Whether the pods get a token for the Kubernetes API", automount, ofType("boolean"))
		pod.Set("automountServiceAccountToken", expr(ref))
	}
}

// networkPolicy adds a NetworkPolicy that admits what Compose admits: the rest of
// the application, or what is on the same networks.
func (s *sheet) networkPolicy() {
	if !s.plain() || s.runsOnce() {
		return
	}
	peers := "the pods of this release"
	if s.apart() {
		peers = "what is on the same networks"
	}
	at := s.at.group("networkPolicy", "NetworkPolicy, which admits "+peers+" and what is listed here")
	at.add("enabled", "Whether other traffic is refused", literal("false"), ofType("boolean"))
	at.add("ingress", "More rules for traffic to the pods, such as from an ingress controller", emptyList(), definition("objects"))
	at.add("egress", "Rules for traffic from the pods; empty: all of it is admitted", emptyList(), definition("objects"))
	s.optional("networkpolicy.yaml", optionalData{Apart: s.apart()})
}

// apart reports whether the application's own NetworkPolicies keep its pods apart.
func (b *builder) apart() bool {
	return slices.ContainsFunc(b.objects, func(o manifest.Object) bool { return o.Kind() == "NetworkPolicy" })
}

// webRoutes adds an Ingress and a route of the Gateway API to a Service that
// seems to speak HTTP.
func (s *sheet) webRoutes(ports *manifest.Node) {
	i := slices.IndexFunc(ports.Items, func(p *manifest.Node) bool { return speaksHTTP(p, s.variables.fill(p.Get("targetPort").Value)) })
	if i < 0 || !s.plain() {
		return
	}
	p := ports.Items[i]
	port := s.ports[portOf{s.object.GetName(), s.number(i)}]
	if port == "" || p.Get("name") == nil {
		return
	}
	data := optionalData{PortName: yamlText(p.Get("name").Value), Port: port}
	if !s.has("Ingress") {
		at := s.at.group("ingress", "Ingress, which makes the service public")
		at.add("enabled", "Whether there is an Ingress", literal("false"), ofType("boolean"))
		at.add("className", classComment, text(), ofType("string"))
		at.add("annotations", ingressComment, emptyMap(), mapOf(ofType("string")))
		at.add("hosts", hostsComment, exampleHosts(s.object.GetName()+".example.com"), definition("hosts"))
		at.add("tls", tlsComment, emptyList(), definition("tls"))
		s.optional("ingress.yaml", data)
		s.noteIngress(at)
	}
	if !s.has("HTTPRoute") {
		at := s.at.group("httpRoute", "HTTPRoute of the Gateway API, which makes the service public through a Gateway")
		at.add("enabled", "Whether there is an HTTPRoute", literal("false"), ofType("boolean"))
		at.add("annotations", "Annotations of the HTTPRoute", emptyMap(), mapOf(ofType("string")))
		at.add("parentRefs", "Gateways that the route belongs to", emptyList(), definition("objects"))
		at.add("hostnames", "Hosts that lead to the service; empty: those of the Gateway", emptyList(), listOf(ofType("string")))
		at.add("paths", "Beginnings of the paths that lead to the service", list(manifest.Text("/")), listOf(ofType("string")))
		s.optional("httproute.yaml", data)
		s.noteRoute(at, "enabled")
	}
}

func exampleHosts(host string) *manifest.Node {
	path, entry := emptyMap(), emptyMap()
	path.Set("path", manifest.Text("/"))
	path.Set("pathType", manifest.Text("Prefix"))
	entry.Set("host", manifest.Text(host))
	entry.Set("paths", list(path))
	return list(entry)
}

// speaksHTTP goes by what is said of a port, and by the numbers that web servers
// use.
func speaksHTTP(p *manifest.Node, target string) bool {
	if protocol := p.Get("protocol"); protocol != nil && protocol.Value != "TCP" {
		return false
	}
	if app := p.Get("appProtocol"); app != nil {
		return strings.HasPrefix(app.Value, "http")
	}
	if name := p.Get("name"); name != nil && (strings.HasPrefix(name.Value, "http") || strings.HasPrefix(name.Value, "web")) {
		return true
	}
	switch target {
	case "80", "3000", "4000", "5000", "8000", "8008", "8080", "8081", "8090", "8888", "9000", "9090":
		return true
	}
	return false
}
