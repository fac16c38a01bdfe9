package extension

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"gantry/charts/diag"
)

// Service is what a service or a job says of its workload.
type Service struct {
	// Kind is the kind of controller that runs the pods. By default it follows from restart, deploy.mode and the volumes.
	Kind Kind `json:"kind,omitempty"`
	// Name is the name of the objects of the service, and its name in the cluster's DNS. The default is the name in the Compose file.
	Name string `json:"name,omitempty"`
	// Replicas is the number of pods. It wins over scale and deploy.replicas.
	Replicas *int32 `json:"replicas,omitempty"`
	// Labels are labels of the controller.
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations are annotations of the controller.
	Annotations map[string]string `json:"annotations,omitempty"`
	// PodLabels are labels of the pods.
	PodLabels map[string]string `json:"podLabels,omitempty"`
	// PodAnnotations are annotations of the pods.
	PodAnnotations map[string]string `json:"podAnnotations,omitempty"`

	// Chart is a Helm chart that runs in place of the service: a chart that is made of the application depends on it. Only name goes with it.
	Chart *Chart `json:"chart,omitempty"`

	// Expose opens the published ports to the world. It wins over --expose.
	Expose Exposure `json:"expose,omitempty"`
	// Ingress is the Ingress of the service; to give it is to expose the service by it.
	Ingress *Ingress `json:"ingress,omitempty"`
	// Gateway is the HTTPRoute of the service; to give it is to expose the service by it.
	Gateway *Gateway `json:"gateway,omitempty"`
	// Service is how the Kubernetes Service behaves: the public one if expose makes one, or else the service's own.
	Service *Endpoint `json:"service,omitempty"`
	// HostPorts binds the published ports on the node itself, for one pod on each node.
	HostPorts bool `json:"hostPorts,omitempty"`

	// ServiceAccount is the identity of the pods towards the Kubernetes API.
	ServiceAccount *Account `json:"serviceAccount,omitempty"`
	// ImagePullSecrets are the names of Secrets with the credentials for the registries of the images.
	ImagePullSecrets []string `json:"imagePullSecrets,omitempty"`
	// ImagePullPolicy is when the image is pulled. It wins over pull_policy.
	ImagePullPolicy corev1.PullPolicy `json:"imagePullPolicy,omitempty"`

	// Autoscale makes the number of pods follow their load, with a HorizontalPodAutoscaler.
	Autoscale *Autoscale `json:"autoscale,omitempty"`
	// PDB limits how many pods may be missing while nodes are drained, with a PodDisruptionBudget.
	PDB *Disruption `json:"pdb,omitempty"`
	// Job is how often the pods run and fail, for the kinds Job and CronJob.
	Job *Job `json:"job,omitempty"`
	// Pod is the name of a pod that services share: those that give the same one run in it together.
	Pod string `json:"pod,omitempty"`
	// CronJob is when the pods run; to give it makes the service a CronJob.
	CronJob *CronJob `json:"cronJob,omitempty"`

	// Probes replace or switch off the probes that come from healthcheck.
	Probes *Probes `json:"probes,omitempty"`
	// Resources are what the container asks for and may use. They are laid over those of deploy.resources.
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`
	// Env are more environment variables, as Kubernetes writes them. They replace those of the same name.
	Env []corev1.EnvVar `json:"env,omitempty"`
	// EnvFrom are ConfigMaps and Secrets whose keys become environment variables. Later ones win, and environment wins over all.
	EnvFrom []corev1.EnvFromSource `json:"envFrom,omitempty"`
	// Volumes are more volumes of the pods, for volumeMounts and sidecars.
	Volumes []corev1.Volume `json:"volumes,omitempty"`
	// VolumeMounts are more mounts of the container.
	VolumeMounts []corev1.VolumeMount `json:"volumeMounts,omitempty"`
	// Storage is what the volumes of the service are, unless they say otherwise themselves.
	Storage *Storage `json:"storage,omitempty"`
	// InitContainers run before the container, one after the other.
	InitContainers []corev1.Container `json:"initContainers,omitempty"`
	// Sidecars run beside the container. In a Job they end with it.
	Sidecars []corev1.Container `json:"sidecars,omitempty"`

	// NodeSelector are labels that a node must have to run the pods.
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// Tolerations are taints of nodes that the pods tolerate.
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`
	// Affinity are rules by which nodes are chosen.
	Affinity *corev1.Affinity `json:"affinity,omitempty"`
	// TopologySpread spreads the pods over nodes and zones. Without a labelSelector, it counts the pods of the service.
	TopologySpread []corev1.TopologySpreadConstraint `json:"topologySpread,omitempty"`
	// PriorityClass is the name of the PriorityClass of the pods.
	PriorityClass string `json:"priorityClass,omitempty"`
	// RuntimeClass is the name of the RuntimeClass of the pods, such as gvisor.
	RuntimeClass string `json:"runtimeClass,omitempty"`
	// PodSecurityContext is laid over the security context of the pods.
	PodSecurityContext *corev1.PodSecurityContext `json:"podSecurityContext,omitempty"`
	// SecurityContext is laid over the security context of the container.
	SecurityContext *corev1.SecurityContext `json:"securityContext,omitempty"`

	// Patch changes the finished objects of the service, by kind or by kind/name.
	Patch Patches `json:"patch,omitempty"`

	// labels are the labels of kompose that fields come from.
	labels map[string]diag.Path
}

// Kind is the kind of a controller.
type Kind string

