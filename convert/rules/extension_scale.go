package rules

import (
	"fmt"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"gantry/convert/extension"
	"gantry/convert/workload"
)

// extendShared refuses what only the owner of a pod can say: there is one
// controller.
func (u *unit) extendShared() {
	if u == u.group.owner {
		return
	}
	ext := u.ext
	for _, f := range []struct {
		field string
		given bool
	}{
		{"kind", ext.Kind != "" && ext.Kind != u.group.owner.ext.Kind},
		{"autoscale", ext.Autoscale != nil},
		{"pdb", ext.PDB != nil},
		{"job", ext.Job != nil},
		{"cronJob", ext.CronJob != nil},
	} {
		if f.given {
			u.fail(finding{
				code: "extension-shared", summary: fmt.Sprintf("is for the pod as a whole, which is that of %s", u.group.owner.name), hint: "say it there",
			}, u.where(f.field)...)
		}
	}
}

// extendKind refuses what the kind does not have.
func (u *unit) extendKind() {
	ext := u.ext
	if u.isJob() && ext.Kind != "" && !u.endsByKind() {
		u.fail(finding{code: "extension-kind", summary: fmt.Sprintf("a job cannot be a %s, which never ends", ext.Kind), hint: "make it a service"}, u.where("kind")...)
	}
	if u.isJob() && ext.Pod != "" {
		u.fail(finding{code: "extension-kind", summary: "is for services: a job has a pod of its own", hint: "remove it"}, u.where("pod")...)
	}
	if ext.Replicas != nil && !u.replicated() {
		u.fail(finding{code: "extension-kind", summary: fmt.Sprintf("a %s has no replicas", u.work.Kind), hint: "remove it"}, u.where("replicas")...)
	}
	switch {
	case ext.CronJob != nil && ext.Kind != "" && ext.Kind != extension.CronJobKind:
		u.fail(finding{code: "extension-kind", summary: fmt.Sprintf("a %s has no schedule", ext.Kind), hint: "write CronJob, or remove cronJob"}, u.where("kind")...)
	case ext.Kind == extension.CronJobKind && ext.CronJob == nil && !u.isJob():
		u.fail(finding{code: "incomplete", summary: "a CronJob needs a schedule", hint: "add cronJob: {schedule: …}"}, u.where("kind")...)
	case ext.Job != nil && !u.group.runsOnce():
		u.fail(finding{code: "extension-kind", summary: "is for what runs to completion", hint: "add kind: Job, or cronJob"}, u.where("job")...)
	}
	if job := ext.Job; job != nil {
		run := &u.work.Run
		overlayPointer(&run.BackoffLimit, job.BackoffLimit)
		overlayPointer(&run.Completions, job.Completions)
		overlayPointer(&run.Parallelism, job.Parallelism)
		overlayPointer(&run.ActiveDeadlineSeconds, job.ActiveDeadlineSeconds)
		overlayPointer(&run.TTLSecondsAfterFinished, job.TTLSecondsAfterFinished)
	}
}

// endsByKind reports whether pods of the kind run to completion.
func (u *unit) endsByKind() bool {
	return u.ext.Kind == extension.JobKind || u.ext.Kind == extension.CronJobKind
}

func overlayPointer[T any](base **T, over *T) {
	if over != nil {
		*base = over
	}
}

// replicated reports whether the workload is one that has a number of pods.
func (u *unit) replicated() bool {
	return u.work.Kind == workload.Deployment || u.work.Kind == workload.StatefulSet
}

// extendSchedule makes a CronJob of what has a schedule.
func (u *unit) extendSchedule() {
	cron := u.ext.CronJob
	if cron == nil {
		return
	}
	u.work.Kind = workload.CronJob
	u.work.Name = limitName(u.object, maxCronJobName)
	u.work.Schedule = &workload.Schedule{
		Cron: string(cron.Schedule), TimeZone: string(cron.TimeZone), Concurrency: string(cron.ConcurrencyPolicy),
		StartingDeadlineSeconds: cron.StartingDeadlineSeconds, Suspend: cron.Suspend,
		SuccessfulJobs: cron.SuccessfulJobsHistoryLimit, FailedJobs: cron.FailedJobsHistoryLimit,
	}
	setDefault(&u.work.Schedule.Concurrency, "Forbid")
}

// defaultCPUTarget is the load at which Kubernetes scales where nothing is said.
const defaultCPUTarget = 80

