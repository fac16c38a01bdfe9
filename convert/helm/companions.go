package helm

import (
	"fmt"
	"slices"
	"strings"

	"gantry/convert/manifest"
)

// companion draws an object that looks after a workload or says who it is, and
// that the application has by itself. What it does may be tuned; whether it is
// there, the Compose file has decided.
func (s *sheet) companion() {
	switch s.object.Kind() {
	case "HorizontalPodAutoscaler":
		s.autoscaler()
	case "PodDisruptionBudget":
		s.budget()
	case "HTTPRoute":
		s.httpRoute()
	case "ServiceAccount":
		s.accountObject()
	case "RoleBinding", "ClusterRoleBinding":
		s.binding()
	}
	s.clusterName()
	if s.object.Kind() == "Namespace" {
		// With a namespace goes all that is in it.
		s.keepAnyway(s.tree.Get("metadata"))
	}
}

// autoscaler draws the range of the number of pods.
func (s *sheet) autoscaler() {
	spec := s.tree.Get("spec")
	at := s.at.group("autoscaling", "The HorizontalPodAutoscaler, which needs resources.requests to know what full load is")
	s.amount(spec, at, "minReplicas", "Number of pods without load", integer(new(0), nil))
	s.amount(spec, at, "maxReplicas", "Number of pods under full load", integer(new(1), nil))
	s.draw(spec, at, []place{
		{"metrics", "metrics", "Measures of the load, as Kubernetes writes them", definition("objects"), emptyList},
		{"behavior", "behavior", "How fast the number changes", ofType("object"), emptyMap},
	})
}

// budget draws how many pods may be missing. Of the two ways to say it the object has
// one, and people may choose the other.
func (s *sheet) budget() {
	spec := s.tree.Get("spec")
	least, most := spec.Get("minAvailable"), spec.Get("maxUnavailable")
	enabled, atLeast, atMost := s.budgetValues("The PodDisruptionBudget", literal("true"), least, most)
	s.conditions = append(s.conditions, enabled)
	spec.Delete("minAvailable")
	spec.Set("maxUnavailable", manifest.Wrap(
		manifest.Line(fmt.Sprintf(`if not (kindIs "invalid" %s)`, atLeast)), manifest.Field{Key: "minAvailable", Value: expr(atLeast)},
		manifest.Line("else"), manifest.Field{Key: "maxUnavailable", Value: expr(atMost)},
		manifest.Line("end"),
	))
	sortFields(spec, []string{"maxUnavailable"})
}

// budgetValues adds the values of a PodDisruptionBudget, and returns their expressions.
func (s *sheet) budgetValues(comment string, enabled, least, most *manifest.Node) (on, atLeast, atMost string) {
	at := s.at.group("podDisruptionBudget", comment)
	orNull := func(n *manifest.Node) *manifest.Node {
		if n == nil {
			return literal("null")
		}
		return n
	}
	return at.add("enabled", "Whether the cluster must keep pods running while it drains nodes", enabled, ofType("boolean")),
		at.add("minAvailable", "Pods that must run, as a number or percentage; null: maxUnavailable counts", orNull(least), definition("amount")),
		at.add("maxUnavailable", "Pods that may be missing, as a number or percentage", orNull(most), definition("amount"))
}

// amount makes a field a value, where the object has it.
func (s *sheet) amount(n *manifest.Node, at *entry, field, comment string, schema *schema) {
	if now := n.Get(field); now != nil {
		n.Set(field, expr(at.add(field, comment, now, schema)))
	}
}

// httpRoute draws the Gateways and hosts of a route.
func (s *sheet) httpRoute() {
	spec := s.tree.Get("spec")
	at := s.routeValues("httpRoute", "The HTTPRoute "+s.object.GetName())
	s.annotations(s.tree.Get("metadata"), at, "Annotations of the HTTPRoute")
	s.draw(spec, at, []place{
		{"parentRefs", "parentRefs", "Gateways that the route belongs to", definition("objects"), emptyList},
		{"hostnames", "hostnames", "Hosts that lead to the service; empty: those of the Gateway", listOf(ofType("string")), emptyList},
	})
	s.noteRoute(at, "hostnames")
	for _, rule := range spec.Get("rules").Items {
		for _, backend := range rule.Get("backendRefs").Items {
			if port, ok := s.ports[portOf{backend.Get("name").Value, s.variables.fill(backend.Get("port").Value)}]; ok {
				backend.Set("port", expr(port))
			}
		}
	}
	sortFields(spec, []string{"parentRefs", "hostnames", "rules"})
}

