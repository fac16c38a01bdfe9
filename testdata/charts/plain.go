package main

import (
	"encoding/json"
	"regexp"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"gantry/charts/compare"
)

// notCompared is said with every comparison.
const notCompared = `not compared: status; what the API server and controllers make up for each cluster (UIDs, times, managed fields,
addresses and ports of Services, names of volumes); objects that controllers have made of others (Pods,
ReplicaSets, Endpoints, claims of StatefulSets); replicas of what a HorizontalPodAutoscaler scales, which gantry leaves as they are until it
decides; what is random each time that a chart is rendered; the content of records, which gantry
writes shorter, and their annotation gantry.dev/by; records after a step that both refuse, of which helm makes a revision.
What the chart says, or leaves to the cluster, and helm's alone lacks is named, and no difference. gantry uninstalls with --delete-storage:
otherwise it keeps claims`

// plain takes from an object what two clusters never have alike, and what is random
// where the chart says it.
func plain(o *unstructured.Unstructured, random []compare.Document) compare.Document {
	for _, field := range []string{"uid", "resourceVersion", "creationTimestamp", "managedFields", "generation", "deletionTimestamp", "deletionGracePeriodSeconds"} {
		unstructured.RemoveNestedField(o.Object, "metadata", field)
	}
	unstructured.RemoveNestedField(o.Object, "status")
	switch o.GetKind() {
	case "Service":
		plainService(o)
	case "Secret":
		plainSecret(o)
	case "Job":
		unstructured.RemoveNestedField(o.Object, "spec", "selector")
		for _, label := range []string{"controller-uid", "batch.kubernetes.io/controller-uid"} {
			unstructured.RemoveNestedField(o.Object, "spec", "template", "metadata", "labels", label)
		}
	case "PersistentVolumeClaim":
		unstructured.RemoveNestedField(o.Object, "spec", "volumeName")
	case "Pod":
		renameToken(o)
	}
	d := compare.Document{Fields: o.Object, Object: compare.Object{APIVersion: o.GetAPIVersion(), Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName()}}
	for _, r := range random {
		if r.Object.Kind == d.Object.Kind && r.Object.Name == d.Object.Name {
			d.Fields = cover(d.Fields, withData(r.Fields)).(map[string]any)
		}
	}
	return d
}

func plainService(o *unstructured.Unstructured) {
	if ip, _, _ := unstructured.NestedString(o.Object, "spec", "clusterIP"); ip != "None" {
		unstructured.RemoveNestedField(o.Object, "spec", "clusterIP")
		unstructured.RemoveNestedField(o.Object, "spec", "clusterIPs")
	}
	unstructured.RemoveNestedField(o.Object, "spec", "healthCheckNodePort")
	ports, _, _ := unstructured.NestedSlice(o.Object, "spec", "ports")
	for _, port := range ports {
		delete(port.(map[string]any), "nodePort")
	}
	_ = unstructured.SetNestedSlice(o.Object, ports, "spec", "ports") // it was a list before
}

func plainSecret(o *unstructured.Unstructured) {
	switch kind, _, _ := unstructured.NestedString(o.Object, "type"); kind {
	case "helm.sh/release.v1":
		o.SetAnnotations(nil)
		unstructured.RemoveNestedField(o.Object, "metadata", "labels", "modifiedAt")
		fallthrough
	case "kubernetes.io/service-account-token":
		unstructured.RemoveNestedField(o.Object, "data")
	}
}

var token = regexp.MustCompile(`"kube-api-access-[a-z0-9]+"`)

// renameToken gives the volume of the token that every pod gets the same name.
func renameToken(o *unstructured.Unstructured) {
	text, err := json.Marshal(o.Object)
	if err != nil {
		return
	}
	_ = yaml.Unmarshal(token.ReplaceAll(text, []byte(`"kube-api-access"`)), &o.Object) // it is an object still
}

// cover puts [compare.Unsteady] where a rendering has it.
func cover(live, rendered any) any {
	switch rendered := rendered.(type) {
	case string:
		if rendered == compare.Unsteady {
			return rendered
		}
	case map[string]any:
		fields, ok := live.(map[string]any)
		if !ok {
			return live
		}
		for name, value := range rendered {
			if _, there := fields[name]; there {
				fields[name] = cover(fields[name], value)
			}
		}
	case []any:
		elements, ok := live.([]any)
		if !ok {
			return live
		}
		for i := range min(len(elements), len(rendered)) {
			elements[i] = cover(elements[i], rendered[i])
		}
	}
	return live
}

// withData shows the values of a Secret where the API server puts them.
func withData(fields map[string]any) map[string]any {
	plain, ok := fields["stringData"].(map[string]any)
	if !ok || fields["kind"] != "Secret" {
		return fields
	}
	return map[string]any{"metadata": fields["metadata"], "data": plain}
}
