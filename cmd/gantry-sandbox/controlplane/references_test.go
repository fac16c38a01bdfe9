package controlplane

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestMissing(t *testing.T) {
	there := map[string]map[string]bool{"configmap/settings": {"port": true}, "secret/login": {"password": true}}
	find := func(kind, name string) (map[string]bool, bool) {
		keys, ok := there[kind+"/"+name]
		return keys, ok
	}
	object := func(name string) corev1.LocalObjectReference { return corev1.LocalObjectReference{Name: name} }
	mount := func(s corev1.VolumeSource) corev1.PodSpec {
		return corev1.PodSpec{Volumes: []corev1.Volume{{Name: "v", VolumeSource: s}}}
	}
	variable := func(s *corev1.EnvVarSource) corev1.PodSpec {
		return corev1.PodSpec{Containers: []corev1.Container{{Env: []corev1.EnvVar{{Name: "A", ValueFrom: s}}}}}
	}
	for _, c := range []struct {
		name string
		spec corev1.PodSpec
		want *blocker
	}{
		{"nothing", corev1.PodSpec{}, nil},
		{"a volume that is there", mount(corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: object("settings")}}), nil},
		{
			"a volume that is not", mount(corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "settings"}}),
			&blocker{"ContainerCreating", "FailedMount", `MountVolume.SetUp failed for volume "v" : secret "settings" not found`},
		},
		{
			"a key that is not",
			mount(corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: object("settings"), Items: []corev1.KeyToPath{{Key: "host"}}}}),
			&blocker{"ContainerCreating", "FailedMount", `MountVolume.SetUp failed for volume "v" : couldn't find key host in configmap "settings"`},
		},
		{
			"a projected volume",
			mount(corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
				{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: object("settings")}},
				{Secret: &corev1.SecretProjection{LocalObjectReference: object("gone")}},
			}}}),
			&blocker{"ContainerCreating", "FailedMount", `MountVolume.SetUp failed for volume "v" : secret "gone" not found`},
		},
		{"an optional one", variable(&corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: object("gone"), Optional: new(true)}}), nil},
		{
			"a variable",
			variable(&corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: object("login"), Key: "user"}}),
			&blocker{"CreateContainerConfigError", "Failed", `couldn't find key user in secret "login"`},
		},
		{
			"variables of an init container",
			corev1.PodSpec{InitContainers: []corev1.Container{{EnvFrom: []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: object("gone")}}}}}},
			&blocker{"CreateContainerConfigError", "Failed", `configmap "gone" not found`},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := missing(&corev1.Pod{Spec: c.spec}, find)
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(blocker{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
