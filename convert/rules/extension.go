package rules

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gantry/charts/diag"
	"gantry/convert/compose"
	"gantry/convert/extension"
	"gantry/convert/workload"
)

// x-kubernetes says what Compose has no word for. What it says wins over what the
// other rules make of Compose's own keys, so most of it is applied last; what
// decides before (the name, the kind, the number of pods, storage) is asked for by
// the rules that decide it.

// readExtensions reads what x-kubernetes and the labels of kompose say.
func (a *app) readExtensions() {
	set, problems := extension.Read(a.project, a.minor)
	a.ext = set
	a.project = a.scaled(a.project)
	a.diags = append(a.diags, problems...)
}

// extensionOf returns what a service or job says.
func (a *app) extensionOf(path diag.Path) *extension.Service {
	if path[0] == "jobs" {
		return a.ext.Job(path[1])
	}
	return a.ext.Service(path[1])
}

// where returns the path of a field of x-kubernetes below the unit.
func (u *unit) where(field ...string) []string { return u.ext.Where(field...) }

// objectOf returns the Kubernetes name of a service or job.
func (a *app) objectOf(path diag.Path) string {
	ext := a.extensionOf(path)
	name := cmp.Or(ext.Name, path[1])
	object := objectName(name)
	if ext.Name != "" && ext.Name != object {
		a.report(diag.Error, finding{
			code:    "extension-name",
			summary: fmt.Sprintf("%q is no name in Kubernetes, which has lower-case letters, digits and hyphens, 63 at most", ext.Name),
			hint:    "write " + object,
		}, slices.Concat(path, ext.Where("name")))
	}
	return object
}

// scaled returns the project with the numbers of pods that x-kubernetes wants.
// They decide more than the field of that name: whether pods share a volume, or
// what runs before them runs once.
func (a *app) scaled(project *compose.Project) *compose.Project {
	services := maps.Clone(project.Services)
	for name, s := range services {
		ext := a.ext.Service(name)
		if ext.Replicas == nil {
			continue
		}
		n := int(*ext.Replicas)
		s.Scale = &n
		services[name] = s
	}
	model := *project.Project
	model.Services = services
	scaled := *project
	scaled.Project = &model
	return &scaled
}

// podmate returns the service whose pod a service wants to be in: the first by
// name of those that name the same pod, or "" where that is the service itself.
func (a *app) podmate(name string) string {
	pod := a.ext.Service(name).Pod
	if pod == "" {
		return ""
	}
	for _, other := range slices.Sorted(maps.Keys(a.project.Services)) {
		if other == name {
			break
		}
		if s := a.project.Services[other]; a.ext.Service(other).Pod == pod && s.Provider == nil {
			return other
		}
	}
	return ""
}

// joinPath leads to what says that a service shares a pod.
func (a *app) joinPath(j join) diag.Path {
	if j.key == extension.Key {
		return slices.Concat(diag.Path{"services", j.from}, a.ext.Service(j.from).Where("pod"))
	}
	return diag.Path{"services", j.from, j.key}
}

// extend lays x-kubernetes over what the other rules have made of the unit.
func (u *unit) extend() {
	for _, rule := range []func(){
		u.extendShared,
		u.reportMountless,
		u.extendKind,
		u.extendSchedule,
		u.extendProbes,
		u.extendContainer,
		u.extendPod,
		u.extendPlacement,
		u.addContainers,
		u.account,
		u.autoscale,
		u.disruption,
		u.extendMeta,
		u.patches,
	} {
		rule()
	}
}

// overlay lays what is set in one value over another of its type, and returns
// the other. Lists are replaced.
func overlay[T any](base, over *T) *T {
	if over == nil {
		return base
	}
	if base == nil {
		base = new(T)
	}
	data, err := json.Marshal(over)
	if err == nil {
		err = json.Unmarshal(data, base)
	}
	if err != nil {
		panic(err) // the types of Kubernetes are plain data
	}
	return base
}

// extendMeta adds labels and annotations of the controller and of its pods.
func (u *unit) extendMeta() {
	u.addMeta(&u.work.Labels, u.ext.Labels, badLabel, u.at(u.where("labels")...))
	u.addMeta(&u.work.Annotations, u.ext.Annotations, badAnnotation, u.at(u.where("annotations")...))
	u.addMeta(&u.work.Pod.Labels, u.ext.PodLabels, badLabel, u.at(u.where("podLabels")...))
	u.addMeta(&u.work.Pod.Annotations, u.ext.PodAnnotations, badAnnotation, u.at(u.where("podAnnotations")...))
}

// addMeta adds labels or annotations that x-kubernetes gives an object. Those that
// the API server refuses are refused where they stand.
func (a *app) addMeta(into *map[string]string, from map[string]string, bad func(key, value string) string, path diag.Path) {
	for _, key := range slices.Sorted(maps.Keys(from)) {
		if why := bad(key, from[key]); why != "" {
			a.report(diag.Error, finding{code: "extension-label", summary: why}, below(path, key))
			continue
		}
		setKey(into, key, from[key])
	}
}

