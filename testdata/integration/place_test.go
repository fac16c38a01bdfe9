package integration_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	watchtools "k8s.io/client-go/tools/watch"
)

// deadline is how long anything may take to come about. Nothing here takes more
// than a few seconds unless it is broken.
const deadline = time.Minute

// place is a namespace of the cluster for one test, and the ways to it.
type place struct {
	Namespace string
	// Kubeconfig is a file whose context is the namespace.
	Kubeconfig string
	Config     *rest.Config
	Client     kubernetes.Interface

	dynamic dynamic.Interface
	mapper  meta.RESTMapper
}

// newPlace returns a new namespace in the shared sandbox.
func newPlace(t *testing.T) *place {
	t.Helper()
	return shared(t).newPlace(t)
}

func (s *sandbox) newPlace(t *testing.T) *place {
	t.Helper()
	p := s.place(t, fmt.Sprintf("t%d-%s", places.Add(1), slug(t.Name())))
	_, err := p.Client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.Namespace}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The test's context has ended; the sandbox may have, too, with all it had.
		err := p.Client.CoreV1().Namespaces().Delete(context.Background(), p.Namespace, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Logf("delete the namespace: %v", err)
		}
	})
	return p
}

// place returns the ways to a namespace, which need not exist.
func (s *sandbox) place(t *testing.T, namespace string) *place {
	t.Helper()
	p := &place{Namespace: namespace, Kubeconfig: filepath.Join(t.TempDir(), "kubeconfig"), Config: rest.CopyConfig(s.config)}
	cfg, err := clientcmd.LoadFromFile(s.kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Contexts[cfg.CurrentContext].Namespace = namespace
	if err := clientcmd.WriteToFile(*cfg, p.Kubeconfig); err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(p.Config)
	if err != nil {
		t.Fatal(err)
	}
	p.Client = client
	if p.dynamic, err = dynamic.NewForConfig(p.Config); err != nil {
		t.Fatal(err)
	}
	p.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client.Discovery()))
	return p
}

// slug makes a part of a name from that of a test.
func slug(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, name)
	return strings.Trim(name[:min(len(name), 40)], "-")
}

// apply creates the objects of YAML documents, in the place's namespace.
func (p *place) apply(t *testing.T, manifest string) {
	t.Helper()
	documents := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifest), 4096)
	for {
		o := &unstructured.Unstructured{}
		err := documents.Decode(o)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.resource(t, o.GroupVersionKind().GroupKind()).Create(t.Context(), o, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict}); err != nil {
			t.Fatalf("create %s %s: %v", o.GetKind(), o.GetName(), err)
		}
	}
}

// resource returns the way to the objects of a kind.
func (p *place) resource(t *testing.T, kind schema.GroupKind) dynamic.ResourceInterface {
	t.Helper()
	mapping, err := p.mapper.RESTMapping(kind)
	if err != nil {
		t.Fatal(err)
	}
	if mapping.Scope.Name() == meta.RESTScopeNameRoot {
		return p.dynamic.Resource(mapping.Resource)
	}
	return p.dynamic.Resource(mapping.Resource).Namespace(p.Namespace)
}

// until waits for an object to have a value at a path, as in
//
//	p.until(t, "Deployment.apps", "web", "status.readyReplicas", 2)
//
// and returns the object. A list in the path is gone into with its index.
func (p *place) until(t *testing.T, kind, name, path string, want any) *unstructured.Unstructured {
	t.Helper()
	var last *unstructured.Unstructured
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	_, err := watchtools.UntilWithSync(ctx, p.watcher(t, kind, name), &unstructured.Unstructured{}, nil, func(e watch.Event) (bool, error) {
		o, ok := e.Object.(*unstructured.Unstructured)
		if !ok || e.Type == watch.Deleted {
			return false, nil
		}
		last = o
		return fmt.Sprint(at(o.Object, path)) == fmt.Sprint(want), nil
	})
	if err == nil {
		return last
	}
	if last == nil {
		t.Fatalf("%s %s did not come about", kind, name)
	}
	t.Fatalf("%s %s: %s is %v after %s, want %v", kind, name, path, at(last.Object, path), deadline, want)
	return nil
}

// untilGone waits for an object not to be there any more.
func (p *place) untilGone(t *testing.T, kind, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	gone := func(store cache.Store) (bool, error) { return len(store.ListKeys()) == 0, nil }
	_, err := watchtools.UntilWithSync(ctx, p.watcher(t, kind, name), &unstructured.Unstructured{}, gone, func(e watch.Event) (bool, error) {
		return e.Type == watch.Deleted, nil
	})
	if err != nil {
		t.Fatalf("%s %s is still there after %s", kind, name, deadline)
	}
}

// watcher watches one object.
func (p *place) watcher(t *testing.T, kind, name string) cache.ListerWatcher {
	t.Helper()
	resource := p.resource(t, schema.ParseGroupKind(kind))
	one := fields.OneTermEqualSelector("metadata.name", name).String()
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.FieldSelector = one
			return resource.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.FieldSelector = one
			return resource.Watch(ctx, o)
		},
	}
}

// at returns what is at a dotted path, or nil.
func at(v any, path string) any {
	for key := range strings.SplitSeq(path, ".") {
		switch in := v.(type) {
		case map[string]any:
			v = in[key]
		case []any:
			var i int
			if _, err := fmt.Sscan(key, &i); err != nil || i >= len(in) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
}

// untilWarning waits for a warning about a pod, and returns its message.
func (p *place) untilWarning(t *testing.T, pod, reason string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	about := fields.Set{"involvedObject.name": pod, "reason": reason, "type": corev1.EventTypeWarning}.String()
	events := p.Client.CoreV1().Events(p.Namespace)
	e, err := watchtools.UntilWithSync(ctx, &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.FieldSelector = about
			return events.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.FieldSelector = about
			return events.Watch(ctx, o)
		},
	}, &corev1.Event{}, nil, func(watch.Event) (bool, error) { return true, nil })
	if err != nil {
		t.Fatalf("no warning %s about pod %s: %v", reason, pod, err)
	}
	return e.Object.(*corev1.Event).Message
}
