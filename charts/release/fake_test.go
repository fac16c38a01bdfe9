package release_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"helm.sh/helm/v3/pkg/storage"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	fakediscovery "k8s.io/client-go/discovery/fake"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"

	"gantry/charts"
	"gantry/charts/archive"
	"gantry/charts/release"
	"gantry/charts/store"

	"helm.sh/helm/v3/pkg/chart"
)

// cluster is a cluster in memory that defaults nothing and runs nothing: what is
// asked of it is written down, and fails on demand. What objects do is tested
// against a real one.
type cluster struct {
	mu      sync.Mutex
	objects map[release.Object]*unstructured.Unstructured
	// writes counts them, for resource versions.
	writes int
	calls  []string
	// abandoned is who left the release in the middle.
	abandoned string
	// fail maps a call to its error, for as many operations as it is repeated.
	fail map[string]error
	// refuse maps the name of an object to what the API server says to changing it.
	refuse map[string]error
	// logs are what all pods have written.
	logs []string
	// after is called after each call.
	after func(call string)
}

func (c *cluster) Reach(context.Context) error { return c.fail["reach"] }
func (c *cluster) User(context.Context) string { return "ann@example.com" }
func (c *cluster) Lost(err error) error        { return err }

func (c *cluster) Hold(ctx context.Context, _ string, _ release.ClientOptions) (context.Context, *release.Hold, error) {
	if err := c.fail["hold"]; err != nil {
		return nil, nil, err
	}
	return ctx, &release.Hold{Abandoned: c.abandoned, Release: func() {}}, nil
}

func (c *cluster) Client(o release.ClientOptions) (release.Client, error) {
	return &client{c, o.Namespace}, nil
}

func (c *cluster) ToRESTConfig() (*rest.Config, error) { return &rest.Config{}, nil }

func (c *cluster) ToDiscoveryClient() (discovery.CachedDiscoveryInterface, error) {
	return memory.NewMemCacheClient(&fakediscovery.FakeDiscovery{Fake: &clienttesting.Fake{
		Resources: []*metav1.APIResourceList{{GroupVersion: "v1", APIResources: []metav1.APIResource{{Name: "configmaps", Kind: "ConfigMap", Namespaced: true}}}},
	}}), nil
}

// call notes a call and returns its error.
func (c *cluster) call(ctx context.Context, name string) error {
	c.mu.Lock()
	c.calls = append(c.calls, name)
	err := c.fail[name]
	c.mu.Unlock()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if c.after != nil {
		c.after(name)
	}
	return err
}

// names returns the objects that there are, sorted.
func (c *cluster) names() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []string
	for o := range c.objects {
		list = append(list, o.String())
	}
	slices.Sort(list)
	return list
}

// put changes an object behind the release's back.
func (c *cluster) put(obj *unstructured.Unstructured) *unstructured.Unstructured {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes++
	obj = obj.DeepCopy()
	obj.SetResourceVersion(strconv.Itoa(c.writes))
	c.objects[release.ObjectOf(obj)] = obj
	return obj
}

func (c *cluster) get(o release.Object) *unstructured.Unstructured {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.objects[o]
}

type client struct {
	*cluster

	namespace string
}

func (c *client) Resolve(objects []*unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	var unknown []*unstructured.Unstructured
	for _, obj := range objects {
		switch kind := obj.GetKind(); {
		case kind == "Strange":
			unknown = append(unknown, obj)
		case kind != "Namespace" && kind != "CustomResourceDefinition" && obj.GetNamespace() == "":
			obj.SetNamespace(c.namespace)
		}
	}
	return unknown, nil
}

func (c *client) Learn(context.Context, []*unstructured.Unstructured) error { return nil }

func (c *client) Live(_ context.Context, objects []*unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	live := make([]*unstructured.Unstructured, len(objects))
	for i, obj := range objects {
		if there := c.get(release.ObjectOf(obj)); there != nil {
			live[i] = there.DeepCopy()
		}
	}
	return live, nil
}

func (c *client) Claims(context.Context, *unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	return nil, nil
}

func (c *client) Send(ctx context.Context, w release.Write) (*unstructured.Unstructured, error) {
	if err := c.refuse[w.Object.GetName()]; err != nil && w.Live != nil {
		return nil, err
	}
	if w.DryRun {
		return w.Object.DeepCopy(), c.call(ctx, "rehearse")
	}
	live := c.put(w.Object)
	return live, c.call(ctx, "send") // it fails when it was done, as answers are lost
}

func (c *client) Delete(ctx context.Context, obj *unstructured.Unstructured, _ bool) error {
	if err := c.call(ctx, "delete"); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.objects, release.ObjectOf(obj))
	return nil
}

func (c *client) Wait(ctx context.Context, _ []*unstructured.Unstructured, until release.Until, _ time.Duration) error {
	return c.call(ctx, "wait: "+string(until))
}

func (c *client) Logs(_ context.Context, _ *unstructured.Unstructured, tell func(string, string, string)) error {
	for _, line := range c.logs {
		tell("pod", "container", line)
	}
	return nil
}

func (c *client) Health(context.Context, []*unstructured.Unstructured) ([]release.Health, error) {
	return nil, nil
}

func (c *client) Tables(context.Context, []*unstructured.Unstructured) ([]release.Table, error) {
	return nil, nil
}

// bench is a manager over a fake cluster and records in memory.
type bench struct {
	*release.Manager
	cluster *cluster
	records *storage.Storage
	told    []string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	records, err := store.Open(store.Options{Driver: store.Memory, Namespace: "prod"})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{cluster: &cluster{fail: map[string]error{}, refuse: map[string]error{}, objects: map[release.Object]*unstructured.Unstructured{}}, records: records}
	b.Manager = release.New(b.cluster, release.Options{Namespace: "prod", Records: records, Observe: func(e release.Event) { b.told = append(b.told, e.String()) }})
	return b
}

// statuses returns the statuses of a release's revisions.
func (b *bench) statuses(t *testing.T, name string) string {
	t.Helper()
	revisions, err := b.History(t.Context(), name, 0)
	if _, missing := errors.AsType[*release.NotFoundError](err); missing {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, r := range revisions {
		list = append(list, r.Status)
	}
	return strings.Join(list, " ")
}

// testChart is a chart with a hook, fresh: it is taken over by what is done
// with it.
func testChart(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := archive.FromFiles([]charts.File{
		{Name: "Chart.yaml", Data: []byte("apiVersion: v2\nname: shop\nversion: 1.2.3\nappVersion: '7'\n")},
		{Name: "values.yaml", Data: []byte("replicas: 1\nname: web\n")},
		{Name: "templates/web.yaml", Data: []byte("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Values.name }}\ndata:\n  replicas: {{ .Values.replicas | quote }}\n")},
		{Name: "templates/hook.yaml", Data: []byte("apiVersion: v1\nkind: Pod\nmetadata:\n  name: hook\n  annotations: {helm.sh/hook: 'pre-rollback'}\n")},
		{Name: "templates/NOTES.txt", Data: []byte("It has {{ .Values.replicas }} replicas.\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
