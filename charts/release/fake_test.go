package release_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	helmkube "helm.sh/helm/v3/pkg/kube"
	"helm.sh/helm/v3/pkg/storage"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"gantry/charts"
	"gantry/charts/archive"
	"gantry/charts/release"
	"gantry/charts/store"

	"helm.sh/helm/v3/pkg/chart"
)

// cluster is a cluster that has no objects: what is asked of it is written down,
// and fails on demand. What objects do is tested against a real one.
type cluster struct {
	calls []string
	// remembered are the manifests of revisions that failed.
	remembered []string
	// abandoned is who left the release in the middle.
	abandoned string
	// fail maps a call to its error, for as many operations as it is repeated.
	fail map[string]error
	// after is called after each call.
	after func(call string)
}

func (c *cluster) Reach(context.Context) error { return c.fail["reach"] }
func (c *cluster) Lost(err error) error        { return err }

func (c *cluster) Hold(ctx context.Context, _ string, _ release.ClientOptions) (context.Context, *release.Hold, error) {
	if err := c.fail["hold"]; err != nil {
		return nil, nil, err
	}
	return ctx, &release.Hold{Abandoned: c.abandoned, Release: func() {}}, nil
}

func (c *cluster) Client(ctx context.Context, _ release.ClientOptions) release.Client {
	return &client{cluster: c, ctx: ctx}
}

func (c *cluster) ToRESTConfig() (*rest.Config, error)           { return &rest.Config{}, nil }
func (c *cluster) ToRESTMapper() (meta.RESTMapper, error)        { return nil, errors.ErrUnsupported }
func (c *cluster) ToRawKubeConfigLoader() clientcmd.ClientConfig { return nil }
func (c *cluster) ToDiscoveryClient() (discovery.CachedDiscoveryInterface, error) {
	return memory.NewMemCacheClient(fake.NewClientset().Discovery()), nil
}

type client struct {
	*cluster
	ctx   context.Context
	first error
}

func (c *client) call(name string) error {
	c.calls = append(c.calls, name)
	err := c.fail[name]
	if c.ctx.Err() != nil {
		err = c.ctx.Err()
	}
	if c.first == nil {
		c.first = err
	}
	if c.after != nil {
		c.after(name)
	}
	return err
}

func (c *client) Remember(manifest string) error {
	c.remembered = append(c.remembered, manifest)
	return nil
}

func (c *client) Failure() error     { return c.first }
func (c *client) IsReachable() error { return nil }

func (c *client) Build(r io.Reader, _ bool) (helmkube.ResourceList, error) {
	_, err := io.Copy(io.Discard, r)
	return nil, err
}

func (c *client) Create(helmkube.ResourceList) (*helmkube.Result, error) {
	return &helmkube.Result{}, c.call("create")
}

func (c *client) Update(_, _ helmkube.ResourceList, _ bool) (*helmkube.Result, error) {
	return &helmkube.Result{}, c.call("update")
}

func (c *client) UpdateThreeWayMerge(original, target helmkube.ResourceList, force bool) (*helmkube.Result, error) {
	return c.Update(original, target, force)
}

func (c *client) Delete(helmkube.ResourceList) (*helmkube.Result, []error) {
	if err := c.call("delete"); err != nil {
		return nil, []error{err}
	}
	return &helmkube.Result{}, nil
}

func (c *client) DeleteWithPropagationPolicy(list helmkube.ResourceList, _ metav1.DeletionPropagation) (*helmkube.Result, []error) {
	return c.Delete(list)
}

func (c *client) Wait(helmkube.ResourceList, time.Duration) error { return c.call("wait") }
func (c *client) WaitWithJobs(helmkube.ResourceList, time.Duration) error {
	return c.call("wait for jobs")
}

func (c *client) WaitForDelete(helmkube.ResourceList, time.Duration) error {
	return c.call("wait for deletion")
}

func (c *client) WatchUntilReady(helmkube.ResourceList, time.Duration) error { return c.call("hook") }

func (c *client) GetPodList(string, metav1.ListOptions) (*corev1.PodList, error) {
	return &corev1.PodList{}, nil
}

func (c *client) OutputContainerLogsForPodList(*corev1.PodList, string, func(string, string, string) io.Writer) error {
	return nil
}

func (c *client) WaitAndGetCompletedPodPhase(string, time.Duration) (corev1.PodPhase, error) {
	return corev1.PodSucceeded, nil
}

func (c *client) Rehearse(string) error                   { return c.call("rehearse") }
func (c *client) Health(string) ([]release.Health, error) { return nil, nil }

// bench is a manager over a fake cluster and records in memory.
type bench struct {
	*release.Manager
	cluster *cluster
	records *storage.Storage
	told    []string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	records, err := store.Open(store.Memory, nil, "prod")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{cluster: &cluster{fail: map[string]error{}}, records: records}
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
