package workload

import (
	"encoding/json"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"gantry/charts/diag"
)

// App is an application. Its lists are sorted by name.
type App struct {
	// Name is the Compose project's name as a Kubernetes name. It is the instance
	// label of every object.
	Name string
	// Minor is the oldest version of Kubernetes, 1.Minor, that has everything the
	// objects use; 0 where any will do.
	Minor     int
	Workloads []*Workload
	Claims    []*Claim
	Data      []*Data
	Endpoints []*Endpoint
	Routes    []*Route
	// HTTPRoutes lead through a Gateway where Routes lead through an Ingress.
	HTTPRoutes []*HTTPRoute
	Policies   []*Policy
	Accounts   []*Account
	// Charts run in place of services.
	Charts []*Chart
	// Devices are what pods claim of the cluster's device classes.
	Devices []*DeviceClaim
	// Builds are the images that somebody must build and push first.
	Builds []Build
	// Own are the Compose services that are the application itself, and not the
	// databases, proxies and tools beside it; all services where there is nothing else.
	Own []string
	// Scope is what the user says of the whole application.
	Scope Scope
	// Patches change finished objects, in this order.
	Patches []*Patch
	// Hosts are the names that hosts of the user's strings have here, by those that they
	// have in Compose.
	Hosts map[string]string
}

// Chart is a Helm chart of somebody else's that runs in place of a service.
type Chart struct {
	// Service is the Compose service, and Host the name under which others look for it.
	Service, Host string
	// Name, Version and Repository find the chart; Version may be a range.
	Name, Version, Repository string
	// Alias is what the chart is called here.
	Alias string
	// Values are values for the chart, and Secrets those of them that must not be
	// shown, as a tree of their own.
	Values, Secrets map[string]any
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
	// Autoscaler makes the number of pods follow their load; nil leaves it fixed.
	// What it scales is the workload itself.
	Autoscaler *autoscalingv2.HorizontalPodAutoscalerSpec
	// Disruption limits how many pods may be missing while nodes are drained, or
	// is nil. It selects the pods of the workload.
	Disruption *policyv1.PodDisruptionBudgetSpec
}

// Update says how a Deployment, StatefulSet or DaemonSet replaces its pods.
type Update struct {
	// Recreate stops all pods before it starts new ones: a volume that one node
	// may mount at a time would otherwise block the update for ever, and two
	// servers would write to one database.
	Recreate                 bool
	MaxSurge, MaxUnavailable *intstr.IntOrString
	MinReadySeconds          int32
	ProgressDeadlineSeconds  *int32
}

// Run says how often a Job runs and how often it may fail.
type Run struct {
	Completions, Parallelism, BackoffLimit *int32
	// ActiveDeadlineSeconds ends the Job, and TTLSecondsAfterFinished deletes it.
	ActiveDeadlineSeconds   *int64
	TTLSecondsAfterFinished *int32
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
	// SuccessfulJobs and FailedJobs are how many finished runs are kept; nil means
	// Kubernetes' default.
	SuccessfulJobs, FailedJobs *int32
}

// Claim is storage that outlives pods.
type Claim struct {
	Name string
	// Service is the Compose service that uses the claim alone, or "".
	Service             string
	Labels, Annotations map[string]string
	Size                resource.Quantity
	AccessModes         []corev1.PersistentVolumeAccessMode
	StorageClass        *string
	// Selector are the labels of the volumes that may be bound; nil admits any.
	Selector *metav1.LabelSelector
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
	// Type is the type of a Secret; empty means Opaque.
	Type corev1.SecretType
	// Immutable keeps the content from being changed.
	Immutable bool
	Text      map[string]string
	Binary    map[string][]byte
	// Withheld are values that are not among these, by the keys that they belong to.
	Withheld map[string]Withheld
}

// Withheld is a value of the user's shell that stays out of what is written.
type Withheld struct {
	// Variable names it.
	Variable string
	// Value tells what else has the same value; it may be empty.
	Value string
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
	// Shared tells that the pods of several services answer, which have the label of its
	// name; Service and Component are empty then.
	Shared bool
	// Headless gives every pod's own address instead of a virtual one.
	Headless bool
	// External is the name in DNS for which the endpoint is another one; there are
	// no pods then.
	External string
	// Type is empty for ClusterIP; anything else opens the service to the world,
	// which only the user may ask for.
	Type        corev1.ServiceType
	Ports       []corev1.ServicePort
	Labels      map[string]string
	Annotations map[string]string
	// Traffic is what else the Service says of how requests reach the pods; the
	// fields above win over it.
	Traffic corev1.ServiceSpec
	// Unready publishes pods that are not ready yet, which the members of a
	// StatefulSet need to find each other.
	Unready   bool
	DualStack bool
}

// Route sends the HTTP requests for hosts to an endpoint.
type Route struct {
	Name    string
	Service string
	Hosts   []Host
	// PathType says how paths are compared; empty means by their beginnings.
	PathType networkingv1.PathType
	// Class is the ingress class; empty means the cluster's default.
	Class    string
	Endpoint string
	Port     int32
	// TLSSecret names the Secret with the certificate; empty serves plain HTTP.
	TLSSecret   string
	Annotations map[string]string
}

// Host is a host, and the path on it that leads to an endpoint.
type Host struct{ Name, Path string }

// HTTPRoute is a Route of the Gateway API.
type HTTPRoute struct {
	Name    string
	Service string
	Parents []Parent
	// Hosts are empty where those of the Gateway are meant.
	Hosts       []string
	Path        string
	PathType    string
	Endpoint    string
	Port        int32
	Annotations map[string]string
}

// Parent is a Gateway, and the listener of it that a route belongs to; empty
// fields mean the application's namespace and all listeners.
type Parent struct {
	Name, Namespace, Section string
	Port                     int32
}

// Account is the identity of pods towards the Kubernetes API, and what it may
// do.
type Account struct {
	Name        string
	Service     string
	Annotations map[string]string
	Automount   bool
	// Rules hold in the namespace, ClusterRules in the whole cluster.
	Rules, ClusterRules []rbacv1.PolicyRule
}

// DeviceClaim is a template by which each pod claims devices of its own.
type DeviceClaim struct {
	Name     string
	Service  string
	Requests []resourcev1.DeviceRequest
}

// Scope is what holds for all objects, and the namespace around them.
type Scope struct {
	// Namespace is empty where the objects go wherever they are applied.
	Namespace string
	// Created is the namespace as an object of the application, or nil.
	Created             *metav1.ObjectMeta
	Labels, Annotations map[string]string
	Quota               *corev1.ResourceQuotaSpec
	Limits              *corev1.LimitRangeSpec
}

// Patch is a change of finished objects.
type Patch struct {
	// Service limits the patch to the objects of a Compose service, Kind and Name
	// to these; empty means any.
	Service, Kind, Name string
	// Change is a strategic merge patch, or the operations of a JSON patch.
	Change json.RawMessage
	// Path leads to the patch in the Compose file.
	Path diag.Path
}

// Policy says who may talk to pods. Policies add up: what one of them admits is
// admitted.
type Policy struct {
	Name string
	// Service is the Compose service whose pods alone it is for, or "".
	Service             string
	Labels, Annotations map[string]string
	Spec                networkingv1.NetworkPolicySpec
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

// AliasLabel is the label of the pods that answer to a name which several services share.
func AliasLabel(name string) string { return "alias.gantry.dev/" + name }
