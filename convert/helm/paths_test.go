package helm_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gantry/convert/helm"
	"gantry/convert/manifest"
)

// TestNamesThatMeet makes a chart of objects whose names are the same once the
// name of their service is taken off.
func TestNamesThatMeet(t *testing.T) {
	web := textApplication("text")[0]
	web.Resource.(*appsv1.Deployment).Spec.Template.Spec.Containers[0].EnvFrom = nil
	labels := web.GetLabels()
	config := func(name string) manifest.Object {
		return manifest.Object{Service: "web", Resource: &corev1.ConfigMap{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
			Data: map[string]string{"NAME": name, "binary": strings.Repeat("{{ long }}\n", 50)}, BinaryData: map[string][]byte{"logo": {0xff}},
		}}
	}
	service := func(name string) manifest.Object {
		return manifest.Object{Service: "web", Resource: &corev1.Service{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
			Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, Ports: []corev1.ServicePort{{Name: "http", Port: 80}}},
		}}
	}
	from := []manifest.Object{web, config("env"), config("web-env"), service("web"), service("alias"), service("web-alias"), service("web-web-alias")}
	app := application{name: "app", objects: from}.charted()
	compareChart(t, app)
	var got []string
	for _, f := range chartOf(t, app) {
		if name, ok := strings.CutPrefix(f.Name, "templates/web/"); ok && (strings.HasPrefix(name, "service") || strings.HasPrefix(name, "configmap")) {
			got = append(got, name)
		}
		if strings.HasPrefix(f.Name, "files/") {
			got = append(got, f.Name)
		}
	}
	slices.Sort(got)
	want := []string{
		"configmap-env.yaml", "configmap-web-env.yaml", "files/env/binary", "files/env_binary/logo", "files/web-env/binary", "files/web-env_binary/logo",
		"service-alias.yaml", "service-web-alias.yaml", "service-web-web-alias.yaml", "service.yaml", "serviceaccount.yaml",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestChartNeedsAName(t *testing.T) {
	if _, err := helm.Chart(helm.Source{}); err == nil {
		t.Error("a chart without a name is made")
	}
}
