package kube

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// liveService is as the API server has an applied Service, after it has filled in
// what it fills in, and another has added a port and a label.
const liveService = `
apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: shop
  labels: {app: web, zone: a}
spec:
  clusterIP: 10.0.0.1
  selector: {app: web}
  externalIPs: [192.0.2.1]
  ports:
    - {name: web, port: 80, protocol: TCP, targetPort: 8080}
    - {name: other, port: 90, protocol: TCP, targetPort: 90}
    - {name: dns, port: 53, protocol: UDP, targetPort: 53}
  type: ClusterIP
`

const ownedOfService = `{
  "f:metadata": {"f:labels": {"f:app": {}}},
  "f:spec": {
    "f:externalIPs": {"v:\"192.0.2.1\"": {}},
    "f:ports": {
      "k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:name": {}, "f:port": {}, "f:targetPort": {}},
      "k:{\"port\":53,\"protocol\":\"UDP\"}": {".": {}, "f:name": {}, "f:port": {}, "f:protocol": {}}
    },
    "f:selector": {}
  }
}`

func TestSettled(t *testing.T) {
	const (
		meta  = "{apiVersion: v1, kind: Service, metadata: {name: web, labels: {app: web}}, spec: "
		ports = "ports: [{name: web, port: 80, targetPort: 8080}, {name: dns, port: 53, protocol: UDP}]"
		rest  = "selector: {app: web}, externalIPs: [192.0.2.1]"
	)
	tests := []struct {
		name, want string
		settled    bool
	}{
		{"as it was applied", meta + "{" + ports + ", " + rest + "}}", true},
		{"with nothing more in it", meta + "{" + ports + ", " + rest + ", loadBalancerSourceRanges: [], sessionAffinityConfig: {}, type: null}}", true},
		{"another value", meta + "{" + ports + ", selector: {app: web}, externalIPs: [192.0.2.2]}}", false},
		{"another value of an item", meta + "{ports: [{name: web, port: 80, targetPort: 81}, {name: dns, port: 53, protocol: UDP}], " + rest + "}}", false},
		{"another whole", meta + "{" + ports + ", selector: {app: web, tier: b}, externalIPs: [192.0.2.1]}}", false},
		{"one field more", meta + "{type: ClusterIP, " + ports + ", " + rest + "}}", false},
		{"one field less", meta + "{" + ports + ", selector: {app: web}}}", false},
		{"one item more", meta + "{ports: [{name: web, port: 80, targetPort: 8080}, {name: dns, port: 53, protocol: UDP}, {name: other, port: 90}], " + rest + "}}", false},
		{"one item less", meta + "{ports: [{name: web, port: 80, targetPort: 8080}], " + rest + "}}", false},
		{"one member more", meta + "{" + ports + ", selector: {app: web}, externalIPs: [192.0.2.1, 192.0.2.2]}}", false},
		{"another order", meta + "{ports: [{name: dns, port: 53, protocol: UDP}, {name: web, port: 80, targetPort: 8080}], " + rest + "}}", false},
		{"one label more", "{apiVersion: v1, kind: Service, metadata: {name: web, labels: {app: web, zone: a}}, spec: {" + ports + ", " + rest + "}}", false},
		{"another version", "{apiVersion: v2, kind: Service, metadata: {name: web, labels: {app: web}}, spec: {" + ports + ", " + rest + "}}", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			live := parse(t, liveService)
			live.SetManagedFields([]metav1.ManagedFieldsEntry{
				{Manager: "kubectl", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1", FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{"f:zone":{}}}}`)},
				{Manager: fieldManager, Operation: metav1.ManagedFieldsOperationApply, APIVersion: "v1", FieldsV1: metav1.NewFieldsV1(ownedOfService)},
			})
			if got := settled(parse(t, test.want), live); got != test.settled {
				t.Errorf("settled is %v, want %v", got, test.settled)
			}
		})
	}
}

// TestNotSettled holds what is owned to mean nothing when it is not what we applied.
func TestNotSettled(t *testing.T) {
	const object = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {a: b}}"
	ours := metav1.ManagedFieldsEntry{Manager: fieldManager, Operation: metav1.ManagedFieldsOperationApply, APIVersion: "v1", FieldsV1: metav1.NewFieldsV1(`{"f:data":{"f:a":{}}}`)}
	theirs, updated, list, empty := ours, ours, ours, ours
	theirs.Manager = "kubectl"
	updated.Operation = metav1.ManagedFieldsOperationUpdate
	list.FieldsV1 = metav1.NewFieldsV1("[]")
	empty.FieldsV1 = nil
	for name, entries := range map[string][]metav1.ManagedFieldsEntry{
		"nobody": nil, "somebody else": {theirs}, "by an update": {updated}, "no set": {list}, "nothing": {empty}, "twice": {ours, ours},
	} {
		live := parse(t, object)
		live.SetManagedFields(entries)
		if settled(parse(t, object), live) {
			t.Errorf("%s: settled", name)
		}
	}
	live := parse(t, object)
	live.SetManagedFields([]metav1.ManagedFieldsEntry{ours})
	if !settled(parse(t, object), live) {
		t.Error("what we applied is not settled")
	}
	gone := metav1.Now()
	live.SetDeletionTimestamp(&gone)
	if settled(parse(t, object), live) {
		t.Error("what is about to be deleted is settled")
	}
}
