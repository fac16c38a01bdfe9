package live

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"gantry/charts/kube"
	"gantry/charts/release"
)

// The kinds of workloads that run pods.
const (
	Deployment  = "Deployment"
	StatefulSet = "StatefulSet"
	DaemonSet   = "DaemonSet"
	Job         = "Job"
	CronJob     = "CronJob"
	Pod         = "Pod"
)

// labelName is where charts say what a workload is called.
const labelName = "app.kubernetes.io/name"

// Service is one workload of a release, under the name that people know it by.
type Service struct {
	// Name is that of the Compose file where there is one, else the object's.
	Name string `json:"service"`
	// Kind is one of the constants above.
	Kind      string `json:"kind"`
	Object    string `json:"object"`
	Namespace string `json:"namespace"`
	// Container is the one of the object's pods that the service is, when it has joined
	// the network of another service and is in its pods.
	Container string `json:"container,omitempty"`
}

// String prints the object.
func (s Service) String() string { return s.Kind + " " + s.Object }

// App is a release as it runs.
type App struct {
	// Release is its record.
	Release *release.Release

	cluster  *kube.Cluster
	client   kubernetes.Interface
	config   *rest.Config
	services []Service
	joined   joined
	// endpoints are the Services of Kubernetes that the release has, by namespace
	// and name.
	endpoints map[[2]string]bool
	// objects are all that it has: kind, namespace and name.
	objects map[[3]string]bool
}

// Open reads from its record which services a release has. It sends nothing.
func Open(c *kube.Cluster, r *release.Release) (*App, error) {
	client, err := c.Clientset()
	if err != nil {
		return nil, fmt.Errorf("use the kubeconfig: %w", err)
	}
	config, err := c.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("use the kubeconfig: %w", err)
	}
	a := &App{Release: r, cluster: c, client: client, config: config, endpoints: map[[2]string]bool{}, objects: map[[3]string]bool{}}
	if err := a.read(r); err != nil {
		return nil, err
	}
	return a, nil
}

// read takes the services from the manifest.
func (a *App) read(r *release.Release) error {
	var found []named
	templates, selectors := map[[3]string]corev1.PodTemplateSpec{}, map[[2]string]map[string]string{}
	err := eachObject(r.Manifest, func(u *unstructured.Unstructured) {
		namespace := cmp.Or(u.GetNamespace(), r.Namespace)
		a.objects[[3]string{u.GetKind(), namespace, u.GetName()}] = true
		switch u.GetKind() {
		case Deployment, StatefulSet, DaemonSet, Job, CronJob, Pod:
			s := Service{Name: u.GetName(), Kind: u.GetKind(), Object: u.GetName(), Namespace: namespace}
			found = append(found, named{s, u.GetLabels()[labelName]})
			templates[s.workload()] = recordedTemplate(u)
		case "Service":
			at := [2]string{namespace, u.GetName()}
			a.endpoints[at] = true
			selectors[at], _, _ = unstructured.NestedStringMap(u.Object, "spec", "selector")
		}
	})
	if err != nil {
		return fmt.Errorf("read the manifest of %s: %w", r.Name, err)
	}
	a.services = shortNames(r.Name, found)
	a.join(templates, selectors)
	return nil
}

// eachObject calls visit for every object of a manifest, those of Lists included.
func eachObject(manifest string, visit func(*unstructured.Unstructured)) error {
	documents := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifest), 4096)
	for {
		u := &unstructured.Unstructured{}
		err := documents.Decode(&u.Object)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if u.IsList() {
			err := u.EachListItem(func(item runtime.Object) error {
				if one, ok := item.(*unstructured.Unstructured); ok {
					visit(one)
				}
				return nil
			})
			if err != nil {
				return err
			}
			continue
		}
		if u.Object != nil {
			visit(u)
		}
	}
}

// named is a service and the name that its label gives it.
type named struct {
	Service

	label string
}

// shortNames calls services by their labels where that is what the object's name
// is made of, and where it is theirs alone: Job migrate-4585c2 is migrate, and
// Deployment shop-web of the release shop is web. In many charts the label is the
// chart's name, on every object.
func shortNames(releaseName string, found []named) []Service {
	taken := map[string]int{}
	for _, n := range found {
		taken[n.Name]++
		if n.label != n.Name {
			taken[n.label]++
		}
	}
	var services []Service
	for _, n := range found {
		made := strings.HasPrefix(n.Name, n.label+"-") || n.Name == releaseName+"-"+n.label
		if n.label != "" && made && taken[n.label] == 1 {
			n.Name = n.label
		}
		services = append(services, n.Service)
	}
	slices.SortStableFunc(services, compareServices)
	return services
}

func compareServices(x, y Service) int {
	return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Kind, y.Kind))
}

// Cluster is where the release runs.
func (a *App) Cluster() *kube.Cluster { return a.cluster }

// Services are the workloads of the release, by name.
func (a *App) Services() []Service { return slices.Clone(a.services) }

// UnknownServiceError is a service that a release does not have.
type UnknownServiceError struct {
	Name, Release string
	// Known are those that it has.
	Known []string
}

// Error names the services that there are.
func (e *UnknownServiceError) Error() string {
	if len(e.Known) == 0 {
		return fmt.Sprintf("release %s has no services: nothing in it runs pods", e.Release)
	}
	return fmt.Sprintf("release %s has no service %q: there is %s", e.Release, e.Name, strings.Join(e.Known, ", "))
}

// Find returns the services of the given names, or all for none. A name is that
// of the Compose file or of the object.
func (a *App) Find(names ...string) ([]Service, error) {
	if len(names) == 0 {
		return a.Services(), nil
	}
	var found []Service
	for _, name := range names {
		one, err := a.find(name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(found, one) {
			found = append(found, one)
		}
	}
	return found, nil
}

func (a *App) find(name string) (Service, error) {
	// Names of Compose may have what names of Kubernetes may not.
	normal := strings.Map(func(r rune) rune {
		if r == '_' || r == '.' {
			return '-'
		}
		return r
	}, strings.ToLower(name))
	for _, match := range []func(Service) bool{
		func(s Service) bool { return s.Name == name },
		func(s Service) bool { return s.Container == "" && s.Object == name },
		func(s Service) bool { return s.Container == "" && strings.EqualFold(s.Kind+"/"+s.Object, name) },
		func(s Service) bool { return s.Name == normal },
	} {
		if i := slices.IndexFunc(a.services, match); i >= 0 {
			return a.services[i], nil
		}
	}
	known := make([]string, 0, len(a.services))
	for _, s := range a.services {
		known = append(known, s.Name)
	}
	return Service{}, &UnknownServiceError{Name: name, Release: a.Release.Name, Known: known}
}

// namespaces are those in which the services are.
func namespaces(services []Service) []string {
	all := map[string]bool{}
	for _, s := range services {
		all[s.Namespace] = true
	}
	return slices.Sorted(maps.Keys(all))
}
