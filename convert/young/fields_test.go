package young_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"gantry/convert/young"
)

// TestFields wants a field of the types of Kubernetes for each row, once and sorted,
// and versions for which objects are made, or newer ones that the types have already.
func TestFields(t *testing.T) {
	known := map[string]bool{}
	for _, kind := range []any{
		appsv1.Deployment{}, appsv1.StatefulSet{}, appsv1.DaemonSet{}, autoscalingv2.HorizontalPodAutoscaler{}, batchv1.CronJob{}, corev1.Service{},
	} {
		collect(reflect.TypeOf(kind), known)
	}
	fields := young.Fields()
	if !slices.IsSortedFunc(fields, func(a, b young.Field) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the rows are not sorted")
	}
	for i, f := range fields {
		if !known[f.Name] {
			t.Errorf("there is no field %s", f.Name)
		}
		if f.Minor < 30 || f.Minor > 37 {
			t.Errorf("%s: 1.%d is no version in which a field came", f.Name, f.Minor)
		}
		if i > 0 && fields[i-1].Name == f.Name {
			t.Errorf("%s stands here twice", f.Name)
		}
	}
}

func TestOldest(t *testing.T) {
	pod := func(spec corev1.PodSpec) *appsv1.Deployment {
		return &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{Spec: spec}}}
	}
	old := pod(corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "nginx"}}})
	for _, tt := range []struct {
		objects []any
		want    int
	}{
		{nil, 0},
		{[]any{old}, 0},
		{[]any{old, pod(corev1.PodSpec{HostUsers: new(false)})}, 33},
		{[]any{pod(corev1.PodSpec{HostUsers: new(false), Volumes: []corev1.Volume{{VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{}}}}}), old}, 35},
		{[]any{&corev1.Service{Spec: corev1.ServiceSpec{TrafficDistribution: new("PreferClose")}}}, 31},
	} {
		if got := young.Oldest(slices.Values(tt.objects)); got != tt.want {
			t.Errorf("%+v need 1.%d, want 1.%d", tt.objects, got, tt.want)
		}
	}
}

// collect notes the fields of a type and of those below it.
func collect(t reflect.Type, known map[string]bool) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		collect(t.Elem(), known)
	case reflect.Struct:
		if known[young.TypeName(t)] {
			return
		}
		known[young.TypeName(t)] = true
		for _, f := range reflect.VisibleFields(t) {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
				known[young.TypeName(t)+"."+name] = true
			}
			collect(f.Type, known)
		}
	default: // a value has no fields
	}
}
