package workload

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// App is an application. Its lists are sorted by name.
type App struct {
	// Name is the Compose project's name as a Kubernetes name. It is the instance
	// label of every object.
	Name      string
	Workloads []*Workload
	Claims    []*Claim
	Data      []*Data
	Endpoints []*Endpoint
	Routes    []*Route
	Policies  []*Policy
	// Builds are the images that somebody must build and push first.
	Builds []Build
}

// Build is an image that Compose builds.
type Build struct {
	// Service is the Compose service or job whose build section says how.
	Service string
	// Image is the name under which pods pull it.
	Image string
}

// Kind is the kind of controller that keeps a pod running.
type Kind string

// The kinds of workload.
const (
	Deployment  Kind = "Deployment"
	StatefulSet Kind = "StatefulSet"
	DaemonSet   Kind = "DaemonSet"
	Job         Kind = "Job"
	CronJob     Kind = "CronJob"
)

// Workload is a pod template and what keeps it running.
type Workload struct {
	// Name is the name of the object.
	Name string
	// Component is the name label, by which pods are selected. It differs from
	// Name where one service has several objects, or one that is replaced.
	Component string
	// Service is the Compose service or job, and Shares are the other services whose
	// containers are in its pods.
	Service string
	Shares  []string
	Kind    Kind
	// Replicas is nil where Kubernetes' default of 1 is meant.
	Replicas *int32
	// Labels and Annotations are those of the controller; the pod template has
	// its own.
	Labels, Annotations map[string]string
	Pod                 corev1.PodTemplateSpec
	Update              Update
	Run                 Run
	Schedule            *Schedule
	// Claims are the volume claim templates of a StatefulSet, and Members is the
	// headless endpoint that names its pods.
	Claims  []*Claim
	Members string
}

// Update says how a Deployment, StatefulSet or DaemonSet replaces its pods.
type Update struct {
	// Recreate stops all pods before it starts new ones: a volume that one node
	// may mount at a time would otherwise block the update for ever.
	Recreate                 bool
	MaxSurge, MaxUnavailable *intstr.IntOrString
	MinReadySeconds          int32
	ProgressDeadlineSeconds  *int32
}

// Run says how often a Job runs and how often it may fail.
type Run struct {
	Completions, Parallelism, BackoffLimit *int32
}

// Schedule is when a CronJob runs.
type Schedule struct {
	Cron     string
	TimeZone string
	// Concurrency is Allow, Forbid or Replace.
	Concurrency string
	// StartingDeadlineSeconds is nil where a missed run is made up for.
	StartingDeadlineSeconds *int64
	Suspend                 bool
}

// Claim is storage that outlives pods.
type Claim struct {
	Name string
	// Service is the Compose service that uses the claim alone, or "".
	Service             string
	Labels, Annotations map[string]string
	Size                resource.Quantity
	AccessMode          corev1.PersistentVolumeAccessMode
	StorageClass        *string
	// Export is where the content lies already, or nil: then a storage class
	// provides what the claim asks for.
	Export *Export
}

// Export is a folder of an NFS server.
type Export struct {
	Server, Path string
	MountOptions []string
}

// Data is configuration as files or variables: a ConfigMap or a Secret.
type Data struct {
	Name string
	// Service is the Compose service that uses the data alone, or "".
	Service             string
	Labels, Annotations map[string]string
	// Secret tells that the content must not be shown.
	Secret bool
	Text   map[string]string
	Binary map[string][]byte
}

// Placeholder stands in a Secret for a value that was not written into it.
const Placeholder = "REPLACE_ME"

// Endpoint is a name in the cluster's DNS.
type Endpoint struct {
	Name string
	// Service is the Compose service that is reached.
	Service string
	// Component is the name label of the pods that answer.
	Component string
	// Headless gives every pod's own address instead of a virtual one.
	Headless bool
	// External is the name in DNS for which the endpoint is another one; there are
	// no pods then.
	External string
	// Type is empty for ClusterIP; anything else opens the service to the world,
	// which only the user may ask for.
	Type        corev1.ServiceType
	Ports       []corev1.ServicePort
	Annotations map[string]string
	// Unready publishes pods that are not ready yet, which the members of a
	// StatefulSet need to find each other.
	Unready   bool
	DualStack bool
}

// Route sends the HTTP requests for a host to an endpoint.
type Route struct {
	Name    string
	Service string
	Host    string
	// Class is the ingress class; empty means the cluster's default.
	Class    string
	Endpoint string
	Port     int32
	// TLSSecret names the Secret with the certificate; empty serves plain HTTP.
	TLSSecret   string
	Annotations map[string]string
}

// Policy says who may talk to pods. Policies add up: what one of them admits is
// admitted.
type Policy struct {
	Name string
	// Service is the Compose service whose pods alone it is for, or "".
	Service string
	Spec    networkingv1.NetworkPolicySpec
}

// The recommended labels that gantry sets.
// https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
const (
	LabelName      = "app.kubernetes.io/name"
	LabelInstance  = "app.kubernetes.io/instance"
	LabelPartOf    = "app.kubernetes.io/part-of"
	LabelManagedBy = "app.kubernetes.io/managed-by"
)

// SelectorLabels are the labels by which a workload finds its pods. They can
// never change, so they hold nothing but who the pods belong to.
func SelectorLabels(app, component string) map[string]string {
	return map[string]string{LabelName: component, LabelInstance: app}
}
