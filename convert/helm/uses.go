package helm

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"gantry/convert/manifest"
)

// use is a ConfigMap or Secret that a pod reads.
type use struct {
	name   string
	secret bool
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

// podUses lists the ConfigMaps and Secrets that a pod reads: its environment's,
// then its volumes'.
func podUses(pod *corev1.PodSpec) []use {
	if pod == nil {
		return nil
	}
	var uses []use
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		uses = append(uses, containerUses(c)...)
	}
	for _, v := range pod.Volumes {
		uses = append(uses, volumeUses(v)...)
	}
	return uses
}

func containerUses(c corev1.Container) []use {
	var uses []use
	for _, from := range c.EnvFrom {
		if from.ConfigMapRef != nil {
			uses = append(uses, use{name: from.ConfigMapRef.Name, variables: true})
		}
		if from.SecretRef != nil {
			uses = append(uses, use{name: from.SecretRef.Name, secret: true, variables: true})
		}
	}
	for _, env := range c.Env {
		if env.ValueFrom == nil {
			continue
		}
		if ref := env.ValueFrom.ConfigMapKeyRef; ref != nil {
			uses = append(uses, use{name: ref.Name})
		}
		if ref := env.ValueFrom.SecretKeyRef; ref != nil {
			uses = append(uses, use{name: ref.Name, secret: true})
		}
	}
	return uses
}

func volumeUses(v corev1.Volume) []use {
	var uses []use
	if v.ConfigMap != nil {
		uses = append(uses, use{name: v.ConfigMap.Name})
	}
	if v.Secret != nil {
		uses = append(uses, use{name: v.Secret.SecretName, secret: true})
	}
	if v.Projected == nil {
		return uses
	}
	for _, source := range v.Projected.Sources {
		if source.ConfigMap != nil {
			uses = append(uses, use{name: source.ConfigMap.Name})
		}
		if source.Secret != nil {
			uses = append(uses, use{name: source.Secret.Name, secret: true})
		}
	}
	return uses
}
