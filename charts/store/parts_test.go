package store_test

import (
	"errors"
	"strings"
	"testing"

	helmrelease "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/releaseutil"
	"helm.sh/helm/v3/pkg/storage"
	"helm.sh/helm/v3/pkg/storage/driver"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"gantry/charts/store"
)

const largeKey = "sh.helm.release.v1.shop.v1"

// large is a record of several parts, in a store of its own.
func large(t *testing.T) (*helmrelease.Release, *fake.Clientset, *storage.Storage) {
	t.Helper()
	client := fake.NewClientset()
	s, err := store.Open(store.Options{Client: client, Namespace: "prod"})
	if err != nil {
		t.Fatal(err)
	}
	r := record("shop", 1, helmrelease.StatusPendingInstall)
	r.Manifest = incompressible(5 << 19)
	if err := s.Create(r); err != nil {
		t.Fatal(err)
	}
	return r, client, s
}

func secrets(t *testing.T, client *fake.Clientset) []corev1.Secret {
	t.Helper()
	list, err := client.CoreV1().Secrets("prod").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// What is more than a Secret holds is split, read again as a whole, and leaves
// nothing behind when it is written anew or deleted.
func TestLargeRecords(t *testing.T) {
	r, client, s := large(t)
	before := secrets(t, client)
	if len(before) < 3 {
		t.Fatalf("%d Secrets", len(before))
	}
	for _, secret := range before {
		for _, data := range secret.Data {
			if len(data) > corev1.MaxSecretSize {
				t.Errorf("%s has %d bytes, which Kubernetes refuses", secret.Name, len(data))
			}
		}
	}
	r.Info.Status = helmrelease.StatusDeployed
	if err := s.Update(r); err != nil {
		t.Fatal(err)
	}
	got, err := s.Last("shop")
	if err != nil || got.Manifest != r.Manifest || got.Info.Status != helmrelease.StatusDeployed || len(got.Hooks) != 1 {
		t.Fatalf("it is not what was written; error %v", err)
	}
	if after := secrets(t, client); len(after) != len(before) {
		t.Errorf("%d Secrets, and %d after it was written anew", len(before), len(after))
	}
	if _, err := s.Delete("shop", 1); err != nil {
		t.Fatal(err)
	}
	if left := secrets(t, client); len(left) > 0 {
		t.Errorf("left: %s and %d more", left[0].Name, len(left)-1)
	}
}

// helm reads of a large record what it is about, and takes it for no objects.
func TestHelmAndLargeRecords(t *testing.T) {
	_, client, _ := large(t)
	byHelm := storage.Init(driver.NewSecrets(client.CoreV1().Secrets("prod")))
	list, err := byHelm.History("shop")
	if err != nil || len(list) != 1 {
		t.Fatalf("helm finds %d revisions, error %v", len(list), err)
	}
	r := list[0]
	if r.Info.Status != helmrelease.StatusPendingInstall || r.Chart.Name() != "shop" || !strings.Contains(r.Manifest, "gantry") {
		t.Errorf("helm reads %+v, manifest %q", r.Info, r.Manifest)
	}
	if _, _, err := releaseutil.SortManifests(releaseutil.SplitManifests(r.Manifest), nil, releaseutil.UninstallOrder); err == nil {
		t.Error("helm takes the manifest for that of a release without objects, and forgets them")
	}
}

// A part that is gone, or was changed, is noticed.
func TestLargeRecordsThatAreNotWhole(t *testing.T) {
	for name, damage := range map[string]func(*corev1.Secret, *fake.Clientset) error{
		"gone": func(part *corev1.Secret, c *fake.Clientset) error {
			return c.CoreV1().Secrets("prod").Delete(t.Context(), part.Name, metav1.DeleteOptions{})
		},
		"changed": func(part *corev1.Secret, c *fake.Clientset) error {
			part.Data["part"] = part.Data["part"][1:]
			_, err := c.CoreV1().Secrets("prod").Update(t.Context(), part, metav1.UpdateOptions{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, client, s := large(t)
			for _, secret := range secrets(t, client) {
				if secret.Type == store.PartType {
					if err := damage(&secret, client); err != nil {
						t.Fatal(err)
					}
					break
				}
			}
			if _, err := s.Get("shop", 1); err == nil || !strings.Contains(err.Error(), largeKey+" is not whole") {
				t.Errorf("error %v", err)
			}
		})
	}
}

// What is too large for any number of parts is refused, and leaves nothing.
func TestTooLargeRecords(t *testing.T) {
	client := fake.NewClientset()
	s, err := store.Open(store.Options{Client: client, Namespace: "prod"})
	if err != nil {
		t.Fatal(err)
	}
	r := record("shop", 1, helmrelease.StatusPendingInstall)
	r.Manifest = incompressible(17 << 20)
	if err := s.Create(r); !isTooLarge(err) {
		t.Errorf("error %v", err)
	}
	if left := secrets(t, client); len(left) > 0 {
		t.Errorf("left: %s and %d more", left[0].Name, len(left)-1)
	}
}

func isTooLarge(err error) bool {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	return ok && apierrors.IsRequestEntityTooLargeError(status)
}

// An operation that is killed between the parts of a record leaves them without one. The
// next that makes the revision deletes them.
func TestPartsWithoutRecord(t *testing.T) {
	r, client, s := large(t)
	if err := client.CoreV1().Secrets("prod").Delete(t.Context(), largeKey, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := len(secrets(t, client)); got < 2 {
		t.Fatalf("%d parts are left, want several", got)
	}
	r.Manifest = "kind: Service\n"
	if err := s.Create(r); err != nil {
		t.Fatal(err)
	}
	if got := secrets(t, client); len(got) != 1 || got[0].Name != largeKey {
		t.Errorf("%d Secrets are there, want the record alone", len(got))
	}
}
