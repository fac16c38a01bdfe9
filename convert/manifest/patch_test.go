package manifest_test

import (
	"encoding/json"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	strict "sigs.k8s.io/json"

	"gantry/convert/manifest"
	"gantry/convert/workload"
)

func deployment() []manifest.Object {
	return []manifest.Object{{Service: "web", Resource: &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Name: "web", Image: "nginx", Ports: []corev1.ContainerPort{{ContainerPort: 80}}}},
		}}},
	}}}
}

// FuzzPatch applies patches to a Deployment: what comes out is a Deployment of the
// same name and without unknown fields, or else there is a problem that says why.
func FuzzPatch(f *testing.F) {
	for _, seed := range []string{
		`{"spec": {"replicas": 3, "template": {"spec": {"containers": [{"name": "web", "$patch": "delete"}]}}}}`,
		`{"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}, "metadata": {"labels": null}}`,
		`[{"op": "add", "path": "/spec/replicas", "value": 3}, {"op": "copy", "from": "/spec", "path": "/metadata/annotations"}]`,
		`[{"op": "remove", "path": ""}]`, `{"$patch": "replace"}`, `{"spec": []}`, `[1]`, `null`,
		`{"spec": {"template": {"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "web"}]}}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, change []byte) {
		if !json.Valid(change) {
			return // the loader makes JSON of it
		}
		objects := deployment()
		app := &workload.App{Patches: []*workload.Patch{{Kind: "Deployment", Change: change, Path: []string{"patch"}}}}
		problems := manifest.Patch(app, objects, 0)
		for _, p := range problems {
			if len(p.Path) == 0 || p.Path[0] != "patch" || p.Summary == "" {
				t.Errorf("%+v does not say what is wrong where", p)
			}
		}
		if len(problems) > 0 {
			return
		}
		if objects[0].GetName() != "web" || objects[0].Kind() != "Deployment" {
			t.Errorf("became %s %s", objects[0].Kind(), objects[0].GetName())
		}
		data, err := json.Marshal(objects[0].Resource)
		if err != nil {
			t.Fatal(err)
		}
		if unknown, err := strict.UnmarshalStrict(data, &appsv1.Deployment{}); err != nil || len(unknown) > 0 {
			t.Errorf("does not read back: %v %v", err, unknown)
		}
	})
}
