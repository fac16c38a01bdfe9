package store_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/chart"
	helmrelease "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"gantry/charts/store"
)

func record(version int, status helmrelease.Status) *helmrelease.Release {
	return &helmrelease.Release{
		Name: "shop", Namespace: "prod", Version: version,
		Info:     &helmrelease.Info{Status: status},
		Chart:    &chart.Chart{Metadata: &chart.Metadata{Name: "shop", Version: "1.0.0"}},
		Config:   map[string]any{"replicas": float64(version)},
		Manifest: "---\nkind: Service\n",
	}
}

// Every driver keeps what it is given, and refuses to write a revision twice:
// that is the lock against two people at once.
func TestDrivers(t *testing.T) {
	for _, name := range []string{"", store.Secret, store.ConfigMap, store.Memory} {
		t.Run("driver "+name, func(t *testing.T) {
			s, err := store.Open(name, fake.NewClientset(), "prod")
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Create(record(1, helmrelease.StatusSuperseded)); err != nil {
				t.Fatal(err)
			}
			if err := s.Create(record(2, helmrelease.StatusDeployed)); err != nil {
				t.Fatal(err)
			}
			if err := s.Create(record(2, helmrelease.StatusDeployed)); !errors.Is(err, driver.ErrReleaseExists) {
				t.Errorf("writing revision 2 again: error %v", err)
			}
			last, err := s.Last("shop")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(record(2, helmrelease.StatusDeployed).Config, last.Config); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
			if _, err := s.Last("other"); !errors.Is(err, driver.ErrReleaseNotFound) {
				t.Errorf("reading what is not there: error %v", err)
			}
		})
	}
}

// helm finds its records by type, name and labels; another spelling of any of
// them would be another format.
func TestSecretsAreAsHelmHasThem(t *testing.T) {
	client := fake.NewClientset()
	s, err := store.Open(store.Secret, client, "prod")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Create(record(3, helmrelease.StatusDeployed)); err != nil {
		t.Fatal(err)
	}
	secret, err := client.CoreV1().Secrets("prod").Get(t.Context(), "sh.helm.release.v1.shop.v3", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	delete(secret.Labels, "createdAt")
	want := map[string]string{"name": "shop", "owner": "helm", "status": "deployed", "version": "3"}
	if diff := cmp.Diff(want, secret.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if got := secret.Annotations["gantry.dev/release"]; got != `{"chart":"shop","version":"1.0.0","installed":"0001-01-01T00:00:00Z","updated":"0001-01-01T00:00:00Z"}` {
		t.Errorf("beside the record stands %s", got)
	}
	if secret.Type != "helm.sh/release.v1" || len(secret.Data["release"]) == 0 {
		t.Errorf("type %q, %d bytes of record", secret.Type, len(secret.Data["release"]))
	}
}

func TestUnknownDriver(t *testing.T) {
	_, err := store.Open("sql", nil, "")
	if _, ok := errors.AsType[*store.UnknownDriverError](err); !ok {
		t.Errorf("error %v", err)
	}
}
