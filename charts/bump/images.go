package bump

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"gantry/charts/compare"
)

// ImagesAnnotation is where Chart.yaml lists the images of a chart, which Artifact Hub
// shows and scans.
const ImagesAnnotation = "artifacthub.io/images"

// Images brings the list of images in Chart.yaml to what the chart runs now: an entry takes
// the other version of its image, or goes with an image that only the published chart ran;
// what is new is added. Entries of images that neither chart runs stay, since they may
// belong to what is off by default, and so do other fields of the entries. What is no list
// of images is returned as it is.
func Images(list string, was, now []compare.Document) (string, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(list), &doc); err != nil || doc.Kind != yaml.DocumentNode || doc.Content[0].Kind != yaml.SequenceNode {
		return list, nil //nolint:nilerr // somebody else's business: Artifact Hub tells
	}
	entries := doc.Content[0]
	ran, runs := images(was), images(now)
	listed := func(image string) bool {
		return slices.ContainsFunc(entries.Content, func(e *yaml.Node) bool { n := entryImage(e); return n != nil && n.Value == image })
	}
	missing := slices.DeleteFunc(slices.Clone(runs), func(i running) bool { return listed(i.image) })
	changed := len(missing) > 0
	entries.Content = slices.DeleteFunc(entries.Content, func(e *yaml.Node) bool {
		at := entryImage(e)
		if at == nil || contains(runs, at.Value) {
			return false
		}
		next := slices.IndexFunc(missing, func(i running) bool { return repository(i.image) == repository(at.Value) })
		if next >= 0 {
			at.Value = missing[next].image
			missing = slices.Delete(missing, next, next+1)
			return false
		}
		gone := contains(ran, at.Value)
		changed = changed || gone
		return gone
	})
	for _, i := range missing {
		entries.Content = append(entries.Content, i.entry())
	}
	if !changed {
		return list, nil
	}
	if len(entries.Content) > 0 {
		entries.Style = 0
	}
	var b strings.Builder
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(&doc); err != nil {
		return "", err
	}
	return b.String(), enc.Close()
}

// running is an image, and the first container that runs it.
type running struct{ container, image string }

// entry writes an entry of the list.
func (r running) entry() *yaml.Node {
	text := func(value string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value} }
	return &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{text("name"), text(r.container), text("image"), text(r.image)}}
}

// entryImage returns the image of an entry, or nil.
func entryImage(e *yaml.Node) *yaml.Node {
	for i := 0; i+1 < len(e.Content) && e.Kind == yaml.MappingNode; i += 2 {
		if e.Content[i].Value == "image" && e.Content[i+1].Kind == yaml.ScalarNode {
			return e.Content[i+1]
		}
	}
	return nil
}

func contains(list []running, image string) bool {
	return slices.ContainsFunc(list, func(r running) bool { return r.image == image })
}

// repository returns an image without its tag and digest.
func repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if colon := strings.LastIndex(image, ":"); colon > strings.LastIndex(image, "/") {
		return image[:colon]
	}
	return image
}

// images returns the images that the pods of objects run, each once.
func images(objects []compare.Document) []running {
	var list []running
	for _, o := range objects {
		spec := o.Fields
		for _, key := range pods(o.Object.Kind) {
			spec, _ = spec[key].(map[string]any)
		}
		for _, key := range []string{"initContainers", "containers"} {
			containers, _ := spec[key].([]any)
			for _, c := range containers {
				fields, _ := c.(map[string]any)
				if image, ok := fields["image"].(string); ok && image != "" && !contains(list, image) {
					list = append(list, running{fmt.Sprint(fields["name"]), image})
				}
			}
		}
	}
	return list
}
