package store_test

import (
	"encoding/base64"
	"errors"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/chart"
	helmrelease "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage"
	"helm.sh/helm/v3/pkg/storage/driver"
	"k8s.io/client-go/kubernetes/fake"

	"gantry/charts/store"
)

func record(name string, version int, status helmrelease.Status) *helmrelease.Release {
	return &helmrelease.Release{
		Name: name, Namespace: "prod", Version: version,
		Info:     &helmrelease.Info{Status: status, Description: "Install complete"},
		Chart:    &chart.Chart{Metadata: &chart.Metadata{Name: "shop", Version: "1.0.0"}, Values: map[string]any{"a": "b"}},
		Config:   map[string]any{"replicas": float64(version)},
		Manifest: "---\nkind: Service\n",
		Hooks:    []*helmrelease.Hook{{Name: "migrate", Kind: "Job", Events: []helmrelease.HookEvent{helmrelease.HookPreInstall}, Manifest: "kind: Job\n"}},
		Labels:   map[string]string{"team": "shop", store.Author: strconv.Itoa(version) + " ann@example.com"},
	}
}

// TestDrivers holds every driver to what releases rely on.
func TestDrivers(t *testing.T) {
	client := fake.NewClientset()
	for name, open := range map[string]func(t *testing.T) store.Options{
		store.Secret:    func(*testing.T) store.Options { return store.Options{Client: client} },
		store.ConfigMap: func(*testing.T) store.Options { return store.Options{Driver: store.ConfigMap, Client: client} },
		store.Memory:    func(*testing.T) store.Options { return store.Options{Driver: store.Memory} },
		store.SQL: func(t *testing.T) store.Options {
			t.Helper()
			return store.Options{Driver: store.SQL, Database: postgres(t)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := open(t)
			o.Namespace = "prod"
			s, err := store.Open(o)
			if err != nil {
				t.Fatal(err)
			}
			keepsRecords(t, s)
			findsRecords(t, s)
			deletesRecords(t, s)
		})
	}
}

// keepsRecords writes revisions and reads them again. Writing one twice is refused:
// that is the lock against two people at once.
func keepsRecords(t *testing.T, s *storage.Storage) {
	t.Helper()
	for _, r := range []*helmrelease.Release{
		record("shop", 1, helmrelease.StatusSuperseded), record("shop", 2, helmrelease.StatusPendingUpgrade), record("other", 1, helmrelease.StatusDeployed),
	} {
		if err := s.Create(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Create(record("shop", 2, helmrelease.StatusDeployed)); !errors.Is(err, driver.ErrReleaseExists) {
		t.Errorf("writing revision 2 again: error %v", err)
	}
	if err := s.Update(record("shop", 2, helmrelease.StatusDeployed)); err != nil {
		t.Fatal(err)
	}
	got, err := s.Get("shop", 2)
	if err != nil {
		t.Fatal(err)
	}
	got.Labels = map[string]string{"team": got.Labels["team"], store.Author: got.Labels[store.Author]} // drivers differ in which of their own they tell of
	if diff := cmp.Diff(record("shop", 2, helmrelease.StatusDeployed), got, cmp.AllowUnexported(chart.Chart{})); diff != "" {
		t.Errorf("revision 2 (-want +got):\n%s", diff)
	}
}

func findsRecords(t *testing.T, s *storage.Storage) {
	t.Helper()
	last, err := s.Last("shop")
	if err != nil || last.Version != 2 {
		t.Errorf("the last is %+v, error %v", last, err)
	}
	deployed, err := s.Deployed("shop")
	if err != nil || deployed.Version != 2 {
		t.Errorf("deployed is %+v, error %v", deployed, err)
	}
	history, err := s.History("shop")
	if err != nil || len(history) != 2 {
		t.Errorf("a history of %d revisions, error %v", len(history), err)
	}
	all, err := s.ListReleases()
	if err != nil {
		t.Fatal(err)
	}
	newest := map[string]int{}
	for _, r := range all {
		newest[r.Name] = max(newest[r.Name], r.Version)
	}
	if diff := cmp.Diff(map[string]int{"shop": 2, "other": 1}, newest); diff != "" {
		t.Errorf("the newest of all (-want +got):\n%s", diff)
	}
	if _, err := s.Last("nobody"); !errors.Is(err, driver.ErrReleaseNotFound) {
		t.Errorf("reading what is not there: error %v", err)
	}
	if _, err := s.Get("shop", 7); !errors.Is(err, driver.ErrReleaseNotFound) {
		t.Errorf("reading a revision that is not there: error %v", err)
	}
}

func deletesRecords(t *testing.T, s *storage.Storage) {
	t.Helper()
	for _, version := range []int{1, 2} {
		if _, err := s.Delete("shop", version); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Delete("shop", 1); !errors.Is(err, driver.ErrReleaseNotFound) {
		t.Errorf("deleting what is gone: error %v", err)
	}
	if _, err := s.Last("shop"); !errors.Is(err, driver.ErrReleaseNotFound) {
		t.Errorf("reading what is gone: error %v", err)
	}
	if other, err := s.Last("other"); err != nil || other.Version != 1 {
		t.Errorf("the other release is %+v, error %v", other, err)
	}
}

// incompressible returns a text that compresses to no less than three quarters.
func incompressible(n int) string {
	data := make([]byte, n*3/4)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data) // it never fails
	return base64.StdEncoding.EncodeToString(data)
}
