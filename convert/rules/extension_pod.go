package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/ptr"

	"gantry/convert/extension"
)

// extendProbes replaces and switches off probes.
func (u *unit) extendProbes() {
	probes := u.ext.Probes
	if probes == nil {
		return
	}
	c := u.container
	if off := probes.Startup; off != nil && off.Disable && u.in.HealthCheck != nil && u.in.HealthCheck.StartPeriod != nil {
		u.note(finding{code: "extension-overruled", summary: "does nothing: probes.startup says that there is no startup probe", hint: "remove it"}, "healthcheck", "start_period")
	}
	if probes.Disable {
		c.ReadinessProbe, c.LivenessProbe, c.StartupProbe = nil, nil, nil
	}
	c.ReadinessProbe = u.probe("readiness", c.ReadinessProbe, probes.Readiness)
	c.LivenessProbe = u.probe("liveness", c.LivenessProbe, probes.Liveness)
	c.StartupProbe = u.probe("startup", c.StartupProbe, probes.Startup)
}

// probe returns a probe with what x-kubernetes says of it. What it checks is
// replaced as a whole.
func (u *unit) probe(name string, now *corev1.Probe, ext *extension.Probe) *corev1.Probe {
	switch {
	case ext == nil:
		return now
	case ext.Disable:
		return nil
	}
	if now != nil && checks(ext.Probe) > 0 {
		now.ProbeHandler = corev1.ProbeHandler{}
	}
	out := overlay(now, &ext.Probe)
	if n := checks(*out); n != 1 {
		summary := "says when to check, and nothing says what"
		if n > 1 {
			summary = "checks several things, and a probe checks one"
		}
		u.fail(finding{code: "extension-probe", summary: summary, hint: "give one of exec, httpGet, tcpSocket or grpc"}, u.where("probes", name)...)
	}
	return out
}

// checks counts what a probe checks.
func checks(p corev1.Probe) int {
	n := 0
	for _, set := range []bool{p.Exec != nil, p.HTTPGet != nil, p.TCPSocket != nil, p.GRPC != nil} {
		if set {
			n++
		}
	}
	return n
}

// extendContainer adds to the container.
func (u *unit) extendContainer() {
	c, ext := u.container, u.ext
	if ext.ImagePullPolicy != "" {
		c.ImagePullPolicy = ext.ImagePullPolicy
	}
	c.SecurityContext = overlay(c.SecurityContext, ext.SecurityContext)
	if ext.Resources != nil {
		overlay(&c.Resources, ext.Resources)
		u.checkResources()
	}
	c.EnvFrom = append(c.EnvFrom, ext.EnvFrom...)
	for _, env := range ext.Env {
		i := slices.IndexFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == env.Name })
		if i >= 0 {
			c.Env[i] = env
			continue
		}
		c.Env = append(c.Env, env)
	}
	for i, m := range ext.VolumeMounts {
		at := slices.IndexFunc(c.VolumeMounts, func(o corev1.VolumeMount) bool { return o.MountPath == m.MountPath })
		if at >= 0 {
			u.fail(finding{code: "extension-mount", summary: fmt.Sprintf("is mounted at %s, where the service mounts something already", m.MountPath)}, u.where("volumeMounts", strconv.Itoa(i))...)
			continue
		}
		c.VolumeMounts = append(c.VolumeMounts, m)
	}
}

// checkResources refuses requests above limits, as the API server would.
func (u *unit) checkResources() {
	for name, request := range u.container.Resources.Requests {
		if limit, ok := u.container.Resources.Limits[name]; ok && request.Cmp(limit) > 0 {
			u.fail(finding{
				code:    "extension-resources",
				summary: fmt.Sprintf("asks for more %s (%s) than the limit (%s)", name, request.String(), limit.String()),
			}, u.where("resources")...)
		}
	}
}

// extendPod adds to the pod.
func (u *unit) extendPod() {
	pod, ext := u.pod(), u.ext
	if ext.HostPorts && !slices.ContainsFunc(u.ports, func(p port) bool { return p.published > 0 }) {
		u.warn(finding{code: "extension-hostports", summary: "has no effect: no port is published"}, u.where("hostPorts")...)
	}
	pod.SecurityContext = overlay(pod.SecurityContext, ext.PodSecurityContext)
	for _, name := range slices.Concat(u.app.ext.App.ImagePullSecrets, ext.ImagePullSecrets) {
		ref := corev1.LocalObjectReference{Name: name}
		if !slices.Contains(pod.ImagePullSecrets, ref) {
			pod.ImagePullSecrets = append(pod.ImagePullSecrets, ref)
		}
	}
	for i, v := range ext.Volumes {
		if slices.ContainsFunc(pod.Volumes, func(o corev1.Volume) bool { return o.Name == v.Name }) {
			u.fail(finding{code: "extension-volume", summary: fmt.Sprintf("has the name %q, which a volume of the pod has already", v.Name)}, u.where("volumes", strconv.Itoa(i))...)
			continue
		}
		pod.Volumes = append(pod.Volumes, v)
	}
}