// patches hands on the patches of the unit's objects.
func (u *unit) patches() {
	for _, key := range slices.Sorted(maps.Keys(u.ext.Patch)) {
		u.patch(u.service(), key, u.ext.Patch[key], u.at(u.where("patch", key)...))
	}
}

// patch hands on one patch for a kind, or for kind/name.
func (a *app) patch(service, key string, change json.RawMessage, path diag.Path) {
	kind, name, _ := strings.Cut(key, "/")
	a.out.Patches = append(a.out.Patches, &workload.Patch{Service: service, Kind: kind, Name: name, Change: change, Path: path})
}

// extendApp applies what the top level says of the whole application, and what
// volumes, configs and secrets say of their objects.
func (a *app) extendApp() {
	ext := &a.ext.App
	a.out.Scope = workload.Scope{Quota: ext.ResourceQuota, Limits: ext.LimitRange}
	a.addMeta(&a.out.Scope.Labels, ext.Labels, badLabel, diag.Path{extension.Key, "labels"})
	a.addMeta(&a.out.Scope.Annotations, ext.Annotations, badAnnotation, diag.Path{extension.Key, "annotations"})
	if n := ext.Namespace; n != nil {
		a.namespace(n)
	}
	a.filePatches()
}

// patchAll hands on the patches of the top level, which come last.
func (a *app) patchAll() {
	ext := &a.ext.App
	for _, key := range slices.Sorted(maps.Keys(ext.Patch)) {
		a.patch("", key, ext.Patch[key], diag.Path{extension.Key, "patch", key})
	}
}

func (a *app) namespace(n *extension.Namespace) {
	path := diag.Path{extension.Key, "namespace"}
	if objectName(n.Name) != n.Name {
		a.report(diag.Error, finding{code: "extension-name", summary: fmt.Sprintf("%q is no name for a namespace", n.Name), hint: "write " + objectName(n.Name)}, path)
		return
	}
	a.out.Scope.Namespace = n.Name
	if n.Create {
		made := &metav1.ObjectMeta{Name: n.Name}
		a.addMeta(&made.Labels, n.Labels, badLabel, below(path, "labels"))
		a.addMeta(&made.Annotations, n.Annotations, badAnnotation, below(path, "annotations"))
		a.out.Scope.Created = made
	} else if len(n.Labels)+len(n.Annotations) > 0 {
		a.report(diag.Error, finding{
			code: "extension-namespace", summary: "has labels or annotations, which are set when it is created", hint: "add create: true, or remove them",
		}, path)
	}
}

// extendPolicy gives the NetworkPolicy of a network what the network says of it.
func (a *app) extendPolicy(network string, p *workload.Policy) {
	ext := a.ext.Network(network)
	path := diag.Path{"networks", network, extension.Key}
	a.addMeta(&p.Labels, ext.Labels, badLabel, below(path, "labels"))
	a.addMeta(&p.Annotations, ext.Annotations, badAnnotation, below(path, "annotations"))
	p.Spec.Ingress = append(p.Spec.Ingress, ext.Ingress...)
	if len(ext.Egress) > 0 && !a.project.Networks[network].Internal {
		a.report(diag.Error, finding{
			code: "extension-network", summary: "has no effect: pods of the network may reach everything", hint: "make the network internal: true, or remove it",
		}, below(path, "egress"))
		return
	}
	p.Spec.Egress = append(p.Spec.Egress, ext.Egress...)
	a.objectPatches("networks", network, "NetworkPolicy", p.Name, ext.Patch)
}

// reportWithoutPolicies tells of what is said of NetworkPolicies that nobody asked for.
func (a *app) reportWithoutPolicies() {
	for _, name := range slices.Sorted(maps.Keys(a.project.Networks)) {
		path := diag.Path{"networks", name, extension.Key}
		if a.project.Networks[name].Extensions[extension.Key] != nil {
			a.report(diag.Warning, finding{code: "extension-network", summary: "has no effect: there are no NetworkPolicies", hint: "pass --network-policies"}, path)
		}
	}
}

// objectPatches hands on the patches of the one object that something becomes.
func (a *app) objectPatches(section, name, kind, object string, patches extension.Patches) {
	for _, key := range slices.Sorted(maps.Keys(patches)) {
		path := diag.Path{section, name, extension.Key, "patch", key}
		if key != kind {
			a.report(diag.Error, finding{code: "patch-target", summary: "can only patch the " + kind, hint: "write " + kind + " in its place"}, path)
			continue
		}
		a.patch("", kind+"/"+object, patches[key], path)
	}
}

// filePatches hands on the patches of claims, ConfigMaps and Secrets.
func (a *app) filePatches() {
	for _, name := range slices.Sorted(maps.Keys(a.project.Volumes)) {
		a.objectPatches("volumes", name, "PersistentVolumeClaim", a.claimName(name, a.project.Volumes[name]), a.ext.Volume(name).Patch)
	}
	for _, f := range a.fileObjects() {
		a.objectPatches(f.section, f.name, kindOf(f.secret), a.dataName(f), a.extensionOfFile(f).Patch)
	}
}
