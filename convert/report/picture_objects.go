package report

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"gantry/charts/picture"
	"gantry/convert/workload"
)

// storage makes a box of each claim that several workloads mount, and notes what
// else pods refer to.
func (d *drawing) storage() {
	if d.result.App == nil {
		return
	}
	users := map[string][]string{}
	for _, w := range d.result.App.Workloads {
		for _, o := range references(&w.Pod.Spec) {
			d.used[w.Service] = append(d.used[w.Service], o)
			if o.Kind == "PersistentVolumeClaim" && !slices.Contains(users[o.Name], w.Service) {
				users[o.Name] = append(users[o.Name], w.Service)
			}
		}
	}
	for _, c := range d.result.App.Claims {
		if len(users[c.Name]) < 2 {
			continue
		}
		to := len(d.out.Boxes)
		d.boxes["/"+c.Name] = to
		d.out.Boxes = append(d.out.Boxes, &picture.Box{Kind: picture.VolumeBox, Name: c.Name, Image: c.Size.String() + " for " + modeOf(c.AccessModes)})
		for _, user := range users[c.Name] {
			if from, ok := d.boxes[user]; ok {
				d.out.Arrows = append(d.out.Arrows, picture.Arrow{From: from, To: to, Kind: picture.MountsArrow, Why: user + " mounts " + c.Name})
			}
		}
	}
}

func modeOf(modes []corev1.PersistentVolumeAccessMode) string {
	switch {
	case slices.Contains(modes, corev1.ReadWriteMany):
		return "many nodes"
	case slices.Contains(modes, corev1.ReadOnlyMany):
		return "many readers"
	default:
		return "one node"
	}
}

// references returns the objects that a pod refers to by name.
func references(pod *corev1.PodSpec) []picture.Object {
	var found []picture.Object
	add := func(kind, name string) {
		if o := (picture.Object{Kind: kind, Name: name}); name != "" && !slices.Contains(found, o) {
			found = append(found, o)
		}
	}
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		readByContainer(&c, add)
	}
	for _, v := range pod.Volumes {
		switch {
		case v.ConfigMap != nil:
			add("ConfigMap", v.ConfigMap.Name)
		case v.Secret != nil:
			add("Secret", v.Secret.SecretName)
		case v.PersistentVolumeClaim != nil:
			add("PersistentVolumeClaim", v.PersistentVolumeClaim.ClaimName)
		}
	}
	return found
}

// readByContainer calls add for what a container's variables refer to.
func readByContainer(c *corev1.Container, add func(kind, name string)) {
	for _, from := range c.EnvFrom {
		if from.ConfigMapRef != nil {
			add("ConfigMap", from.ConfigMapRef.Name)
		}
		if from.SecretRef != nil {
			add("Secret", from.SecretRef.Name)
		}
	}
	for _, env := range c.Env {
		if env.ValueFrom == nil {
			continue
		}
		if ref := env.ValueFrom.SecretKeyRef; ref != nil {
			add("Secret", ref.Name)
		}
		if ref := env.ValueFrom.ConfigMapKeyRef; ref != nil {
			add("ConfigMap", ref.Name)
		}
	}
}

// objects gives the boxes their objects, in the order in which people think of
// them.
func (d *drawing) objects() {
	exists := map[picture.Object]bool{}
	for _, o := range d.result.Objects {
		ref := picture.Object{Kind: o.Kind(), Name: o.GetName()}
		exists[ref] = true
		if o.Service != "" {
			d.give(o.Service, ref)
		}
		if ref.Kind == "PersistentVolumeClaim" {
			d.give("/"+ref.Name, ref)
		}
	}
	for service, refs := range d.used {
		for _, ref := range refs {
			if _, drawn := d.boxes["/"+ref.Name]; exists[ref] && !drawn {
				d.give(service, ref)
			}
		}
	}
	for _, box := range d.out.Boxes {
		box.SortObjects()
	}
}

// give adds an object to a box, once; there need not be such a box.
func (d *drawing) give(name string, o picture.Object) {
	i, ok := d.boxes[name]
	if ok && !slices.Contains(d.out.Boxes[i].Objects, o) {
		d.out.Boxes[i].Objects = append(d.out.Boxes[i].Objects, o)
	}
}

// scales says how often and under which names the services run.
func (d *drawing) scales() {
	if d.result.App == nil {
		return
	}
	for _, w := range d.result.App.Workloads {
		if i, ok := d.boxes[w.Service]; ok && d.out.Boxes[i].Scale == "" {
			d.out.Boxes[i].Scale = scaleOf(w)
		}
	}
	for _, r := range d.result.App.Routes {
		for _, host := range r.Hosts {
			d.reached(r.Service, host.Name)
		}
	}
	for _, r := range d.result.App.HTTPRoutes {
		for _, host := range r.Hosts {
			d.reached(r.Service, host)
		}
	}
}

// reached notes a host by which a service is reached.
func (d *drawing) reached(service, host string) {
	if i, ok := d.boxes[service]; ok && !slices.Contains(d.out.Boxes[i].Hosts, host) {
		d.out.Boxes[i].Hosts = append(d.out.Boxes[i].Hosts, host)
	}
}

func scaleOf(w *workload.Workload) string {
	switch {
	case w.Schedule != nil:
		return w.Schedule.Cron
	case w.Autoscaler != nil:
		return fmt.Sprintf("×%d–%d", ptr.Deref(w.Autoscaler.MinReplicas, 1), w.Autoscaler.MaxReplicas)
	case w.Replicas != nil && *w.Replicas != 1:
		return fmt.Sprintf("×%d", *w.Replicas)
	default:
		return ""
	}
}

// guests finds the services that run as a container in the pod of another.
func (d *drawing) guests() {
	if d.result.App == nil {
		return
	}
	hosts := map[string]string{}
	works := map[string]bool{}
	for _, w := range d.result.App.Workloads {
		works[w.Service] = true
		for _, c := range slices.Concat(w.Pod.Spec.InitContainers, w.Pod.Spec.Containers) {
			if _, known := hosts[c.Name]; !known {
				hosts[c.Name] = w.Service
			}
		}
	}
	for _, box := range d.out.Boxes {
		if host := hosts[containerName(box.Name)]; !works[box.Name] && box.Kind != picture.VolumeBox && host != box.Name {
			box.Pod = host
		}
	}
}

// containerName is what the rules make of the name of a service.
func containerName(service string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '.' {
			return '-'
		}
		return r
	}, strings.ToLower(service))
}
