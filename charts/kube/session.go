package kube

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"gantry/charts/release"
)

// fieldManager is the name under which the API server remembers what gantry set.
const fieldManager = release.FieldManager

// parallel is how many requests a session has under way at once.
const parallel = 32

// Session reads and writes the objects of one operation. It satisfies
// release.Client.
type Session struct {
	cluster   *Cluster
	namespace string
	client    dynamic.Interface
	// patient waits for what is stuck, too.
	patient bool

	mu      sync.Mutex
	observe func(release.Event)
	// ready are the objects that were told to be ready: those that others depend on are
	// waited for before the rest, and with it.
	ready map[types.UID]bool
	// mappings are those that were found.
	mappings map[schema.GroupVersionKind]*meta.RESTMapping
	// late says of storage classes that were asked about whether they bind claims late.
	late map[string]bool
}

// Client starts a session.
func (c *Cluster) Client(o release.ClientOptions) (release.Client, error) { return c.session(o) }

func (c *Cluster) session(o release.ClientOptions) (*Session, error) {
	client, err := dynamic.NewForConfig(c.config)
	if err != nil {
		return nil, fmt.Errorf("use the kubeconfig: %w", err)
	}
	if o.Observe == nil {
		o.Observe = func(release.Event) {}
	}
	return &Session{cluster: c, namespace: o.Namespace, client: client, observe: o.Observe, patient: o.Patient}, nil
}

// tell reports an event, one at a time.
func (s *Session) tell(e release.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.observe(e)
}

// tellReady reports that an object is ready, once.
func (s *Session) tellReady(obj release.Object, uid types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready[uid] {
		return
	}
	if s.ready == nil {
		s.ready = map[types.UID]bool{}
	}
	s.ready[uid] = true
	s.observe(release.Event{Action: release.Ready, Object: obj})
}

// mapping returns the resource that objects of a kind are. The mapper walks all groups
// each time, and is asked several times for each object.
func (s *Session) mapping(obj *unstructured.Unstructured) (*meta.RESTMapping, error) {
	kind := obj.GroupVersionKind()
	s.mu.Lock()
	mapping := s.mappings[kind]
	s.mu.Unlock()
	if mapping != nil {
		return mapping, nil
	}
	mapper, err := s.cluster.ToRESTMapper()
	if err != nil {
		return nil, err
	}
	mapping, err = mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return nil, s.cluster.Lost(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mappings == nil {
		s.mappings = map[schema.GroupVersionKind]*meta.RESTMapping{}
	}
	s.mappings[kind] = mapping
	return mapping, nil
}

// Resolve gives objects the namespaces that they belong into, and returns those
// whose kinds the API server does not know.
func (s *Session) Resolve(objects []*unstructured.Unstructured) (unknown []*unstructured.Unstructured, err error) {
	for _, obj := range objects {
		mapping, err := s.mapping(obj)
		switch {
		case meta.IsNoMatchError(err):
			unknown = append(unknown, obj)
		case err != nil:
			return nil, fmt.Errorf("find the kind of %s: %w", release.ObjectOf(obj), err)
		case mapping.Scope.Name() == meta.RESTScopeNameRoot:
			obj.SetNamespace("")
		case obj.GetNamespace() == "":
			obj.SetNamespace(s.namespace)
		}
	}
	return unknown, nil
}

// learnWithin is how long the API server may take to answer for new kinds.
const learnWithin = 30 * time.Second

// Learn asks the API server for its kinds until it knows those of the objects.
func (s *Session) Learn(ctx context.Context, objects []*unstructured.Unstructured) error {
	mapper, err := s.cluster.ToRESTMapper()
	if err != nil {
		return err
	}
	limit := time.After(learnWithin)
	for {
		meta.MaybeResetRESTMapper(mapper)
		unknown, err := s.Resolve(objects)
		if err != nil || len(unknown) == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return release.Ended(ctx)
		case <-limit:
			return &release.UnknownKindError{Object: release.ObjectOf(unknown[0])}
		case <-time.After(firstPause):
		}
	}
}

// requests returns the requests for objects like one.
func (s *Session) requests(obj *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	mapping, err := s.mapping(obj)
	if err != nil {
		return nil, fmt.Errorf("find the kind of %s: %w", release.ObjectOf(obj), err)
	}
	return s.client.Resource(mapping.Resource).Namespace(obj.GetNamespace()), nil
}
