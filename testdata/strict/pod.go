package strict

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// podTemplate is the pod of a workload, with the claims that come beside its
// volumes.
type podTemplate struct {
	template *corev1.PodTemplateSpec
	claims   []corev1.PersistentVolumeClaim
}

// templates returns the pods that an object makes.
func templates(object runtime.Object) []podTemplate {
	switch o := object.(type) {
	case *corev1.Pod:
		return []podTemplate{{template: &corev1.PodTemplateSpec{ObjectMeta: o.ObjectMeta, Spec: o.Spec}}}
	case *appsv1.Deployment:
		return []podTemplate{{template: &o.Spec.Template}}
	case *appsv1.DaemonSet:
		return []podTemplate{{template: &o.Spec.Template}}
	case *appsv1.StatefulSet:
		return []podTemplate{{template: &o.Spec.Template, claims: o.Spec.VolumeClaimTemplates}}
	case *batchv1.Job:
		return []podTemplate{{template: &o.Spec.Template}}
	case *batchv1.CronJob:
		return []podTemplate{{template: &o.Spec.JobTemplate.Spec.Template}}
	default:
		return nil
	}
}

// pod checks that the parts of a pod have names and fit together.
func pod(t *corev1.PodTemplateSpec, claims []corev1.PersistentVolumeClaim) error {
	problems := []error{metav1validation.ValidateLabels(t.Labels, field.NewPath("template", "labels")).ToAggregate()}
	var volumes, containers []string
	for _, c := range claims {
		volumes = append(volumes, c.Name)
	}
	for _, v := range t.Spec.Volumes {
		volumes = append(volumes, v.Name)
	}
	all := slices.Concat(t.Spec.InitContainers, t.Spec.Containers)
	for i := range all {
		containers = append(containers, all[i].Name)
		problems = append(problems, container(&all[i], volumes))
	}
	problems = append(problems, labels("volume", volumes), labels("container", containers))
	if len(t.Spec.Containers) == 0 {
		problems = append(problems, errors.New("a pod without a container"))
	}
	return errors.Join(problems...)
}

// labels checks that names are DNS labels, each used once.
func labels(what string, names []string) error {
	var problems []error
	for i, name := range names {
		if wrong := validation.IsDNS1123Label(name); len(wrong) > 0 {
			problems = append(problems, fmt.Errorf("%s %q: %s", what, name, strings.Join(wrong, ", ")))
		}
		if slices.Contains(names[:i], name) {
			problems = append(problems, fmt.Errorf("two %ss %q", what, name))
		}
	}
	return errors.Join(problems...)
}

// container checks what a container mounts, opens and sets.
func container(c *corev1.Container, volumes []string) error {
	var problems []error
	wrong := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("container %s: "+format, append([]any{c.Name}, args...)...))
	}
	if c.Image == "" || c.Image != strings.TrimSpace(c.Image) {
		wrong("image %q", c.Image)
	}
	problems = append(problems, mounts(c, volumes))
	for _, e := range c.Env {
		if len(validation.IsRelaxedEnvVarName(e.Name)) > 0 {
			wrong("variable %q", e.Name)
		}
	}
	for _, p := range c.Ports {
		if len(validation.IsValidPortNum(int(p.ContainerPort))) > 0 || p.Name != "" && len(validation.IsValidPortName(p.Name)) > 0 {
			wrong("port %q %d", p.Name, p.ContainerPort)
		}
	}
	for name, limit := range c.Resources.Limits {
		if request, ok := c.Resources.Requests[name]; limit.Sign() < 0 || ok && request.Cmp(limit) > 0 {
			wrong("requests more of %s than its limit", name)
		}
	}
	return errors.Join(problems...)
}

// mounts checks that what a container mounts is there, each at a place of its own.
func mounts(c *corev1.Container, volumes []string) error {
	var problems []error
	paths := map[string]bool{}
	for _, m := range c.VolumeMounts {
		wrong := ""
		switch {
		case !slices.Contains(volumes, m.Name):
			wrong = "is no volume"
		case paths[m.MountPath]:
			wrong = "is not the first at its path"
		case m.MountPath == "" || strings.Contains(m.MountPath, ":"):
			wrong = "has no path"
		case m.SubPath != "" && (strings.HasPrefix(m.SubPath, "/") || slices.Contains(strings.Split(m.SubPath, "/"), "..")):
			wrong = "leaves its volume"
		}
		if wrong != "" {
			problems = append(problems, fmt.Errorf("container %s: the mount of %s at %q %s", c.Name, m.Name, m.MountPath, wrong))
		}
		paths[m.MountPath] = true
	}
	return errors.Join(problems...)
}
