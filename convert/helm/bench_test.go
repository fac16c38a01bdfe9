package helm_test

import (
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"

	"gantry/convert/helm"
	"gantry/convert/manifest"
)

func BenchmarkChart(b *testing.B) {
	for _, services := range []int{1, 100, 1000} {
		var from []manifest.Object
		for i := range services {
			name := fmt.Sprintf("web-%d", i)
			o := textApplication("some text")[0]
			d := o.Resource.(*appsv1.Deployment).DeepCopy()
			d.Name = name
			d.Labels["app.kubernetes.io/name"] = name
			from = append(from, manifest.Object{Resource: d, Service: name})
		}
		b.Run(fmt.Sprintf("services=%d", services), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := helm.Chart(helm.Source{Name: "app", Objects: from}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
