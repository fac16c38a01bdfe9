package compare

import (
	"maps"
	"slices"
	"sort"
	"strings"

	"helm.sh/helm/v3/pkg/releaseutil"
	"sigs.k8s.io/yaml"
)

// Object names an object of a cluster.
type Object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

// String prints the kind and the name.
func (o Object) String() string { return o.Kind + " " + o.Name }

// Document is one object of a manifest.
type Document struct {
	Object Object
	Fields map[string]any
	// Hook holds for objects that are applied at a point of the release's life.
	Hook bool
}

// Annotation returns an annotation of the object, or "".
func (d Document) Annotation(key string) string {
	metadata, _ := d.Fields["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	value, _ := annotations[key].(string)
	return value
}

// Split returns the documents of a manifest, in its order. Each ends with the line
// break that helm's client reads there, too: a literal block at the end of an object
// keeps it as part of the value.
func Split(manifest string) []string {
	split := releaseutil.SplitManifests(manifest)
	keys := slices.Collect(maps.Keys(split))
	sort.Sort(releaseutil.BySplitManifestsOrder(keys))
	list := make([]string, len(keys))
	for i, key := range keys {
		list[i] = split[key] + "\n"
	}
	return list
}

// Parse reads the objects of a manifest, in its order. What is no object is left
// out.
func Parse(manifest string) []Document {
	var list []Document
	for _, text := range Split(manifest) {
		if d, ok := ParseDocument(text); ok {
			list = append(list, d)
		}
	}
	return list
}

// ParseDocument reads one object; ok is false for what is none.
func ParseDocument(text string) (d Document, ok bool) {
	d = Document{Fields: map[string]any{}}
	if err := yaml.Unmarshal([]byte(text), &d.Fields); err != nil {
		return d, false
	}
	metadata, _ := d.Fields["metadata"].(map[string]any)
	str := func(m map[string]any, key string) string {
		s, _ := m[key].(string)
		return strings.TrimSpace(s)
	}
	d.Object = Object{
		APIVersion: str(d.Fields, "apiVersion"), Kind: str(d.Fields, "kind"),
		Namespace: str(metadata, "namespace"), Name: str(metadata, "name"),
	}
	return d, d.Object.Kind != ""
}

// identity is what makes an object the same on both sides. Another version of
// its API is the same object.
type identity struct {
	group, kind, namespace, name string
	hook                         bool
}

func (d Document) identity() identity {
	group, _, ok := strings.Cut(d.Object.APIVersion, "/")
	if !ok {
		group = ""
	}
	return identity{group, d.Object.Kind, d.Object.Namespace, d.Object.Name, d.Hook}
}
