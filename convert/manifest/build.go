package manifest

import (
	"cmp"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"gantry/convert/workload"
)

// managedBy is the value of the label app.kubernetes.io/managed-by.
const managedBy = "gantry"

// Build returns the objects of an application in the order in which they are
// applied: storage and configuration before what uses them, services before the
// pods that look for them, and each kind by name.
func Build(app *workload.App) []Object {
	b := builder{app: app, components: map[string]string{}}
	for _, w := range app.Workloads {
		for _, service := range slices.Concat(w.Shares, []string{w.Service}) {
			b.components[service] = w.Component
		}
	}
	objects := b.scope()
	for _, a := range app.Accounts {
		objects = append(objects, b.account(a)...)
	}
	for _, d := range app.Data {
		objects = append(objects, b.data(d))
	}
	for _, c := range app.Claims {
		if c.Export != nil {
			objects = append(objects, b.volume(c))
		}
		objects = append(objects, b.claim(c))
	}
	for _, d := range app.Devices {
		objects = append(objects, b.devices(d))
	}
	for _, e := range app.Endpoints {
		objects = append(objects, b.service(e))
	}
	for _, p := range app.Policies {
		objects = append(objects, b.policy(p))
	}
	for _, w := range app.Workloads {
		objects = append(objects, b.workload(w))
		objects = append(objects, b.companions(w)...)
	}
	for _, r := range app.Routes {
		objects = append(objects, b.ingress(r))
	}
	for _, r := range app.HTTPRoutes {
		objects = append(objects, b.httpRoute(r))
	}
	b.everywhere(objects)
	slices.SortStableFunc(objects, func(x, y Object) int { return rank(x.Kind()) - rank(y.Kind()) })
	return objects
}

// rank orders the kinds.
func rank(kind string) int {
	return slices.Index([]string{
		"Namespace", "ResourceQuota", "LimitRange", "NetworkPolicy", "ServiceAccount", "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding",
		"Secret", "ConfigMap", "PersistentVolume", "PersistentVolumeClaim", "ResourceClaimTemplate", "Service", "StatefulSet", "DaemonSet", "Deployment", "Job", "CronJob",
		"HorizontalPodAutoscaler", "PodDisruptionBudget", "Ingress", "HTTPRoute",
	}, kind)
}

type builder struct {
	app *workload.App
	// components are the name labels of services.
	components map[string]string
}

// meta gives an object its name and the recommended labels.
func (b builder) meta(name, component string, labels, annotations map[string]string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Labels: b.labels(component, labels), Annotations: annotations}
}

func (b builder) labels(component string, more map[string]string) map[string]string {
	labels := map[string]string{
		workload.LabelInstance:  b.app.Name,
		workload.LabelPartOf:    b.app.Name,
		workload.LabelManagedBy: managedBy,
	}
	if component != "" {
		labels[workload.LabelName] = component
	}
	maps.Copy(labels, more)
	return labels
}

func (b builder) data(d *workload.Data) Object {
	meta := b.meta(d.Name, b.components[d.Service], d.Labels, d.Annotations)
	if !d.Secret {
		return Object{Service: d.Service, Resource: &corev1.ConfigMap{
			TypeMeta: typeMeta("v1", "ConfigMap"), ObjectMeta: meta, Data: d.Text, BinaryData: d.Binary, Immutable: onlyTrue(d.Immutable),
		}}
	}
	return Object{Service: d.Service, Resource: &corev1.Secret{
		TypeMeta: typeMeta("v1", "Secret"), ObjectMeta: meta, Type: cmp.Or(d.Type, corev1.SecretTypeOpaque), StringData: d.Text, Data: d.Binary,
		Immutable: onlyTrue(d.Immutable),
	}}
}

// onlyTrue leaves out what is false, which is the default throughout.
func onlyTrue(b bool) *bool {
	if !b {
		return nil
	}
	return &b
}

func (b builder) claim(c *workload.Claim) Object {
	claim := b.claimObject(c)
	claim.TypeMeta = typeMeta("v1", "PersistentVolumeClaim")
	return Object{Service: c.Service, Resource: claim}
}

// volume is the storage that a claim is bound to. It is not reserved for the
// claim, since that takes the claim's namespace, which only kubectl apply knows.
func (b builder) volume(c *workload.Claim) Object {
	return Object{Service: c.Service, Resource: &corev1.PersistentVolume{
		TypeMeta:   typeMeta("v1", "PersistentVolume"),
		ObjectMeta: b.meta(b.volumeName(c), b.components[c.Service], c.Labels, c.Annotations),
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: c.Size},
			AccessModes:                   c.AccessModes,
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
			MountOptions:                  c.Export.MountOptions,
			PersistentVolumeSource:        corev1.PersistentVolumeSource{NFS: &corev1.NFSVolumeSource{Server: c.Export.Server, Path: c.Export.Path}},
		},
	}}
}

