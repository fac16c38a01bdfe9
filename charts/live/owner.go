package live

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// OwnerOf returns the kind and the name of the workload that a pod belongs to: of
// the pod itself when it belongs to none.
//
// Deployments and CronJobs make their pods by way of ReplicaSets and Jobs. Those
// are named after them by rules that never change, so nothing need be asked.
func OwnerOf(pod *corev1.Pod) (kind, name string) {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return Pod, pod.Name
	}
	switch owner.Kind {
	case "ReplicaSet":
		hash := pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
		if name, made := strings.CutSuffix(owner.Name, "-"+hash); made && hash != "" {
			return Deployment, name
		}
	case Job:
		if name, ok := scheduled(owner.Name); ok {
			return CronJob, name
		}
	}
	return owner.Kind, owner.Name
}

// scheduled returns the CronJob that a Job is named after: the name is followed by
// the minute for which it was scheduled, since 1970.
func scheduled(job string) (cron string, ok bool) {
	const digits = 8 // from 1989 to 2160
	i := strings.LastIndexByte(job, '-')
	if i <= 0 || len(job)-i-1 != digits || strings.Trim(job[i+1:], "0123456789") != "" {
		return "", false
	}
	return job[:i], true
}

// owned tells which services a pod belongs to.
type owned map[[3]string][]Service

func newOwned(services []Service) owned {
	o := owned{}
	for _, s := range services {
		o[s.workload()] = append(o[s.workload()], s)
	}
	return o
}

func (o owned) of(pod *corev1.Pod) []Service {
	kind, name := OwnerOf(pod)
	if s, ok := o[[3]string{kind, pod.Namespace, name}]; ok {
		return s
	}
	// A Job of the release may be named like one that a CronJob made.
	if owner := metav1.GetControllerOf(pod); owner != nil {
		return o[[3]string{owner.Kind, pod.Namespace, owner.Name}]
	}
	return nil
}
