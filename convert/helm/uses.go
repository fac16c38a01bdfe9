package helm

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"gantry/convert/manifest"
)

// use is a ConfigMap, Secret or claim that a pod uses.
type use struct {
	kind, name string
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

// podUses lists what a pod uses: its environment's,
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
			uses = append(uses, use{"ConfigMap", from.ConfigMapRef.Name, true})
		}
		if from.SecretRef != nil {
			uses = append(uses, use{"Secret", from.SecretRef.Name, true})
		}
	}
	for _, env := range c.Env {
		if env.ValueFrom == nil {
			continue
		}
		if ref := env.ValueFrom.ConfigMapKeyRef; ref != nil {
			uses = append(uses, use{"ConfigMap", ref.Name, false})
		}
		if ref := env.ValueFrom.SecretKeyRef; ref != nil {
			uses = append(uses, use{"Secret", ref.Name, false})
		}
	}
	return uses
}

func volumeUses(v corev1.Volume) []use {
	var uses []use
	if v.ConfigMap != nil {
		uses = append(uses, use{"ConfigMap", v.ConfigMap.Name, false})
	}
	if v.Secret != nil {
		uses = append(uses, use{"Secret", v.Secret.SecretName, false})
	}
	if v.PersistentVolumeClaim != nil {
		uses = append(uses, use{"PersistentVolumeClaim", v.PersistentVolumeClaim.ClaimName, false})
	}
	if v.Projected == nil {
		return uses
	}
	for _, source := range v.Projected.Sources {
		if source.ConfigMap != nil {
			uses = append(uses, use{"ConfigMap", source.ConfigMap.Name, false})
		}
		if source.Secret != nil {
			uses = append(uses, use{"Secret", source.Secret.Name, false})
		}
	}
	return uses
}

// usersOf returns the values that enable the services whose pods use an object.
// There are none where something uses it that is always there.
func (b *builder) usersOf(o manifest.Object) []string {
	var refs []string
	for _, w := range b.objects {
		if !slices.ContainsFunc(podUses(podOf(w)), func(u use) bool { return u.kind == o.Kind() && u.name == o.GetName() }) {
			continue
		}
		if w.Service == "" {
			return nil
		}
		ref := valueRef([]string{b.services.of(w.Service), "enabled"})
		if !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	return refs
}