// volumeName tells the volumes of applications apart: they have no namespace.
func (b builder) volumeName(c *workload.Claim) string { return b.app.Name + "-" + c.Name }

func (b builder) claimObject(c *workload.Claim) *corev1.PersistentVolumeClaim {
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: b.meta(c.Name, b.components[c.Service], c.Labels, c.Annotations),
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes:      c.AccessModes,
			Resources:        corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: c.Size}},
			StorageClassName: c.StorageClass,
			Selector:         c.Selector,
		},
	}
	if c.Export != nil {
		// An empty class keeps the default class from making a volume.
		claim.Spec.StorageClassName, claim.Spec.VolumeName = new(""), b.volumeName(c)
	}
	return claim
}

func (b builder) service(e *workload.Endpoint) Object {
	s := &corev1.Service{
		TypeMeta:   typeMeta("v1", "Service"),
		ObjectMeta: b.meta(e.Name, e.Component, e.Labels, e.Annotations),
		Spec:       *e.Traffic.DeepCopy(),
	}
	if e.External != "" {
		s.Spec = corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: e.External}
		return Object{Service: e.Service, Resource: s}
	}
	s.Spec.Type = cmp.Or(e.Type, corev1.ServiceTypeClusterIP)
	s.Spec.Selector = workload.SelectorLabels(b.app.Name, e.Component)
	if e.Shared {
		s.Spec.Selector = map[string]string{workload.LabelInstance: b.app.Name, workload.AliasLabel(e.Name): "true"}
	}
	s.Spec.Ports = e.Ports
	s.Spec.PublishNotReadyAddresses = s.Spec.PublishNotReadyAddresses || e.Unready
	if e.Headless {
		s.Spec.ClusterIP = corev1.ClusterIPNone
	}
	if e.DualStack {
		s.Spec.IPFamilyPolicy = ptr.To(corev1.IPFamilyPolicyPreferDualStack)
	}
	return Object{Service: e.Service, Resource: s}
}

func (b builder) workload(w *workload.Workload) Object {
	meta := b.meta(w.Name, w.Component, w.Labels, w.Annotations)
	pod := *w.Pod.DeepCopy()
	pod.Labels = b.labels(w.Component, pod.Labels)
	var r Resource
	switch w.Kind {
	case workload.StatefulSet:
		r = b.statefulSet(w, meta, pod)
	case workload.DaemonSet:
		r = b.daemonSet(w, meta, pod)
	case workload.Job:
		r = &batchv1.Job{TypeMeta: typeMeta("batch/v1", "Job"), ObjectMeta: meta, Spec: jobSpec(w, pod)}
	case workload.CronJob:
		r = cronJob(w, meta, pod)
	default:
		r = b.deployment(w, meta, pod)
	}
	return Object{Service: w.Service, Resource: r}
}

// replicas says how many pods there are even where Kubernetes would assume it:
// it is the number that people look for. Of an autoscaled workload nobody knows:
// to say a number would undo what the autoscaler did.
func replicas(w *workload.Workload) *int32 {
	if w.Autoscaler != nil {
		return nil
	}
	return new(ptr.Deref(w.Replicas, 1))
}

func (b builder) selector(w *workload.Workload) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: workload.SelectorLabels(b.app.Name, w.Component)}
}

func (b builder) deployment(w *workload.Workload, meta metav1.ObjectMeta, pod corev1.PodTemplateSpec) *appsv1.Deployment {
	d := &appsv1.Deployment{
		TypeMeta: typeMeta("apps/v1", "Deployment"), ObjectMeta: meta,
		Spec: appsv1.DeploymentSpec{
			Replicas: replicas(w), Selector: b.selector(w), Template: pod,
			MinReadySeconds: w.Update.MinReadySeconds, ProgressDeadlineSeconds: w.Update.ProgressDeadlineSeconds,
		},
	}
	if w.Update.Recreate {
		d.Spec.Strategy.Type = appsv1.RecreateDeploymentStrategyType
	} else if w.Update.MaxSurge != nil {
		d.Spec.Strategy = appsv1.DeploymentStrategy{
			Type:          appsv1.RollingUpdateDeploymentStrategyType,
			RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: w.Update.MaxSurge, MaxUnavailable: w.Update.MaxUnavailable},
		}
	}
	return d
}

