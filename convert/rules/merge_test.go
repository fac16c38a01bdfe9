package rules

import (
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"gantry/convert/workload"
)

// TestMergeLosesNothing fills in every field of a pod, one at a time, and expects
// it in a pod that had nothing, and a refusal or a union in one that had another.
func TestMergeLosesNothing(t *testing.T) {
	fields := reflect.TypeFor[corev1.PodSpec]()
	for i := range fields.NumField() {
		name := fields.Field(i).Name
		var into, from corev1.PodSpec
		fill(reflect.ValueOf(&from).Elem().Field(i), "b")
		var refused []string
		m := merger{differ: func(field string) { refused = append(refused, field) }}
		m.merge(&into, &from, "")
		if diff := cmp.Diff(from, into); diff != "" || refused != nil {
			t.Errorf("%s into nothing: refused %v (-want +got):\n%s", name, refused, diff)
		}
		var other corev1.PodSpec
		fill(reflect.ValueOf(&other).Elem().Field(i), "a")
		before := *other.DeepCopy()
		m.merge(&other, &from, "")
		if !reflect.DeepEqual(before, from) && refused == nil && reflect.DeepEqual(before, other) {
			t.Errorf("%s into another: it is lost", name)
		}
	}
}

// fill sets what a value is made of, so that it differs for two marks.
func fill(v reflect.Value, mark string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), mark)
	case reflect.Struct:
		for _, field := range v.Fields() {
			if field.CanSet() {
				fill(field, mark)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), mark)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, "key")
		fill(value, mark)
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString(mark)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64, reflect.Int:
		v.SetInt(int64(mark[0]))
	default:
	}
}

func TestMerge(t *testing.T) {
	percent := func(s string) *intstr.IntOrString { return new(intstr.FromString(s)) }
	zero := intstr.FromInt32(0)
	for _, test := range []struct {
		name             string
		into, from, want any
		differ           []string
	}{
		{
			"addresses of one host are one entry",
			&corev1.PodSpec{HostAliases: []corev1.HostAlias{{IP: "10.0.0.1", Hostnames: []string{"a"}}}},
			&corev1.PodSpec{HostAliases: []corev1.HostAlias{{IP: "10.0.0.1", Hostnames: []string{"b"}}, {IP: "10.0.0.2", Hostnames: []string{"c"}}}},
			&corev1.PodSpec{HostAliases: []corev1.HostAlias{{IP: "10.0.0.1", Hostnames: []string{"a", "b"}}, {IP: "10.0.0.2", Hostnames: []string{"c"}}}},
			nil,
		},
		{
			"a node must meet the rules of both",
			&corev1.PodSpec{Affinity: nodeAffinity("disk")}, &corev1.PodSpec{Affinity: nodeAffinity("gpu")}, &corev1.PodSpec{Affinity: nodeAffinity("disk", "gpu")}, nil,
		},
		{
			"a number of zero says something",
			&workload.Update{MaxSurge: percent("10%")}, &workload.Update{MaxSurge: &zero}, &workload.Update{MaxSurge: percent("10%")},
			[]string{"update"},
		},
		{
			"labels of nodes differ",
			&corev1.PodSpec{NodeSelector: map[string]string{"arch": "a"}}, &corev1.PodSpec{NodeSelector: map[string]string{"arch": "b", "os": "c"}},
			&corev1.PodSpec{NodeSelector: map[string]string{"arch": "a", "os": "c"}},
			[]string{"nodeSelector"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var differ []string
			m := merger{differ: func(field string) { differ = append(differ, field) }}
			root := ""
			if _, ok := test.into.(*workload.Update); ok {
				root = "update"
			}
			m.merge(test.into, test.from, root)
			if diff := cmp.Diff(test.want, test.into); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if !slices.Equal(differ, test.differ) {
				t.Errorf("got a difference in %v, want %v", differ, test.differ)
			}
		})
	}
}

func nodeAffinity(labels ...string) *corev1.Affinity {
	u := &unit{work: &workload.Workload{}}
	for _, label := range labels {
		u.requireNode(corev1.NodeSelectorRequirement{Key: label, Operator: corev1.NodeSelectorOpExists})
	}
	return u.pod().Affinity
}
