package controlplane

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// lookUp returns the keys of a ConfigMap or a Secret of the pod's namespace, and
// whether it is there.
type lookUp func(kind, name string) (keys map[string]bool, found bool)

const (
	configMap = "configmap"
	secret    = "secret"
)

// missing returns what keeps a kubelet from starting the pod's containers: a
// ConfigMap, a Secret, or a key of one that is named and not there. Volumes come
// first, as on a node.
func missing(p *corev1.Pod, find lookUp) *blocker {
	for _, v := range p.Spec.Volumes {
		for _, r := range volumeReferences(v) {
			if problem := r.problem(find); problem != "" {
				return &blocker{"ContainerCreating", "FailedMount", fmt.Sprintf("MountVolume.SetUp failed for volume %q : %s", v.Name, problem)}
			}
		}
	}
	for _, containers := range [][]corev1.Container{p.Spec.InitContainers, p.Spec.Containers} {
		for _, c := range containers {
			for _, r := range environmentReferences(c) {
				if problem := r.problem(find); problem != "" {
					return &blocker{"CreateContainerConfigError", "Failed", problem}
				}
			}
		}
	}
	return nil
}

// reference names an object and the keys that it must have.
type reference struct {
	kind, name string
	keys       []string
	optional   bool
}

func (r reference) problem(find lookUp) string {
	if r.optional || r.name == "" {
		return ""
	}
	keys, found := find(r.kind, r.name)
	if !found {
		return fmt.Sprintf("%s %q not found", r.kind, r.name)
	}
	for _, k := range r.keys {
		if !keys[k] {
			return fmt.Sprintf("couldn't find key %s in %s %q", k, r.kind, r.name)
		}
	}
	return ""
}

func volumeReferences(v corev1.Volume) []reference {
	var all []reference
	if s := v.ConfigMap; s != nil {
		all = append(all, reference{configMap, s.Name, itemKeys(s.Items), ptr.Deref(s.Optional, false)})
	}
	if s := v.Secret; s != nil {
		all = append(all, reference{secret, s.SecretName, itemKeys(s.Items), ptr.Deref(s.Optional, false)})
	}
	if v.Projected == nil {
		return all
	}
	for _, source := range v.Projected.Sources {
		if s := source.ConfigMap; s != nil {
			all = append(all, reference{configMap, s.Name, itemKeys(s.Items), ptr.Deref(s.Optional, false)})
		}
		if s := source.Secret; s != nil {
			all = append(all, reference{secret, s.Name, itemKeys(s.Items), ptr.Deref(s.Optional, false)})
		}
	}
	return all
}

func itemKeys(items []corev1.KeyToPath) []string {
	var keys []string
	for _, i := range items {
		keys = append(keys, i.Key)
	}
	return keys
}

func environmentReferences(c corev1.Container) []reference {
	var all []reference
	for _, from := range c.EnvFrom {
		if s := from.ConfigMapRef; s != nil {
			all = append(all, reference{configMap, s.Name, nil, ptr.Deref(s.Optional, false)})
		}
		if s := from.SecretRef; s != nil {
			all = append(all, reference{secret, s.Name, nil, ptr.Deref(s.Optional, false)})
		}
	}
	for _, e := range c.Env {
		if e.ValueFrom == nil {
			continue
		}
		if s := e.ValueFrom.ConfigMapKeyRef; s != nil {
			all = append(all, reference{configMap, s.Name, []string{s.Key}, ptr.Deref(s.Optional, false)})
		}
		if s := e.ValueFrom.SecretKeyRef; s != nil {
			all = append(all, reference{secret, s.Name, []string{s.Key}, ptr.Deref(s.Optional, false)})
		}
	}
	return all
}
