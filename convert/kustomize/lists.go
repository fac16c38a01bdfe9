package kustomize

import (
	"slices"

	"k8s.io/apimachinery/pkg/util/strategicpatch"

	"gantry/convert/manifest"
)

// lists knows how the lists of a type are merged. The zero value knows nothing,
// which is true of custom objects: their lists are replaced.
type lists struct {
	meta strategicpatch.LookupPatchMeta
}

// listsOf reads the tags of a type of k8s.io/api.
func listsOf(resource any) lists {
	meta, err := strategicpatch.NewPatchMetaFromStruct(resource)
	if err != nil {
		return lists{}
	}
	return lists{meta}
}

// field returns the type of a field.
func (l lists) field(name string) lists {
	if l.meta == nil {
		return lists{}
	}
	meta, _, err := l.meta.LookupPatchMetadataForStruct(name)
	if err != nil { // a mapping, such as labels
		return lists{}
	}
	return lists{meta}
}

// way is how a list is patched.
type way int

const (
	// atomic lists are replaced by the list of the patch.
	atomic way = iota
	// byKey merges the items that have the same key.
	byKey
	// wholly replaces a list that would be merged otherwise.
	wholly
	// unknown lists are merged by Kubernetes, and maybe not by kustomize.
	unknown
)

// list is how a list is merged.
type list struct {
	way way
	key string
	// ordered tells that the order of the items counts.
	ordered bool
	items   lists
}

// list returns how the list of a field is merged. Kustomize goes by the schema of
// an older Kubernetes: what has been in it for long is known to be merged, by the
// key of the type's tags. Where that is not the whole key (a port has a protocol,
// too), lists are short, and replaced.
func (l lists) list(name string) list {
	if l.meta == nil {
		return list{}
	}
	items, how, err := l.meta.LookupPatchMetadataForSlice(name)
	if err != nil || !slices.Contains(how.GetPatchStrategies(), "merge") {
		return list{}
	}
	t := list{way: unknown, key: how.GetPatchMergeKey(), items: lists{items}}
	switch name {
	case "containers", "initContainers":
		t.way, t.ordered = byKey, true
	case "env", "volumes", "volumeMounts":
		t.way = byKey
	case "ports", "hostAliases", "imagePullSecrets", "topologySpreadConstraints":
		t.way = wholly
	}
	return t
}

// mergeable reports whether kustomize leaves a tree alone that it merges nothing
// into. It takes two items of a list for one where they differ only in a part of
// the key that one of them leaves out, such as port 53 for TCP and for UDP.
func (l lists) mergeable(n *manifest.Node) bool {
	for _, f := range n.Fields {
		if f.Value.Kind == manifest.Map && !l.field(f.Key).mergeable(f.Value) {
			return false
		}
		if f.Value.Kind == manifest.Sequence && !l.list(f.Key).mergeable(f.Value) {
			return false
		}
	}
	return true
}

func (t list) mergeable(n *manifest.Node) bool {
	if t.way == atomic {
		return true
	}
	keys := map[string]bool{}
	for _, item := range n.Items {
		key := item.Get(t.key)
		if key == nil || keys[key.Value] {
			return false
		}
		keys[key.Value] = true
		if !t.items.mergeable(item) {
			return false
		}
	}
	return true
}
