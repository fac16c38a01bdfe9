package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"golang.org/x/sync/errgroup"

	"gantry/charts/release"
)

// asTable asks for the columns that kubectl prints.
const asTable = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"

// relatedPods is helm's title for the pods of workloads.
const relatedPods = "v1/Pod(related)"

// Tables returns objects as the API server prints them, by kind in their order, and the
// pods of workloads last. Objects that are not there are left out.
func (s *Session) Tables(ctx context.Context, objects []*unstructured.Unstructured) ([]release.Table, error) {
	config := rest.CopyConfig(s.cluster.config)
	config.GroupVersion, config.NegotiatedSerializer = &schema.GroupVersion{}, scheme.Codecs.WithoutConversion()
	client, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("use the kubeconfig: %w", err)
	}
	// Each object has a place, and its pods have one behind those of all objects.
	found := make([]*release.Table, 2*len(objects))
	var lookups errgroup.Group
	lookups.SetLimit(parallel)
	for i, obj := range objects {
		lookups.Go(func() error {
			table, err := s.table(ctx, client, obj)
			if apierrors.IsNotFound(err) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("read %s: %w", release.ObjectOf(obj), s.cluster.Lost(err))
			}
			found[i] = table
			found[len(objects)+i], err = s.pods(ctx, client, table)
			return err
		})
	}
	if err := lookups.Wait(); err != nil {
		return nil, err
	}
	return merged(found), nil
}

// merged gathers the rows of each kind; a pod of two workloads is there once.
func merged(found []*release.Table) []release.Table {
	var out []release.Table
	pods := map[string]bool{}
	for _, table := range found {
		if table == nil {
			continue
		}
		at := slices.IndexFunc(out, func(t release.Table) bool { return t.Title == table.Title })
		if at < 0 {
			at, out = len(out), append(out, release.Table{Title: table.Title, Columns: table.Columns})
		}
		for i, object := range table.Objects {
			uid := string((&unstructured.Unstructured{Object: object}).GetUID())
			if table.Title == relatedPods && pods[uid] {
				continue
			}
			pods[uid] = true
			out[at].Rows, out[at].Objects = append(out[at].Rows, table.Rows[i]), append(out[at].Objects, object)
		}
	}
	return out
}

// table reads one object.
func (s *Session) table(ctx context.Context, client rest.Interface, obj *unstructured.Unstructured) (*release.Table, error) {
	mapping, err := s.mapping(obj)
	if err != nil {
		return nil, err
	}
	request := client.Get().AbsPath(pathOf(mapping.Resource, obj.GetNamespace(), obj.GetName())...)
	return read(ctx, request, mapping.GroupVersionKind.Version+"/"+mapping.GroupVersionKind.Kind)
}

// pods reads the pods of a workload; another object has none.
func (s *Session) pods(ctx context.Context, client rest.Interface, of *release.Table) (*release.Table, error) {
	if len(of.Objects) == 0 {
		return nil, nil
	}
	workload := &unstructured.Unstructured{Object: of.Objects[0]}
	path := []string{"spec", "selector", "matchLabels"}
	switch workload.GetKind() {
	case "ReplicaSet", "Deployment", "StatefulSet", "DaemonSet", "Job":
	case "ReplicationController":
		path = path[:2]
	default:
		return nil, nil
	}
	selector, found, err := unstructured.NestedStringMap(workload.Object, path...)
	if err != nil || !found {
		return nil, err
	}
	request := client.Get().AbsPath(pathOf(schema.GroupVersionResource{Version: "v1", Resource: "pods"}, workload.GetNamespace(), "")...).
		Param("labelSelector", labels.Set(selector).String())
	table, err := read(ctx, request, relatedPods)
	if err != nil {
		return nil, fmt.Errorf("list the pods of %s: %w", release.ObjectOf(workload), s.cluster.Lost(err))
	}
	return table, nil
}

// pathOf returns where an object is, or all of a namespace.
func pathOf(resource schema.GroupVersionResource, namespace, name string) []string {
	path := []string{"apis", resource.Group, resource.Version}
	if resource.Group == "" {
		path = []string{"api", resource.Version}
	}
	if namespace != "" {
		path = append(path, "namespaces", namespace)
	}
	path = append(path, resource.Resource)
	if name != "" {
		path = append(path, name)
	}
	return path
}

// read returns the columns that are printed without -o wide, and the whole objects.
func read(ctx context.Context, request *rest.Request, title string) (*release.Table, error) {
	data, err := request.Param("includeObject", string(metav1.IncludeObject)).SetHeader("Accept", asTable).Do(ctx).Raw()
	if err != nil {
		return nil, err
	}
	var got metav1.Table
	numbers := json.NewDecoder(bytes.NewReader(data))
	numbers.UseNumber()
	if err := numbers.Decode(&got); err != nil {
		return nil, err
	}
	table := &release.Table{Title: title}
	for _, c := range got.ColumnDefinitions {
		if c.Priority == 0 {
			table.Columns = append(table.Columns, c.Name)
		}
	}
	for _, row := range got.Rows {
		var cells []string
		for i, c := range got.ColumnDefinitions {
			switch {
			case c.Priority != 0 || i >= len(row.Cells):
			case row.Cells[i] == nil:
				cells = append(cells, "<none>")
			default:
				cells = append(cells, fmt.Sprint(row.Cells[i]))
			}
		}
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(row.Object.Raw); err != nil {
			return nil, err
		}
		table.Rows, table.Objects = append(table.Rows, cells), append(table.Objects, object.Object)
	}
	return table, nil
}