// The kinds of controllers.
const (
	Deployment  Kind = "Deployment"
	StatefulSet Kind = "StatefulSet"
	DaemonSet   Kind = "DaemonSet"
	JobKind     Kind = "Job"
	CronJobKind Kind = "CronJob"
)

// Account is a ServiceAccount and what it may do.
type Account struct {
	// Existing is the name of a ServiceAccount that exists. No other field goes with it but automountToken.
	Existing string `json:"existing,omitempty"`
	// Name is the name of the ServiceAccount that is made; the default is that of the service.
	Name string `json:"name,omitempty"`
	// Annotations are annotations of the ServiceAccount, such as the role of a cloud that it stands for.
	Annotations map[string]string `json:"annotations,omitempty"`
	// AutomountToken mounts a token for the Kubernetes API. The default is to do so where there are rules; an existing ServiceAccount says so itself.
	AutomountToken *bool `json:"automountToken,omitempty"`
	// Rules are what the pods may do in their namespace: a Role and its RoleBinding.
	Rules []rbacv1.PolicyRule `json:"rules,omitempty"`
	// ClusterRules are what the pods may do in the whole cluster: a ClusterRole and its ClusterRoleBinding.
	ClusterRules []rbacv1.PolicyRule `json:"clusterRules,omitempty"`
}

// Autoscale is the range of a number of pods, and what decides within it.
type Autoscale struct {
	// Min is the number of pods without load. The default is the number of replicas.
	Min *int32 `json:"min,omitempty"`
	// Max is the number of pods under full load.
	Max int32 `json:"max"`
	// CPU is how much of the CPU that they ask for the pods should use, in percent. The default is 80 where nothing else decides.
	CPU *int32 `json:"cpu,omitempty"`
	// Memory is how much of the memory that they ask for the pods should use, in percent.
	Memory *int32 `json:"memory,omitempty"`
	// Metrics are other measures of the load, as Kubernetes writes them.
	Metrics []autoscalingv2.MetricSpec `json:"metrics,omitempty"`
	// Behavior is how fast the number of pods changes.
	Behavior *autoscalingv2.HorizontalPodAutoscalerBehavior `json:"behavior,omitempty"`
}

// Disruption is how many pods must run while nodes are drained.
type Disruption struct {
	// MinAvailable is how many pods must run, as a number or a percentage.
	MinAvailable *intstr.IntOrString `json:"minAvailable,omitempty"`
	// MaxUnavailable is how many pods may be missing, as a number or a percentage. The default is 1.
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable,omitempty"`
	// UnhealthyPodEvictionPolicy says whether pods that are not ready may be evicted whatever the budget.
	UnhealthyPodEvictionPolicy policyv1.UnhealthyPodEvictionPolicyType `json:"unhealthyPodEvictionPolicy,omitempty"`
}

// Job is how often pods run to completion.
type Job struct {
	// BackoffLimit is how often the pods may fail.
	BackoffLimit *int32 `json:"backoffLimit,omitempty"`
	// Completions is how many pods must succeed.
	Completions *int32 `json:"completions,omitempty"`
	// Parallelism is how many pods run at a time.
	Parallelism *int32 `json:"parallelism,omitempty"`
	// ActiveDeadlineSeconds is after how many seconds the Job is ended.
	ActiveDeadlineSeconds *int64 `json:"activeDeadlineSeconds,omitempty"`
	// TTLSecondsAfterFinished is how many seconds the Job is kept after its end.
	TTLSecondsAfterFinished *int32 `json:"ttlSecondsAfterFinished,omitempty"`
}

// CronJob is when pods run to completion.
type CronJob struct {
	// Schedule is when the pods run: minute, hour, day, month and weekday.
	Schedule Cron `json:"schedule"`
	// TimeZone is the time zone of the schedule, such as Europe/Berlin.
	TimeZone TimeZone `json:"timeZone,omitempty"`
	// ConcurrencyPolicy is what happens when a run is due while another runs. The default is Forbid.
	ConcurrencyPolicy batchv1.ConcurrencyPolicy `json:"concurrencyPolicy,omitempty"`
	// StartingDeadlineSeconds is how many seconds late a run may start.
	StartingDeadlineSeconds *int64 `json:"startingDeadlineSeconds,omitempty"`
	// Suspend stops the schedule.
	Suspend bool `json:"suspend,omitempty"`
	// SuccessfulJobsHistoryLimit is how many runs that succeeded are kept.
	SuccessfulJobsHistoryLimit *int32 `json:"successfulJobsHistoryLimit,omitempty"`
	// FailedJobsHistoryLimit is how many runs that failed are kept.
	FailedJobsHistoryLimit *int32 `json:"failedJobsHistoryLimit,omitempty"`
}

// Cron is a schedule: minute, hour, day, month and weekday.
type Cron string

// TimeZone is a name of the IANA list.
type TimeZone string

// Probes are the probes of the container.
type Probes struct {
	// Disable leaves out all probes.
	Disable bool `json:"disable,omitempty"`
	// Readiness is how Kubernetes sees that requests may be sent to the container.
	Readiness *Probe `json:"readiness,omitempty"`
	// Liveness is how Kubernetes sees that the container must be restarted.
	Liveness *Probe `json:"liveness,omitempty"`
	// Startup is how Kubernetes sees that the container has started.
	Startup *Probe `json:"startup,omitempty"`
}

// Probe is laid over the probe that comes from healthcheck.
type Probe struct {
	// Disable leaves out the probe.
	Disable bool `json:"disable,omitempty"`

	corev1.Probe `json:",inline"`
}
