package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"

	"gantry/charts/compare"
	"gantry/testdata/sandbox"
)

const (
	// settleWithin is how long controllers may take to make two clusters alike.
	settleWithin = 15 * time.Second
	// lookEvery is how often that is looked at.
	lookEvery = 250 * time.Millisecond
	// listsAtOnce is how many lists of objects are asked for at the same time.
	listsAtOnce = 8
)

// cluster is a sandbox on which one of the tools works.
type cluster struct {
	*sandbox.Sandbox
	discovery discovery.DiscoveryInterface
	client    dynamic.Interface
	// before are the objects of every cluster.
	before map[key]bool
}

// key names an object of a cluster.
type key struct {
	schema.GroupVersionResource
	namespace, name string
}

func startCluster(ctx context.Context, gantry string) (*cluster, error) {
	s, err := sandbox.Start(ctx, gantry, "--webhooks", "off")
	if err != nil {
		return nil, err
	}
	c := &cluster{Sandbox: s}
	if c.discovery, err = discovery.NewDiscoveryClientForConfig(s.Config); err != nil {
		return nil, errors.Join(err, s.Delete(ctx))
	}
	if c.client, err = dynamic.NewForConfig(s.Config); err != nil {
		return nil, errors.Join(err, s.Delete(ctx))
	}
	objects, err := c.list(ctx)
	if err != nil {
		return nil, errors.Join(err, s.Delete(ctx))
	}
	c.before = map[key]bool{}
	for k := range objects {
		c.before[k] = true
	}
	return c, nil
}

// list returns every object of the cluster.
func (c *cluster) list(ctx context.Context) (map[key]*unstructured.Unstructured, error) {
	kinds, err := c.kinds()
	if err != nil {
		return nil, err
	}
	lists := make([]*unstructured.UnstructuredList, len(kinds))
	var group errgroup.Group
	group.SetLimit(listsAtOnce)
	for i, kind := range kinds {
		group.Go(func() error {
			list, err := c.client.Resource(kind).List(ctx, metav1.ListOptions{})
			if err != nil && !apierrors.IsNotFound(err) { // its definition was deleted just now
				return fmt.Errorf("list %s: %w", kind, err)
			}
			lists[i] = list
			return nil
		})
	}
	err = group.Wait()
	all := map[key]*unstructured.Unstructured{}
	for i, list := range lists {
		if list == nil {
			continue
		}
		for n := range list.Items {
			o := &list.Items[n]
			all[key{kinds[i], o.GetNamespace(), o.GetName()}] = o
		}
	}
	return all, err
}

// kinds returns what the cluster keeps.
func (c *cluster) kinds() ([]schema.GroupVersionResource, error) {
	groups, err := c.discovery.ServerPreferredResources()
	if err != nil {
		return nil, err
	}
	var kinds []schema.GroupVersionResource
	for _, group := range groups {
		version, err := schema.ParseGroupVersion(group.GroupVersion)
		if err != nil {
			return nil, err
		}
		for _, kind := range group.APIResources {
			if slices.Contains(kind.Verbs, "list") && slices.Contains(kind.Verbs, "create") {
				kinds = append(kinds, version.WithResource(kind.Name))
			}
		}
	}
	return kinds, nil
}

// state returns the objects that a release has brought into the cluster and into
// its namespace, in the order of their names and without what another cluster has
// otherwise.
func (c *cluster) state(ctx context.Context, namespace string, random []compare.Document) ([]compare.Document, error) {
	objects, err := c.list(ctx)
	if err != nil {
		return nil, err
	}
	var documents []compare.Document
	leaveToAutoscalers(objects)
	for k, o := range objects {
		if c.before[k] || derived(o) || (isOurs(k.namespace) && k.namespace != namespace) {
			continue
		}
		documents = append(documents, plain(o, random))
	}
	slices.SortFunc(documents, func(a, b compare.Document) int {
		return cmp.Or(strings.Compare(a.Object.Kind, b.Object.Kind), strings.Compare(a.Object.Namespace, b.Object.Namespace), strings.Compare(a.Object.Name, b.Object.Name))
	})
	return documents, nil
}

// leaveToAutoscalers takes the number of replicas from what is scaled by itself:
// gantry leaves it as it is until an autoscaler decides, helm does not.
func leaveToAutoscalers(objects map[key]*unstructured.Unstructured) {
	scaled := map[string]bool{}
	name := func(place, kind, name string) string { return place + "/" + kind + "/" + name }
	for k, o := range objects {
		if o.GetKind() == "HorizontalPodAutoscaler" {
			target, _, _ := unstructured.NestedStringMap(o.Object, "spec", "scaleTargetRef")
			scaled[name(k.namespace, target["kind"], target["name"])] = true
		}
	}
	for k, o := range objects {
		if scaled[name(k.namespace, o.GetKind(), k.name)] {
			unstructured.RemoveNestedField(o.Object, "spec", "replicas")
		}
	}
}

// derived reports whether a controller has made the object of others.
func derived(o *unstructured.Unstructured) bool {
	const byHelm = "meta.helm.sh/release-name"
	if len(o.GetOwnerReferences()) > 0 {
		return true
	}
	switch o.GetKind() {
	case "Event", "IPAddress", "Namespace":
		return true
	case "Lease":
		return o.GetNamespace() == "kube-node-lease"
	case "Endpoints", "PersistentVolumeClaim": // those of a StatefulSet outlive it
		return o.GetAnnotations()[byHelm] == ""
	case "ConfigMap":
		return o.GetName() == "kube-root-ca.crt"
	case "ServiceAccount":
		return o.GetName() == metav1.NamespaceDefault
	case "APIService":
		return o.GetLabels()["kube-aggregator.kubernetes.io/automanaged"] != ""
	case "PersistentVolume":
		return o.GetAnnotations()["pv.kubernetes.io/provisioned-by"] != ""
	}
	return false
}

// clean deletes what a release has left behind, and waits for what the next one
// could stumble over.
func (c *cluster) clean(ctx context.Context, namespace string) error {
	places := c.client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"})
	if err := places.Delete(ctx, namespace, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	background := metav1.DeletePropagationBackground
	return wait.PollUntilContextTimeout(ctx, lookEvery, settleWithin, true, func(ctx context.Context) (bool, error) {
		objects, err := c.list(ctx)
		if err != nil {
			return false, err
		}
		left := 0
		for k, o := range objects {
			if c.before[k] || isOurs(k.namespace) || derived(o) {
				continue
			}
			left++
			err := c.client.Resource(k.GroupVersionResource).Namespace(k.namespace).Delete(ctx, k.name, metav1.DeleteOptions{PropagationPolicy: &background})
			if err != nil && !apierrors.IsNotFound(err) {
				return false, err
			}
		}
		return left == 0, nil
	})
}
