package release

import (
	"context"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"gantry/charts/engine"
)

// lookup returns what templates look objects up with: those of the cluster, as helm
// does it. What the cluster serves is asked once; objects are read each time, as
// templates may change what they are given.
func (m *Manager) lookup(ctx context.Context) (engine.Lookup, error) {
	config, err := m.cluster.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	served, err := m.cluster.ToDiscoveryClient()
	if err != nil {
		return nil, err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return func(apiVersion, kind, namespace, name string) (map[string]any, error) {
		known, err := served.ServerResourcesForGroupVersion(apiVersion)
		if err != nil {
			return nil, m.cluster.Lost(err)
		}
		resource, found := resourceOf(known, kind)
		if !found {
			return map[string]any{}, nil
		}
		objects := dynamic.ResourceInterface(client.Resource(resource.gvr))
		if resource.namespaced && namespace != "" {
			objects = client.Resource(resource.gvr).Namespace(namespace)
		}
		content, err := read(ctx, objects, name)
		if apierrors.IsNotFound(err) {
			return map[string]any{}, nil
		}
		return content, m.cluster.Lost(err)
	}, nil
}

// read returns an object, or the list of all where no name is given.
func read(ctx context.Context, objects dynamic.ResourceInterface, name string) (map[string]any, error) {
	if name == "" {
		list, err := objects.List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
		return list.UnstructuredContent(), nil
	}
	object, err := objects.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return object.UnstructuredContent(), nil
}

// resource is where the objects of a kind are.
type resource struct {
	gvr        schema.GroupVersionResource
	namespaced bool
}

// resourceOf finds the resource of a kind.
func resourceOf(list *metav1.APIResourceList, kind string) (resource, bool) {
	version, err := schema.ParseGroupVersion(list.GroupVersion)
	if err != nil {
		return resource{}, false
	}
	for _, r := range list.APIResources {
		if r.Kind == kind && !strings.Contains(r.Name, "/") {
			return resource{version.WithResource(r.Name), r.Namespaced}, true
		}
	}
	return resource{}, false
}
