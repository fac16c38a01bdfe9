package release

import (
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/releaseutil"
	"sigs.k8s.io/yaml"
)

// document is one object of a manifest.
type document struct {
	object Object
	fields map[string]any
	// hook holds for objects that are applied at a point of the release's life.
	hook bool
}

func (d document) annotation(key string) string {
	metadata, _ := d.fields["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	value, _ := annotations[key].(string)
	return value
}

// parseManifest reads the objects of a manifest, in its order. What is no object
// is left out; the API server has accepted the manifest once.
func parseManifest(manifest string) []document {
	split := releaseutil.SplitManifests(manifest)
	keys := make([]string, 0, len(split))
	for key := range split {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if releaseutil.BySplitManifestsOrder([]string{a, b}).Less(0, 1) {
			return -1
		}
		return 1
	})
	var list []document
	for _, key := range keys {
		if d, ok := parseDocument(split[key]); ok {
			list = append(list, d)
		}
	}
	return list
}

func parseDocument(text string) (document, bool) {
	d := document{fields: map[string]any{}}
	if err := yaml.Unmarshal([]byte(text), &d.fields); err != nil {
		return d, false
	}
	metadata, _ := d.fields["metadata"].(map[string]any)
	str := func(m map[string]any, key string) string {
		s, _ := m[key].(string)
		return strings.TrimSpace(s)
	}
	d.object = Object{
		APIVersion: str(d.fields, "apiVersion"), Kind: str(d.fields, "kind"),
		Namespace: str(metadata, "namespace"), Name: str(metadata, "name"),
	}
	return d, d.object.Kind != ""
}