func (b builder) statefulSet(w *workload.Workload, meta metav1.ObjectMeta, pod corev1.PodTemplateSpec) *appsv1.StatefulSet {
	s := &appsv1.StatefulSet{
		TypeMeta: typeMeta("apps/v1", "StatefulSet"), ObjectMeta: meta,
		Spec: appsv1.StatefulSetSpec{
			ServiceName: w.Members, Replicas: replicas(w), Selector: b.selector(w), Template: pod, MinReadySeconds: w.Update.MinReadySeconds,
		},
	}
	for _, c := range w.Claims {
		claim := b.claimObject(c)
		// Templates can never change, so they carry nothing that might, but for
		// what the user gives them.
		claim.Labels = workload.SelectorLabels(b.app.Name, w.Component)
		maps.Copy(claim.Labels, c.Labels)
		s.Spec.VolumeClaimTemplates = append(s.Spec.VolumeClaimTemplates, *claim)
	}
	return s
}

func (b builder) daemonSet(w *workload.Workload, meta metav1.ObjectMeta, pod corev1.PodTemplateSpec) *appsv1.DaemonSet {
	d := &appsv1.DaemonSet{
		TypeMeta: typeMeta("apps/v1", "DaemonSet"), ObjectMeta: meta,
		Spec: appsv1.DaemonSetSpec{Selector: b.selector(w), Template: pod, MinReadySeconds: w.Update.MinReadySeconds},
	}
	if w.Update.MaxSurge != nil {
		d.Spec.UpdateStrategy = appsv1.DaemonSetUpdateStrategy{
			Type:          appsv1.RollingUpdateDaemonSetStrategyType,
			RollingUpdate: &appsv1.RollingUpdateDaemonSet{MaxSurge: w.Update.MaxSurge, MaxUnavailable: w.Update.MaxUnavailable},
		}
	}
	return d
}

func jobSpec(w *workload.Workload, pod corev1.PodTemplateSpec) batchv1.JobSpec {
	return batchv1.JobSpec{
		Completions: w.Run.Completions, Parallelism: w.Run.Parallelism, BackoffLimit: w.Run.BackoffLimit,
		ActiveDeadlineSeconds: w.Run.ActiveDeadlineSeconds, TTLSecondsAfterFinished: w.Run.TTLSecondsAfterFinished, Template: pod,
	}
}

func cronJob(w *workload.Workload, meta metav1.ObjectMeta, pod corev1.PodTemplateSpec) *batchv1.CronJob {
	c := &batchv1.CronJob{
		TypeMeta: typeMeta("batch/v1", "CronJob"), ObjectMeta: meta,
		Spec: batchv1.CronJobSpec{
			Schedule: w.Schedule.Cron, ConcurrencyPolicy: batchv1.ConcurrencyPolicy(w.Schedule.Concurrency),
			StartingDeadlineSeconds: w.Schedule.StartingDeadlineSeconds, SuccessfulJobsHistoryLimit: w.Schedule.SuccessfulJobs, FailedJobsHistoryLimit: w.Schedule.FailedJobs,
			JobTemplate: batchv1.JobTemplateSpec{Spec: jobSpec(w, pod)},
		},
	}
	if w.Schedule.TimeZone != "" {
		c.Spec.TimeZone = &w.Schedule.TimeZone
	}
	if w.Schedule.Suspend {
		c.Spec.Suspend = new(true)
	}
	return c
}

func (b builder) ingress(r *workload.Route) Object {
	i := &networkingv1.Ingress{
		TypeMeta:   typeMeta("networking.k8s.io/v1", "Ingress"),
		ObjectMeta: b.meta(r.Name, b.components[r.Service], nil, r.Annotations),
	}
	for _, host := range r.Hosts {
		i.Spec.Rules = append(i.Spec.Rules, networkingv1.IngressRule{
			Host: host.Name,
			IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{
				Path: cmp.Or(host.Path, "/"), PathType: new(cmp.Or(r.PathType, networkingv1.PathTypePrefix)),
				Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
					Name: r.Endpoint, Port: networkingv1.ServiceBackendPort{Number: r.Port},
				}},
			}}}},
		})
	}
	if r.Class != "" {
		i.Spec.IngressClassName = &r.Class
	}
	if r.TLSSecret != "" {
		tls := networkingv1.IngressTLS{SecretName: r.TLSSecret}
		for _, host := range r.Hosts {
			if !slices.Contains(tls.Hosts, host.Name) {
				tls.Hosts = append(tls.Hosts, host.Name)
			}
		}
		i.Spec.TLS = []networkingv1.IngressTLS{tls}
	}
	return Object{Service: r.Service, Resource: i}
}

func (b builder) policy(p *workload.Policy) Object {
	return Object{Service: p.Service, Resource: &networkingv1.NetworkPolicy{
		TypeMeta: typeMeta("networking.k8s.io/v1", "NetworkPolicy"), ObjectMeta: b.meta(p.Name, b.components[p.Service], p.Labels, p.Annotations), Spec: p.Spec,
	}}
}

func typeMeta(version, kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: version, Kind: kind}
}
