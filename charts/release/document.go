package release

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
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
	// source is the template that it comes from, below the chart's name.
	source string
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
	if name := source(e.text); name != "" {
		return fmt.Sprintf("%s: %v", name, e.err)
	}
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
		if err := texts(o); err != nil {
			return &manifestError{text, err}
		}
		list = append(list, document{Unstructured: normal(o), source: source(text)})
		return nil
	})
	return list, err
}

// source returns the template that a document of a manifest comes from, which its first
// line names.
func source(text string) string {
	head, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	name, _ := strings.CutPrefix(head, "# Source: ")
	if name == head {
		return ""
	}
	return strings.TrimSpace(name)
}

// texts refuses labels and annotations that are no texts, such as the version 1.2
// without quotes. No object can have them, and marking it would lose them.
func texts(obj *unstructured.Unstructured) error {
	var faults []string
	for _, field := range []string{"labels", "annotations"} {
		values, _, _ := unstructured.NestedMap(obj.Object, "metadata", field)
		for _, key := range slices.Sorted(maps.Keys(values)) {
			switch values[key].(type) {
			case string, nil:
			default:
				faults = append(faults, fmt.Sprintf("metadata.%s.%s is %v, where a text belongs: write it in quotes", field, key, values[key]))
			}
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %s", ObjectOf(obj), strings.Join(faults, "; "))
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

// normal writes the values of a Secret or ConfigMap as the API server keeps them. A
// value that is null is an empty one to a server that creates the object, as helm
// asks it to, and none at all to one that applies it.
func normal(obj *unstructured.Unstructured) *unstructured.Unstructured {
	isSecret := obj.GetKind() == "Secret"
	if obj.GetAPIVersion() != "v1" || !isSecret && obj.GetKind() != "ConfigMap" {
		return obj
	}
	for _, field := range []string{"data", "stringData"} {
		values, _ := obj.Object[field].(map[string]any)
		for key, value := range values {
			if value == nil {
				values[key] = ""
			}
		}
	}
	if isSecret {
		encode(obj)
	}
	return obj
}

// encode moves the stringData of a Secret to its data. It is never read back, and
// applying it on the server forgets which values it once set.
func encode(secret *unstructured.Unstructured) {
	plain, found, err := unstructured.NestedMap(secret.Object, "stringData")
	if !found || err != nil {
		return
	}
	data, _, _ := unstructured.NestedMap(secret.Object, "data")
	if data == nil {
		data = map[string]any{}
	}
	for key, value := range plain {
		text, ok := value.(string)
		if !ok {
			return // the API server says what is wrong with it
		}
		data[key] = base64.StdEncoding.EncodeToString([]byte(text))
	}
	delete(secret.Object, "stringData")
	secret.Object["data"] = data
}