// extendPlacement says on which nodes the pods run.
func (u *unit) extendPlacement() {
	pod, ext := u.pod(), u.ext
	for key, value := range ext.NodeSelector {
		setKey(&pod.NodeSelector, key, value)
	}
	pod.Tolerations = append(pod.Tolerations, ext.Tolerations...)
	pod.Affinity = overlay(pod.Affinity, ext.Affinity)
	for _, spread := range ext.TopologySpread {
		if spread.LabelSelector == nil {
			spread.LabelSelector = u.selector()
		}
		i := slices.IndexFunc(pod.TopologySpreadConstraints, func(o corev1.TopologySpreadConstraint) bool {
			return o.TopologyKey == spread.TopologyKey && o.WhenUnsatisfiable == spread.WhenUnsatisfiable
		})
		if i >= 0 {
			pod.TopologySpreadConstraints[i] = spread
			continue
		}
		pod.TopologySpreadConstraints = append(pod.TopologySpreadConstraints, spread)
	}
	if ext.PriorityClass != "" {
		pod.PriorityClassName = ext.PriorityClass
	}
	if ext.RuntimeClass != "" {
		pod.RuntimeClassName = &ext.RuntimeClass
	}
}

// addContainers adds init containers and sidecars. Beside what runs to completion
// a sidecar is an init container that keeps running, which ends with the others.
func (u *unit) addContainers() {
	pod := u.pod()
	taken := map[string]bool{u.container.Name: true}
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		taken[c.Name] = true
	}
	add := func(field string, i int, c corev1.Container, to *[]corev1.Container) {
		at := u.where(field, strconv.Itoa(i))
		switch {
		case len(validation.IsDNS1123Label(c.Name)) > 0:
			u.fail(finding{code: "extension-container", summary: fmt.Sprintf("%q is no name for a container", c.Name), hint: "write " + objectName(c.Name)}, u.where(field, strconv.Itoa(i), "name")...)
		case taken[c.Name]:
			u.fail(finding{code: "extension-container", summary: fmt.Sprintf("has the name %q, which a container of the pod has already", c.Name)}, at...)
		case c.Image == "":
			u.fail(finding{code: "incomplete", summary: "lacks image", hint: "add it"}, at...)
		}
		taken[c.Name] = true
		if c.Image != "" {
			c.Image = u.pinned(c.Image, false, u.where(field, strconv.Itoa(i), "image")...)
		}
		if c.Lifecycle != nil && *c.Lifecycle == (corev1.Lifecycle{}) {
			c.Lifecycle = nil // what was in it may be too young for the cluster
		}
		*to = append(*to, c)
	}
	for i, c := range u.ext.InitContainers {
		add("initContainers", i, c, &pod.InitContainers)
	}
	for i, c := range u.ext.Sidecars {
		if !u.group.runsOnce() {
			add("sidecars", i, c, &pod.Containers)
			continue
		}
		c.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
		add("sidecars", i, c, &pod.InitContainers)
	}
}

// badLabel says why something is no label, or returns "".
func badLabel(key, value string) string {
	switch {
	case len(validation.IsQualifiedName(key)) > 0:
		return badKey(key)
	case len(validation.IsValidLabelValue(value)) > 0:
		return fmt.Sprintf("%q is no value for a label, which has letters, digits, - _ and . only, 63 at most", value)
	case key == "app.kubernetes.io/name" || key == "app.kubernetes.io/instance":
		return "is how gantry finds the pods of a service: it cannot be changed"
	default:
		return ""
	}
}

// badAnnotation says why something is no annotation, or returns "". Other than in
// labels, the domain may have upper case.
func badAnnotation(key, _ string) string {
	if len(validation.IsQualifiedName(strings.ToLower(key))) > 0 {
		return badKey(key)
	}
	return ""
}

func badKey(key string) string {
	return fmt.Sprintf("%q is no key: use letters, digits, - _ . and at most one / behind a domain", key)
}
