package live

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// A service that joins the network of another is a container in its pods. What tells it
// from a helper beside a service is a Service of its own, which leads to these pods.

// joined says which containers of workloads are services of their own.
type joined struct {
	// containers are those of a workload: its kind, namespace and name.
	containers map[[3]string][]string
	// endpoints are the containers that Services of Kubernetes are named after: those
	// of a workload, with the name of the Service.
	endpoints map[[4]string]string
}

func (s Service) workload() [3]string { return [3]string{s.Kind, s.Namespace, s.Object} }

// has reports whether a container of its workload's pods is the service's.
func (j *joined) has(s Service, container string) bool {
	if s.Container != "" {
		return container == s.Container
	}
	return !slices.Contains(j.containers[s.workload()], container)
}

// shares reports whether several services are in the pods.
func (j *joined) shares(s Service) bool { return len(j.containers[s.workload()]) > 0 }

// leads reports whether a Service of Kubernetes that selects the pods leads to the service.
func (j *joined) leads(endpoint string, s Service) bool {
	return j.endpoints[[4]string{s.Kind, s.Namespace, s.Object, endpoint}] == s.Container
}

// pick returns the containers of a list that are the service's.
func (j *joined) pick(s Service, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !j.has(s, name) })
}

// join finds the services that have joined those that are known. The templates are those
// of the workloads, selectors those of the Services of Kubernetes by namespace and name.
func (a *App) join(templates map[[3]string]corev1.PodTemplateSpec, selectors map[[2]string]map[string]string) {
	a.joined = joined{containers: map[[3]string][]string{}, endpoints: map[[4]string]string{}}
	taken := map[string]bool{}
	for _, s := range a.services {
		taken[s.Name] = true
	}
	for _, s := range slices.Clone(a.services) {
		template := templates[s.workload()]
		for _, name := range staying(template.Spec) {
			for _, endpoint := range []string{name, a.Release.Name + "-" + name} {
				selector := selectors[[2]string{s.Namespace, endpoint}]
				if taken[name] || len(selector) == 0 || !labels.SelectorFromSet(selector).Matches(labels.Set(template.Labels)) {
					continue
				}
				taken[name] = true
				a.joined.containers[s.workload()] = append(a.joined.containers[s.workload()], name)
				a.joined.endpoints[[4]string{s.Kind, s.Namespace, s.Object, endpoint}] = name
				a.services = append(a.services, Service{Name: name, Kind: s.Kind, Object: s.Object, Namespace: s.Namespace, Container: name})
			}
		}
	}
	slices.SortStableFunc(a.services, compareServices)
}

// staying are the containers of a pod that do not end before others start. A pod with one
// has nothing to share.
func staying(spec corev1.PodSpec) []string {
	var names []string
	for _, c := range spec.InitContainers {
		if stays(&c) {
			names = append(names, c.Name)
		}
	}
	for _, c := range spec.Containers {
		names = append(names, c.Name)
	}
	if len(names) == 1 {
		return nil
	}
	return names
}

func stays(init *corev1.Container) bool {
	return init.RestartPolicy != nil && *init.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

// recordedTemplate returns what the pods of a workload are made from; nothing where the record
// has something else there.
func recordedTemplate(u *unstructured.Unstructured) (t corev1.PodTemplateSpec) {
	path := map[string][]string{CronJob: {"spec", "jobTemplate", "spec", "template"}, Pod: nil}
	at, special := path[u.GetKind()]
	if !special {
		at = []string{"spec", "template"}
	}
	if template, ok, err := unstructured.NestedMap(u.Object, at...); ok && err == nil {
		if runtime.DefaultUnstructuredConverter.FromUnstructured(template, &t) != nil {
			return corev1.PodTemplateSpec{}
		}
	}
	return t
}

// homeOf returns the service whose pods a joined one is in.
func (a *App) homeOf(s Service) string {
	i := slices.IndexFunc(a.services, func(one Service) bool { return one.workload() == s.workload() && one.Container == "" })
	return a.services[i].Name
}

// images are those of the containers of a service, and of what starts before others of
// its pod and stays when it is the service itself.
func (j *joined) images(s Service, spec corev1.PodSpec) []string {
	all := []string{}
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		init := slices.ContainsFunc(spec.InitContainers, func(one corev1.Container) bool { return one.Name == c.Name })
		if j.has(s, c.Name) && (!init || stays(&c) && c.Name == s.Name) && !slices.Contains(all, c.Image) {
			all = append(all, c.Image)
		}
	}
	return all
}
