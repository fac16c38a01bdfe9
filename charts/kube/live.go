package kube

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"

	"gantry/charts/release"
	"gantry/charts/store"
)

const (
	// listFrom is how many objects of a kind are wanted before all of a namespace are
	// listed to find them.
	listFrom = 4
	// page is how many objects one list returns. A namespace with many more than
	// are wanted is not read to its end: when fewer than worthwhile of a page were wanted,
	// what is missing is asked for by name.
	page       = 500
	worthwhile = page / 10
	// recordsLeftOut spares the list of Secrets the records of releases, which are
	// large.
	recordsLeftOut = "type!=helm.sh/release.v1,type!=" + store.PartType
)

// group is the objects that one list and one watch can see.
type group struct {
	resource  schema.GroupVersionResource
	namespace string
}

// all selects the objects of the group that can be of releases.
func (g group) all() metav1.ListOptions {
	if g.resource.Group == "" && g.resource.Resource == "secrets" {
		return metav1.ListOptions{FieldSelector: recordsLeftOut}
	}
	return metav1.ListOptions{}
}

// wanted are objects that one list can find, by name; several may have the same.
type wanted struct {
	client dynamic.ResourceInterface
	group  group
	// places are the numbers of the objects.
	places map[string][]int
}

// Live returns the objects as they are, nil for one that is not there. It lists
// where many of a kind are wanted in a namespace.
func (s *Session) Live(ctx context.Context, objects []*unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	live := make([]*unstructured.Unstructured, len(objects))
	groups := map[group]*wanted{}
	var order []*wanted
	unknown, err := s.Resolve(objects)
	if err != nil {
		return nil, err
	}
	for i, obj := range objects {
		if slices.Contains(unknown, obj) {
			continue // of a kind that is not known, there are none
		}
		mapping, err := s.mapping(obj)
		if err != nil {
			return nil, err
		}
		g := group{mapping.Resource, obj.GetNamespace()}
		if groups[g] == nil {
			groups[g] = &wanted{client: s.client.Resource(g.resource).Namespace(g.namespace), group: g, places: map[string][]int{}}
			order = append(order, groups[g])
		}
		groups[g].places[obj.GetName()] = append(groups[g].places[obj.GetName()], i)
	}
	var lookups errgroup.Group
	lookups.SetLimit(parallel)
	for _, w := range order {
		lookups.Go(func() error { return w.find(ctx, live) })
	}
	if err := lookups.Wait(); err != nil {
		if err := release.Ended(ctx); err != nil {
			return nil, err
		}
		return nil, s.cluster.Lost(err)
	}
	return live, nil
}

// find puts the objects at their places.
func (w *wanted) find(ctx context.Context, live []*unstructured.Unstructured) error {
	missing, err := w.findListed(ctx, live)
	if err != nil {
		return err
	}
	var lookups errgroup.Group
	lookups.SetLimit(parallel)
	for _, name := range missing {
		lookups.Go(func() error {
			obj, err := w.client.Get(ctx, name, metav1.GetOptions{})
			switch {
			case apierrors.IsNotFound(err):
				return nil
			case err != nil:
				return fmt.Errorf("read %s %s: %w", w.group.resource.Resource, name, err)
			}
			w.put(name, obj, live)
			return nil
		})
	}
	return lookups.Wait()
}

func (w *wanted) put(name string, obj *unstructured.Unstructured, live []*unstructured.Unstructured) {
	for _, i := range w.places[name] {
		live[i] = obj
	}
}

// findListed puts the objects at their places that lists have, and returns the names of
// those that are to be asked for. A user who may not list asks for all.
func (w *wanted) findListed(ctx context.Context, live []*unstructured.Unstructured) (missing []string, err error) {
	missing = slices.Sorted(maps.Keys(w.places))
	options := w.group.all()
	options.Limit = page
	for len(missing) >= listFrom {
		list, err := w.client.List(ctx, options)
		switch {
		case apierrors.IsForbidden(err), apierrors.IsMethodNotSupported(err), apierrors.IsResourceExpired(err):
			return missing, nil
		case err != nil:
			return nil, fmt.Errorf("list the %s: %w", w.group.resource.Resource, err)
		}
		found := map[string]bool{}
		for i := range list.Items {
			name := list.Items[i].GetName()
			found[name] = true
			w.put(name, &list.Items[i], live)
		}
		sought := len(missing)
		missing = slices.DeleteFunc(missing, func(name string) bool { return found[name] })
		switch options.Continue = list.GetContinue(); {
		case options.Continue == "":
			return nil, nil // what was in no page is not there
		case sought-len(missing) < worthwhile:
			return missing, nil
		}
	}
	return missing, nil
}

// Health reads objects and says how they are.
func (s *Session) Health(ctx context.Context, objects []*unstructured.Unstructured) ([]release.Health, error) {
	live, err := s.Live(ctx, objects)
	if err != nil {
		return nil, err
	}
	out := make([]release.Health, len(objects))
	for i, obj := range objects {
		out[i] = health(release.ObjectOf(obj), live[i])
	}
	return out, nil
}

func health(o release.Object, live *unstructured.Unstructured) release.Health {
	h := release.Health{Object: o, State: "NotFound"}
	if live == nil {
		return h
	}
	result, err := status.Compute(live)
	if err != nil {
		h.State, h.Message = "Unknown", err.Error()
		return h
	}
	h.State, h.Message = result.Status.String(), result.Message
	if waitsForAddress(live) {
		h.State, h.Message = status.InProgressStatus.String(), "no address from a load balancer yet"
	}
	return h
}
