package rules

import (
	"fmt"
	"maps"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"gantry/convert/workload"
)

// nameRuns names the Jobs, each after those that its pod waits for: what it waits for
// is part of its template, and the template of its name.
func (g *group) nameRuns() {
	if g.named {
		return
	}
	g.named = true
	jobs := g.awaited()
	for _, job := range jobs {
		job.nameRuns()
	}
	if g.owner.opts.waitsForJobs() && len(jobs) > 0 {
		g.awaitCompleted(jobs)
	}
	g.owner.nameRun()
}

// awaited returns the other pods of which a service is waited for to complete, in the
// order of their names: two services of one pod complete together.
func (g *group) awaited() []*group {
	jobs := map[string]*group{}
	for _, u := range g.units {
		for name, d := range u.in.DependsOn {
			other := u.units[name]
			if d.Condition == types.ServiceConditionCompletedSuccessfully && other != nil && other.group != g && other.group.owner.work.Kind == workload.Job {
				jobs[other.group.owner.name] = other.group
			}
		}
	}
	var sorted []*group
	for _, name := range slices.Sorted(maps.Keys(jobs)) {
		sorted = append(sorted, jobs[name])
	}
	return sorted
}

// apiAccess is where clients of the Kubernetes API look for what admits them.
const apiAccess = "/var/run/secrets/kubernetes.io/serviceaccount"

// awaitCompleted lets the pod wait for Jobs, before anything else of it runs. The
// containers that wait alone have a token, of a ServiceAccount that may read these
// Jobs. A Job that is not there yet fails the container, which the kubelet starts
// again.
func (g *group) awaitCompleted(jobs []*group) {
	u := g.owner
	var names []string
	var waiters []corev1.Container
	for _, job := range jobs {
		name := job.owner.work.Name
		names = append(names, name)
		c := u.waiting(job.owner.object, u.opts.KubectlImage, "kubectl", "wait", "--for=condition=complete", "--timeout=-1s", "job/"+name)
		c.VolumeMounts = []corev1.VolumeMount{{Name: "kube-api-access", MountPath: apiAccess, ReadOnly: true}}
		waiters = append(waiters, c)
	}
	pod := u.pod()
	pod.InitContainers = append(waiters, pod.InitContainers...)
	pod.Volumes = append(pod.Volumes, accessVolume())
	u.mayRead(names)
}

// accessVolume holds what the API server gives pods that have a token.
func accessVolume() corev1.Volume {
	return corev1.Volume{Name: "kube-api-access", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: new(int64(3600))}},
			{ConfigMap: &corev1.ConfigMapProjection{
				LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"}, Items: []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}},
			}},
			{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{
				{Path: "namespace", FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.namespace"}},
			}}},
		},
	}}}
}

// mayRead lets the ServiceAccount of the pod read Jobs: that of x-kubernetes, or one
// of its own.
func (u *unit) mayRead(jobs []string) {
	rule := rbacv1.PolicyRule{APIGroups: []string{"batch"}, Resources: []string{"jobs"}, ResourceNames: jobs, Verbs: []string{"get", "list", "watch"}}
	name := u.pod().ServiceAccountName
	if i := slices.IndexFunc(u.out.Accounts, func(a *workload.Account) bool { return a.Name == name }); i >= 0 {
		account := u.out.Accounts[i]
		account.Rules = slices.Concat(account.Rules, []rbacv1.PolicyRule{rule})
		return
	}
	if name != "" {
		u.warn(finding{
			code: "depends-completed", summary: fmt.Sprintf("is waited for as the ServiceAccount %s, which exists: it must be allowed to get, list and watch Jobs", name),
			hint: fmt.Sprintf("kubectl create rolebinding %s-wait --role=ROLE --serviceaccount=NAMESPACE:%s", u.object, name),
		}, "depends_on")
		return
	}
	name = u.madeUp("ServiceAccount", "wait")
	u.pod().ServiceAccountName = name
	u.out.Accounts = append(u.out.Accounts, &workload.Account{Name: name, Service: u.service(), Rules: []rbacv1.PolicyRule{rule}})
}
