package extension

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// Exposure is how published ports are reached from outside the cluster.
type Exposure string

// The ways to expose published ports.
const (
	Cluster      Exposure = "cluster"
	NodePort     Exposure = "nodeport"
	LoadBalancer Exposure = "loadbalancer"
	ByIngress    Exposure = "ingress"
	ByGateway    Exposure = "gateway"
)

// Port is what a port of a service says of itself.
type Port struct {
	// Expose opens the port to the world. It wins over that of the service.
	Expose Exposure `json:"expose,omitempty"`
	// Ingress is the Ingress of the port; to give it is to expose the port by it.
	Ingress *Ingress `json:"ingress,omitempty"`
	// Gateway is the HTTPRoute of the port; to give it is to expose the port by it.
	Gateway *Gateway `json:"gateway,omitempty"`
	// NodePort is the port of every node that leads to this one, from the range of the cluster (30000-32767).
	NodePort int32 `json:"nodePort,omitempty"`
	// HostPort is the port that the pod binds on its own node.
	HostPort int32 `json:"hostPort,omitempty"`
}

// Ingress is a route for HTTP through the ingress controller.
type Ingress struct {
	// Host is the host whose requests lead to the service. The default is made of its name and --domain.
	Host string `json:"host,omitempty"`
	// Hosts are several hosts, each with a path behind it if it has one of its own: shop.example.com/cart.
	Hosts []string `json:"hosts,omitempty"`
	// Path is the path whose requests lead to the service. The default is /.
	Path string `json:"path,omitempty"`
	// PathType is how the path is compared. The default is Prefix.
	PathType networkingv1.PathType `json:"pathType,omitempty"`
	// Class is the ingress class. The default is --ingress-class, and then that of the cluster.
	Class string `json:"class,omitempty"`
	// Annotations are annotations of the Ingress, which most controllers read their settings from.
	Annotations map[string]string `json:"annotations,omitempty"`
	// TLS serves the hosts with TLS.
	TLS *TLS `json:"tls,omitempty"`
	// Port is the port of the container that requests go to. The default is the first published one that speaks HTTP.
	Port int32 `json:"port,omitempty"`
}

// TLS is where the certificate of an Ingress comes from.
type TLS struct {
	// Secret is the name of the Secret with the certificate. The default is the name of the service with -tls behind it.
	Secret string `json:"secret,omitempty"`
	// Issuer is the Issuer by which cert-manager fills the Secret.
	Issuer string `json:"issuer,omitempty"`
	// ClusterIssuer is the ClusterIssuer by which cert-manager fills the Secret.
	ClusterIssuer string `json:"clusterIssuer,omitempty"`
}

// Gateway is a route for HTTP through a Gateway of the Gateway API.
type Gateway struct {
	// ParentRef is the Gateway that the route belongs to.
	ParentRef *ParentRef `json:"parentRef,omitempty"`
	// ParentRefs are several Gateways.
	ParentRefs []ParentRef `json:"parentRefs,omitempty"`
	// Hostnames are the hosts whose requests lead to the service. The default is those of the Gateway.
	Hostnames []string `json:"hostnames,omitempty"`
	// Path is the path whose requests lead to the service. The default is /.
	Path string `json:"path,omitempty"`
	// PathType is how the path is compared. The default is PathPrefix.
	PathType RoutePathType `json:"pathType,omitempty"`
	// Annotations are annotations of the HTTPRoute.
	Annotations map[string]string `json:"annotations,omitempty"`
	// Port is the port of the container that requests go to. The default is the first published one that speaks HTTP.
	Port int32 `json:"port,omitempty"`
}

// ParentRef names a Gateway.
type ParentRef struct {
	// Name is the name of the Gateway.
	Name string `json:"name"`
	// Namespace is the namespace of the Gateway. The default is that of the application.
	Namespace string `json:"namespace,omitempty"`
	// SectionName is the name of a listener of the Gateway.
	SectionName string `json:"sectionName,omitempty"`
	// Port is the port of a listener of the Gateway.
	Port int32 `json:"port,omitempty"`
}

// RoutePathType is how an HTTPRoute compares paths.
type RoutePathType string

// Endpoint is how a Kubernetes Service behaves.
type Endpoint struct {
	// Headless resolves the name to the addresses of the pods instead of a virtual one.
	Headless bool `json:"headless,omitempty"`
	// Labels are labels of the Service.
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations are annotations of the Service, which load balancers of clouds read their settings from.
	Annotations map[string]string `json:"annotations,omitempty"`
	// NodePort is the port of every node that leads to the first published one.
	NodePort int32 `json:"nodePort,omitempty"`
	// ExternalTrafficPolicy says whether requests from outside may be sent on to other nodes: Local keeps the address of the client.
	ExternalTrafficPolicy corev1.ServiceExternalTrafficPolicy `json:"externalTrafficPolicy,omitempty"`
	// InternalTrafficPolicy says whether requests from inside may be sent on to other nodes.
	InternalTrafficPolicy corev1.ServiceInternalTrafficPolicy `json:"internalTrafficPolicy,omitempty"`
	// SessionAffinity sends the requests of one client to one pod.
	SessionAffinity corev1.ServiceAffinity `json:"sessionAffinity,omitempty"`
	// LoadBalancerClass is the class of the load balancer.
	LoadBalancerClass string `json:"loadBalancerClass,omitempty"`
	// LoadBalancerSourceRanges are the addresses that the load balancer admits, as CIDR blocks.
	LoadBalancerSourceRanges []string `json:"loadBalancerSourceRanges,omitempty"`
	// TrafficDistribution prefers pods that are near to the client.
	TrafficDistribution string `json:"trafficDistribution,omitempty"`
	// PublishNotReadyAddresses also sends requests to pods that are not ready.
	PublishNotReadyAddresses bool `json:"publishNotReadyAddresses,omitempty"`
}
