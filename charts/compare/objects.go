package compare

import (
	"maps"
	"reflect"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"sigs.k8s.io/yaml"
)

// Kind says what happened to a thing between two sides.
type Kind string

// The kinds of changes.
const (
	Added   Kind = "added"
	Removed Kind = "removed"
	Altered Kind = "changed"
)

// Change is one object that differs.
type Change struct {
	Object
	Change Kind `json:"change"`
	// Hook holds for objects that are applied at a point of the release's life.
	Hook bool `json:"hook,omitempty"`
	// LabelsOnly holds when nothing differs but the labels that name the version
	// of the chart and of the application, which every upgrade changes in every
	// object.
	LabelsOnly bool `json:"labelsOnly,omitempty"`
	// Fields are what differs, field by field. Of an object that was added or
	// removed they are all there is to know, from its root.
	Fields []Field `json:"fields,omitempty"`
	// Diff has the lines that differ, as unified diffs have them, without the
	// header.
	Diff string `json:"diff"`
}

// Objects pairs objects by their names and tells how they differ: those of the
// new side in its order, then what is removed. Values of Secrets are hidden.
func Objects(before, after []Document) []Change {
	old := make(map[identity]Document, len(before))
	for _, d := range before {
		old[d.identity()] = d
	}
	var changes []Change
	for _, d := range after {
		was, existed := old[d.identity()]
		delete(old, d.identity())
		kind := Added
		if existed {
			kind = Altered
			if reflect.DeepEqual(was.Fields, d.Fields) {
				continue // as most are: writing both down takes much longer
			}
		}
		if change := difference(kind, was, d); change.Diff != "" {
			changes = append(changes, change)
		}
	}
	for _, d := range before {
		if _, gone := old[d.identity()]; gone {
			changes = append(changes, difference(Removed, d, Document{}))
		}
	}
	return changes
}

func difference(kind Kind, before, after Document) Change {
	subject := after
	if kind == Removed {
		subject = before
	}
	before, after = mask(before, after)
	change := Change{Object: subject.Object, Change: kind, Hook: subject.Hook, Diff: unified(before, after)}
	if kind == Altered {
		change.LabelsOnly = reflect.DeepEqual(withoutVersions(before.Fields), withoutVersions(after.Fields))
		change.Fields = Fields(before.Fields, after.Fields)
	}
	return change
}

// withoutVersions copies an object and takes the labels that name versions off.
func withoutVersions(fields map[string]any) map[string]any {
	fields = maps.Clone(fields)
	metadata, _ := fields["metadata"].(map[string]any)
	metadata = maps.Clone(metadata)
	labels, _ := metadata["labels"].(map[string]any)
	labels = maps.Clone(labels)
	for _, label := range versionLabels() {
		delete(labels, label)
	}
	if metadata != nil {
		metadata["labels"] = labels
		fields["metadata"] = metadata
	}
	return fields
}

// versionLabels are the labels that name the version of a chart or of its
// application.
func versionLabels() []string { return []string{"helm.sh/chart", "app.kubernetes.io/version", "chart"} }

// unified compares two objects as YAML with sorted keys, so that neither order
// nor comments count.
func unified(a, b Document) string {
	lines := diff.Diff("a", yamlOf(a), "b", yamlOf(b))
	// The first three lines name the files.
	parts := strings.SplitN(string(lines), "\n", 4)
	if len(parts) < 4 {
		return ""
	}
	return parts[3]
}

func yamlOf(d Document) []byte {
	if len(d.Fields) == 0 {
		return nil
	}
	data, err := yaml.Marshal(d.Fields)
	if err != nil {
		return []byte(err.Error())
	}
	return data
}
