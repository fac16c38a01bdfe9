package manifest

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"gantry/convert/workload"
)

// HTTPRoute is the part of gateway.networking.k8s.io/v1 HTTPRoute that gantry
// writes. The module of the Gateway API brings the whole of its tooling along.
type HTTPRoute struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec HTTPRouteSpec `json:"spec"`
}

// HTTPRouteSpec says which requests of which Gateways go where.
type HTTPRouteSpec struct {
	ParentRefs []ParentReference `json:"parentRefs,omitempty"`
	Hostnames  []string          `json:"hostnames,omitempty"`
	Rules      []HTTPRouteRule   `json:"rules,omitempty"`
}

// ParentReference names a Gateway.
type ParentReference struct {
	Name        string `json:"name"`
	Namespace   string `json:"namespace,omitempty"`
	SectionName string `json:"sectionName,omitempty"`
	Port        int32  `json:"port,omitempty"`
}

// HTTPRouteRule sends the requests that match to backends.
type HTTPRouteRule struct {
	Matches     []HTTPRouteMatch `json:"matches,omitempty"`
	BackendRefs []HTTPBackendRef `json:"backendRefs,omitempty"`
}

// HTTPRouteMatch matches requests by their path.
type HTTPRouteMatch struct {
	Path HTTPPathMatch `json:"path"`
}

// HTTPPathMatch is a path, and how it is compared.
type HTTPPathMatch struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// HTTPBackendRef names a Service and its port.
type HTTPBackendRef struct {
	Name string `json:"name"`
	Port int32  `json:"port"`
}

// DeepCopyObject returns a copy that shares nothing.
func (r *HTTPRoute) DeepCopyObject() runtime.Object {
	c := *r
	r.ObjectMeta.DeepCopyInto(&c.ObjectMeta)
	c.Spec.ParentRefs = slices.Clone(r.Spec.ParentRefs)
	c.Spec.Hostnames = slices.Clone(r.Spec.Hostnames)
	c.Spec.Rules = slices.Clone(r.Spec.Rules)
	for i, rule := range c.Spec.Rules {
		c.Spec.Rules[i] = HTTPRouteRule{Matches: slices.Clone(rule.Matches), BackendRefs: slices.Clone(rule.BackendRefs)}
	}
	return &c
}

func (b builder) httpRoute(r *workload.HTTPRoute) Object {
	o := &HTTPRoute{
		TypeMeta:   typeMeta("gateway.networking.k8s.io/v1", "HTTPRoute"),
		ObjectMeta: b.meta(r.Name, b.components[r.Service], nil, r.Annotations),
		Spec: HTTPRouteSpec{Hostnames: r.Hosts, Rules: []HTTPRouteRule{{
			Matches:     []HTTPRouteMatch{{Path: HTTPPathMatch{Type: cmp.Or(r.PathType, "PathPrefix"), Value: cmp.Or(r.Path, "/")}}},
			BackendRefs: []HTTPBackendRef{{Name: r.Endpoint, Port: r.Port}},
		}}},
	}
	for _, p := range r.Parents {
		o.Spec.ParentRefs = append(o.Spec.ParentRefs, ParentReference{Name: p.Name, Namespace: p.Namespace, SectionName: p.Section, Port: p.Port})
	}
	return Object{Service: r.Service, Resource: o}
}
