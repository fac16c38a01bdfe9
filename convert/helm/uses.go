package helm

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"gantry/convert/manifest"
)

// use is an ConfigMap that a pod reads.
type use struct {
	name string
	// variables tells that all its keys become environment variables.
	variables bool
}

// podOf returns the pod that a workload runs, or nil.
func podOf(o manifest.Object) *corev1.PodSpec {
	switch r := o.Resource.(type) {
	case *appsv1.Deployment:
		return &r.Spec.Template.Spec
	case *appsv1.StatefulSet:
		return &r.Spec.Template.Spec
	case *appsv1.DaemonSet:
		return &r.Spec.Template.Spec
	case *batchv1.Job:
		return &r.Spec.Template.Spec
	case *batchv1.CronJob:
		return &r.Spec.JobTemplate.Spec.Template.Spec
	default:
		return nil
	}
}

// podUses lists the ConfigMaps that a pod reads: its environment's, then its
// volumes'.
func podUses(pod *corev1.PodSpec) []use {
	if pod == nil {
		return nil
	}
	var uses []use
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		for _, from := range c.EnvFrom {
			if from.ConfigMapRef != nil {
				uses = append(uses, use{from.ConfigMapRef.Name, true})
			}
		}
		for _, env := range c.Env {
			if env.ValueFrom != nil && env.ValueFrom.ConfigMapKeyRef != nil {
				uses = append(uses, use{env.ValueFrom.ConfigMapKeyRef.Name, false})
			}
		}
	}
	for _, v := range pod.Volumes {
		uses = append(uses, volumeUses(v)...)
	}
	return uses
}

func volumeUses(v corev1.Volume) []use {
	var uses []use
	if v.ConfigMap != nil {
		uses = append(uses, use{v.ConfigMap.Name, false})
	}
	if v.Projected != nil {
		for _, source := range v.Projected.Sources {
			if source.ConfigMap != nil {
				uses = append(uses, use{source.ConfigMap.Name, false})
			}
		}
	}
	return uses
}
