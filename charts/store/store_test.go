package store_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	helmrelease "helm.sh/helm/v3/pkg/release"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"gantry/charts/store"
)

// helm finds its records by type, name and labels; another spelling of any of
// them would be another format.
func TestSecretsAreAsHelmHasThem(t *testing.T) {
	client := fake.NewClientset()
	s, err := store.Open(store.Options{Client: client, Namespace: "prod"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Create(record("shop", 3, helmrelease.StatusDeployed)); err != nil {
		t.Fatal(err)
	}
	secret, err := client.CoreV1().Secrets("prod").Get(t.Context(), "sh.helm.release.v1.shop.v3", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	delete(secret.Labels, "createdAt")
	want := map[string]string{"name": "shop", "owner": "helm", "status": "deployed", "version": "3", "team": "shop"}
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
	_, err := store.Open(store.Options{Driver: "etcd"})
	if _, ok := errors.AsType[*store.UnknownDriverError](err); !ok {
		t.Errorf("error %v", err)
	}
}

// A database that cannot be used is told of without its password.
func TestDatabasesThatCannotBeUsed(t *testing.T) {
	for _, database := range []string{"", "postgres://helm:hunter2@127.0.0.1:1/releases", "postgres://helm:hunter2@127.0.0.1:x/releases", "host=127.0.0.1 port=1 password=hunter2", "password='hunter2"} {
		_, err := store.Open(store.Options{Driver: store.SQL, Database: database})
		if _, ok := errors.AsType[*store.DatabaseError](err); !ok || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: error %v", database, err)
		}
	}
}