// autoscale makes the number of pods follow their load.
func (u *unit) autoscale() {
	ext := u.ext.Autoscale
	if ext == nil {
		return
	}
	if !u.replicated() {
		u.fail(finding{code: "extension-kind", summary: fmt.Sprintf("a %s has no number of pods that could change", u.work.Kind), hint: "remove it, or change the kind"}, u.where("autoscale")...)
		return
	}
	if ext.Min != nil && u.ext.Replicas != nil {
		u.note(finding{code: "extension-overruled", summary: "does nothing: autoscale.min says otherwise", hint: "remove it"}, u.where("replicas")...)
	}
	low := ptr.Deref(ext.Min, count(max(1, u.in.GetScale())))
	if ext.Max < low {
		u.fail(finding{code: "extension-autoscale", summary: fmt.Sprintf("cannot go from %d pods to %d", low, ext.Max), hint: "let max be as many at least"}, u.where("autoscale", "max")...)
		return
	}
	metrics := ext.Metrics
	for _, m := range []struct {
		field    string
		resource corev1.ResourceName
		target   *int32
	}{{"cpu", corev1.ResourceCPU, ext.CPU}, {"memory", corev1.ResourceMemory, ext.Memory}} {
		field := []string{"autoscale", m.field}
		if m.resource == corev1.ResourceCPU && m.target == nil && ext.Memory == nil && len(ext.Metrics) == 0 {
			m.target, field = ptr.To[int32](defaultCPUTarget), field[:1]
		}
		if m.target != nil {
			metrics = append(metrics, u.utilization(m.resource, *m.target, field...))
		}
	}
	u.work.Autoscaler = &autoscalingv2.HorizontalPodAutoscalerSpec{MinReplicas: &low, MaxReplicas: ext.Max, Metrics: metrics, Behavior: ext.Behavior}
}

// utilization measures the load by what the pods ask for, which must be known.
func (u *unit) utilization(name corev1.ResourceName, target int32, field ...string) autoscalingv2.MetricSpec {
	resources := u.container.Resources
	_, asked := resources.Requests[name]
	if _, limited := resources.Limits[name]; !asked && !limited {
		u.warn(finding{
			code:    "autoscale-requests",
			summary: fmt.Sprintf("goes by how much of its %s a pod uses, and the container asks for none: the number of pods will not change", name),
			hint:    fmt.Sprintf("add resources: {requests: {%s: …}}", name),
		}, u.where(field...)...)
	}
	return autoscalingv2.MetricSpec{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
		Name: name, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &target},
	}}
}

// disruption limits how many pods may be missing.
func (u *unit) disruption() {
	ext := u.ext.PDB
	if ext == nil {
		return
	}
	switch {
	case u.group.runsOnce():
		u.fail(finding{code: "extension-kind", summary: "is for what keeps running", hint: "remove it"}, u.where("pdb")...)
		return
	case ext.MinAvailable != nil && ext.MaxUnavailable != nil:
		u.fail(finding{code: "extension-pdb", summary: "has both minAvailable and maxUnavailable", hint: "keep one of them"}, u.where("pdb")...)
		return
	}
	spec := &policyv1.PodDisruptionBudgetSpec{MinAvailable: ext.MinAvailable, MaxUnavailable: ext.MaxUnavailable}
	if ext.MinAvailable == nil && ext.MaxUnavailable == nil {
		spec.MaxUnavailable = new(intstr.FromInt32(1))
		if u.fewestPods() > 1 {
			u.note(finding{code: "extension-default", summary: "says what holds anyway for a service with several pods"}, u.where("pdb")...)
		}
	}
	if ext.UnhealthyPodEvictionPolicy != "" {
		spec.UnhealthyPodEvictionPolicy = &ext.UnhealthyPodEvictionPolicy
	}
	u.work.Disruption = spec
}

// account gives the pods an identity.
func (u *unit) account() {
	ext := u.ext.ServiceAccount
	if ext == nil {
		return
	}
	pod := u.pod()
	rules := len(ext.Rules)+len(ext.ClusterRules) > 0
	pod.AutomountServiceAccountToken = new(ptr.Deref(ext.AutomountToken, rules))
	if ext.Existing != "" {
		if ext.Name != "" || rules || len(ext.Annotations) > 0 {
			u.fail(finding{code: "extension-account", summary: "exists already: it has its own name, annotations and rules", hint: "remove existing, or all but it"}, u.where("serviceAccount")...)
		}
		pod.ServiceAccountName = ext.Existing
		pod.AutomountServiceAccountToken = ext.AutomountToken // it says so itself
		return
	}
	name := ext.Name
	setDefault(&name, u.object)
	if objectName(name) != name {
		u.fail(finding{code: "extension-name", summary: fmt.Sprintf("%q is no name for a ServiceAccount", name), hint: "write " + objectName(name)}, u.where("serviceAccount", "name")...)
		return
	}
	if other, ok := u.kindNames("ServiceAccount").take(name, u.name); !ok {
		u.fail(finding{
			code: "name-collision", summary: fmt.Sprintf("would be the ServiceAccount %q, as that of %s is already", name, other), hint: "give it another name, or let one of the two say existing: " + name,
		}, u.where("serviceAccount")...)
		return
	}
	pod.ServiceAccountName = name
	made := &workload.Account{
		Name: name, Service: u.service(), Automount: *pod.AutomountServiceAccountToken, Rules: ext.Rules, ClusterRules: ext.ClusterRules,
	}
	u.addMeta(&made.Annotations, ext.Annotations, badAnnotation, u.at(u.where("serviceAccount", "annotations")...))
	u.out.Accounts = append(u.out.Accounts, made)
	if len(ext.ClusterRules) > 0 && u.app.ext.App.Namespace == nil {
		u.note(finding{
			code:    "account-namespace",
			summary: "holds for the ServiceAccount in the namespace default: Kubernetes wants to have it named; a chart names that of the release",
			hint:    "name the namespace at the top level: x-kubernetes: {namespace: …}",
		}, u.where("serviceAccount", "clusterRules")...)
	}
}