// routeValues returns the group for a route. A service may have several: one for
// itself, and one for each port that says so.
func (s *sheet) routeValues(key, comment string) *entry {
	own, dir := s.object.GetName(), folder(s.object)
	if s.object.Service == "" || own == dir {
		return s.at.group(key, comment)
	}
	return s.at.group(s.at.free(camelCase(key+"-"+strings.TrimPrefix(own, dir+"-"))), comment)
}

// ownAccount reports whether the application has a ServiceAccount of this name for
// the service.
func (s *sheet) ownAccount(name string) bool {
	return slices.ContainsFunc(s.objects, func(o manifest.Object) bool {
		return o.Kind() == "ServiceAccount" && o.Service == s.object.Service && o.GetName() == name
	})
}

// createdAccount draws the identity of pods whose ServiceAccount belongs to the
// application.
func (s *sheet) createdAccount(pod *manifest.Node, at *entry) {
	name := pod.Get("serviceAccountName").Value
	create := at.add("create", "Whether the ServiceAccount is made; false: it exists, or is the default of the namespace", literal("true"), ofType("boolean"))
	own := at.add("name", "Name of the ServiceAccount; empty: "+name, text(), ofType("string"))
	pod.Set("serviceAccountName", manifest.Wrap(
		manifest.Line("if "+anyOf(create, own)),
		manifest.Field{Key: "serviceAccountName", Value: s.otherwise(own, name)},
		manifest.Line("end"),
	))
	if automount := pod.Get("automountServiceAccountToken"); automount != nil {
		pod.Set("automountServiceAccountToken", expr(at.add("automount", "Whether the pods get a token for the Kubernetes API", automount, ofType("boolean"))))
	}
}

// accountObject draws a ServiceAccount, whose values its workload has added.
func (s *sheet) accountObject() {
	at := s.at.group("serviceAccount", "ServiceAccount of the pods")
	if len(at.entries) == 0 {
		return // several workloads share it: it stays as it is
	}
	s.conditions = append(s.conditions, at.ref("create"))
	meta := s.tree.Get("metadata")
	meta.Set("name", s.otherwise(at.ref("name"), s.object.GetName()))
	s.annotations(meta, at, "Annotations of the ServiceAccount")
	if s.tree.Get("automountServiceAccountToken") != nil {
		s.tree.Set("automountServiceAccountToken", expr(at.ref("automount")))
	}
}

// binding binds the ServiceAccount wherever the release is.
func (s *sheet) binding() {
	at := s.at.group("serviceAccount", "ServiceAccount of the pods")
	for _, subject := range s.tree.Get("subjects").Items {
		name := subject.Get("name").Value
		if s.ownAccount(name) && len(at.entries) > 0 {
			subject.Set("name", s.otherwise(at.ref("name"), name))
		}
		if subject.Get("namespace") != nil && !s.placed() {
			subject.Set("namespace", expr(".Release.Namespace"))
		}
	}
}

// placed reports whether the application names the namespace of its objects.
func (b *builder) placed() bool {
	return slices.ContainsFunc(b.objects, func(o manifest.Object) bool { return o.GetNamespace() != "" })
}

// clusterName names roles of the cluster for the release, of which there may be
// one in every namespace.
func (s *sheet) clusterName() {
	rename := func(n *manifest.Node) {
		rest, ok := strings.CutPrefix(n.Get("name").Value, "default-"+s.src.Name+"-")
		if ok && !s.placed() {
			n.Set("name", expr(fmt.Sprintf("printf %q .Release.Namespace .Release.Name", "%s-%s-"+rest)))
		}
	}
	switch s.object.Kind() {
	case "ClusterRoleBinding":
		rename(s.tree.Get("roleRef"))
		fallthrough
	case "ClusterRole":
		rename(s.tree.Get("metadata"))
	}
}

// keepAnyway makes Helm leave the object behind.
func (s *sheet) keepAnyway(meta *manifest.Node) {
	if meta.Get("annotations") == nil {
		meta.Set("annotations", emptyMap())
	}
	meta.Get("annotations").Set(keepPolicy, manifest.Text("keep"))
}
