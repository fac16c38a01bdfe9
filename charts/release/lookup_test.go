package release_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	helmengine "helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/releaseutil"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/rest"

	"gantry/charts/release"
	"gantry/charts/store"
)

// answering is a cluster in memory that templates can look objects up in: its API
// server knows a Secret and a Namespace.
type answering struct {
	*cluster

	config *rest.Config
}

func newAnswering(t *testing.T) *answering {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answers := map[string]string{
			"/version":                              `{"major":"1","minor":"36","gitVersion":"v1.36.3"}`,
			"/api":                                  `{"kind":"APIVersions","versions":["v1"]}`,
			"/apis":                                 `{"kind":"APIGroupList","apiVersion":"v1","groups":[]}`,
			"/api/v1":                               `{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"namespaces/status","kind":"Namespace"},{"name":"namespaces","kind":"Namespace","namespaced":false},{"name":"secrets","kind":"Secret","namespaced":true},{"name":"configmaps","kind":"ConfigMap","namespaced":true}]}`,
			"/api/v1/namespaces/prod":               `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"prod"}}`,
			"/api/v1/namespaces/prod/secrets/known": `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"known"},"data":{"password":"aHVudGVy"}}`,
			"/api/v1/namespaces/prod/secrets":       `{"apiVersion":"v1","kind":"SecretList","items":[{"apiVersion":"v1","kind":"Secret","metadata":{"name":"known"}}]}`,
			"/api/v1/secrets":                       `{"apiVersion":"v1","kind":"SecretList","items":[]}`,
		}
		w.Header().Set("Content-Type", "application/json")
		answer, known := answers[r.URL.Path]
		if !known {
			w.WriteHeader(http.StatusNotFound)
			answer = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`
		}
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(server.Close)
	return &answering{cluster: newBench(t).cluster, config: &rest.Config{Host: server.URL, QPS: -1}}
}

func (a *answering) ToRESTConfig() (*rest.Config, error) { return rest.CopyConfig(a.config), nil }

func (a *answering) ToDiscoveryClient() (discovery.CachedDiscoveryInterface, error) {
	client, err := discovery.NewDiscoveryClientForConfig(a.config)
	if err != nil {
		return nil, err
	}
	return memory.NewMemCacheClient(client), nil
}

// lookups has templates enough for several processors.
func lookups(t *testing.T) *chart.Chart {
	t.Helper()
	var documents []string
	for i := range 40 {
		documents = append(documents, fmt.Sprintf(`apiVersion: v1
kind: ConfigMap
metadata: {name: c%d}
data:
  known: {{ (lookup "v1" "Secret" .Release.Namespace "known").data.password | default "none" | quote }}
  missing: {{ lookup "v1" "Secret" .Release.Namespace "missing" | toJson | quote }}
  all: {{ lookup "v1" "Secret" .Release.Namespace "" | toJson | quote }}
  everywhere: {{ lookup "v1" "Secret" "" "" | toJson | quote }}
  namespace: {{ (lookup "v1" "Namespace" "" .Release.Namespace).metadata.name | quote }}
  changed: {{ set (lookup "v1" "Secret" .Release.Namespace "known") "data" "x" | toJson | quote }}
  unknown: {{ lookup "v1" "Strange" "" "x" | toJson | quote }}
  capable: {{ .Capabilities.APIVersions.Has "v1/Secret" }}{{ .Capabilities.KubeVersion }}
`, i))
	}
	return chartOf(t, documents...)
}

// What a release renders, with what templates find in the cluster, is what helm's
// engine makes of it, byte for byte.
func TestRenderingIsHelms(t *testing.T) {
	a := newAnswering(t)
	records, err := store.Open(store.Options{Driver: store.Memory, Namespace: "prod"})
	if err != nil {
		t.Fatal(err)
	}
	m := release.New(a, release.Options{Namespace: "prod", Records: records})
	r, err := m.Install(t.Context(), "shop", lookups(t), nil, release.InstallOptions{DryRun: release.DryRunServer})
	if err != nil {
		t.Fatal(err)
	}
	c := lookups(t)
	visible, err := chartutil.ToRenderValues(c, nil, chartutil.ReleaseOptions{Name: "shop", Namespace: "prod", Revision: 1, IsInstall: true}, &chartutil.Capabilities{
		APIVersions: []string{"v1", "v1/ConfigMap", "v1/Namespace", "v1/Secret"},
		KubeVersion: chartutil.KubeVersion{Version: "v1.36.3", Major: "1", Minor: "36"},
		HelmVersion: chartutil.DefaultCapabilities.HelmVersion,
	})
	if err != nil {
		t.Fatal(err)
	}
	files, err := helmengine.New(a.config).Render(c, visible)
	if err != nil {
		t.Fatal(err)
	}
	_, manifests, err := releaseutil.SortManifests(files, nil, releaseutil.InstallOrder)
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, manifest := range manifests {
		fmt.Fprintf(&want, "---\n# Source: %s\n%s\n", manifest.Name, manifest.Content)
	}
	if diff := cmp.Diff(want.String(), r.Manifest); diff != "" {
		t.Errorf("-helm +gantry:\n%s", diff)
	}
}

// A version of an API that the cluster does not have is an error, as with helm.
func TestLookupOfUnknownVersions(t *testing.T) {
	records, err := store.Open(store.Options{Driver: store.Memory, Namespace: "prod"})
	if err != nil {
		t.Fatal(err)
	}
	m := release.New(newAnswering(t), release.Options{Namespace: "prod", Records: records})
	_, err = m.Install(t.Context(), "shop", chartOf(t, "a: {{ lookup \"example.com/v1\" \"Strange\" \"\" \"x\" }}"), nil, release.InstallOptions{DryRun: release.DryRunServer})
	if err == nil {
		t.Error("it was rendered")
	}
}
