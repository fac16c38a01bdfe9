package release

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	helmrelease "helm.sh/helm/v3/pkg/release"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"gantry/charts/compare"
)

// document is one object of a manifest.
type document struct {
	*unstructured.Unstructured

	// hook is set for objects that are applied at a point of the release's life.
	hook *helmrelease.Hook
	// definition holds for objects of the chart's folder crds.
	definition bool
}

func (d document) object() Object { return ObjectOf(d.Unstructured) }

// keep reports whether an annotation of helm's forbids to delete the object.
func keep(obj *unstructured.Unstructured) bool {
	return obj.GetAnnotations()["helm.sh/resource-policy"] == "keep"
}

// ObjectOf names an object.
func ObjectOf(obj *unstructured.Unstructured) Object {
	return Object{APIVersion: obj.GetAPIVersion(), Kind: obj.GetKind(), Namespace: obj.GetNamespace(), Name: obj.GetName()}
}

// identity is what two revisions of an object have in common. Another version of
// an API is the same object.
type identity struct {
	group, kind, namespace, name string
}

func identityOf(obj *unstructured.Unstructured) identity {
	return identity{obj.GroupVersionKind().Group, obj.GetKind(), obj.GetNamespace(), obj.GetName()}
}

// manifestError is a document that is no object.
type manifestError struct {
	text string
	err  error
}

func (e *manifestError) Error() string {
	const enough = 60
	head, _, _ := strings.Cut(strings.TrimSpace(e.text), "\n")
	if len(head) > enough {
		head = head[:enough] + "…"
	}
	return fmt.Sprintf("the document that begins with %q: %v", head, e.err)
}

func (e *manifestError) Unwrap() error { return e.err }

// parseManifest reads the objects of a manifest, in its order, those in Lists one
// by one. Documents that are no objects are left out and make up the error.
func parseManifest(manifest string) ([]document, error) {
	var list []document
	var errs []error
	for _, text := range compare.Split(manifest) {
		found, err := parseDocument(text)
		list = append(list, found...)
		errs = append(errs, err)
	}
	return list, errors.Join(errs...)
}

// readable returns the objects of a manifest that was applied once: what is no
// object in it never was one.
func readable(manifest string) []document {
	list, _ := parseManifest(manifest)
	return list
}

// parseDocument reads one document; an empty one has no objects.
func parseDocument(text string) ([]document, error) {
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return nil, &manifestError{text, err}
	}
	if string(data) == "null" {
		return nil, nil
	}
	obj := &unstructured.Unstructured{}
	if err := obj.UnmarshalJSON(data); err != nil {
		return nil, &manifestError{text, err}
	}
	var list []document
	err = each(obj, func(o *unstructured.Unstructured) error {
		if o.GetName() == "" {
			return &manifestError{text, errors.New("it has no metadata.name")}
		}
		list = append(list, document{Unstructured: normal(o)})
		return nil
	})
	return list, err
}

// each calls do for an object, or for each object of a List.
func each(obj *unstructured.Unstructured, do func(*unstructured.Unstructured) error) error {
	if !obj.IsList() {
		return do(obj)
	}
	list, err := obj.ToList()
	if err != nil {
		return err
	}
	for i := range list.Items {
		if err := each(&list.Items[i], do); err != nil {
			return err
		}
	}
	return nil
}

// normal writes the values of a Secret as the API server keeps them. Its
// stringData is never read back, and applying it on the server forgets which
// values it once set.
func normal(obj *unstructured.Unstructured) *unstructured.Unstructured {
	plain, found, err := unstructured.NestedMap(obj.Object, "stringData")
	if obj.GetKind() != "Secret" || obj.GetAPIVersion() != "v1" || !found || err != nil {
		return obj
	}
	data, _, _ := unstructured.NestedMap(obj.Object, "data")
	if data == nil {
		data = map[string]any{}
	}
	for key, value := range plain {
		text, ok := value.(string)
		if !ok {
			return obj // the API server says what is wrong with it
		}
		data[key] = base64.StdEncoding.EncodeToString([]byte(text))
	}
	delete(obj.Object, "stringData")
	obj.Object["data"] = data
	return obj
}

// hooksOf returns the hooks of a revision that run at an event, in their order:
// by weight, then by name.
func hooksOf(r *helmrelease.Release, event helmrelease.HookEvent) []*helmrelease.Hook {
	var list []*helmrelease.Hook
	for _, h := range r.Hooks {
		if slices.Contains(h.Events, event) {
			list = append(list, h)
		}
	}
	slices.SortStableFunc(list, func(a, b *helmrelease.Hook) int {
		if a.Weight != b.Weight {
			return a.Weight - b.Weight
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list
}
