package kustomize

import (
	"regexp"
	"slices"

	"gantry/convert/manifest"
)

// patch is a patch of an overlay.
type patch struct {
	file    string
	content *manifest.Node
	// target names the object of a JSON patch; a strategic merge names it itself.
	target *manifest.Node
}

// directive is the key by which a strategic merge says more than values can.
const directive = "$patch"

// patchOf returns the patch that makes one object of another, or nil where they
// are equal.
func patchOf(was, is object) *patch {
	if equal(was.tree, is.tree) {
		return nil
	}
	p := &patch{file: is.file(patchExt)}
	if was.version == is.version && is.lists.mergeable(was.tree) && is.lists.mergeable(is.tree) {
		m := merger{}
		if content := m.fields(was.tree, is.tree, is.lists); !m.failed {
			p.content = is.identity(content.Fields...)
			return p
		}
	}
	p.content = &manifest.Node{Kind: manifest.Sequence, Items: operations(was.tree, is.tree, "")}
	p.target = is.target()
	return p
}

// identity returns the fields by which kustomize finds the object that a
// strategic merge is for, and more fields behind them.
func (o object) identity(more ...manifest.Field) *manifest.Node {
	meta := mapping(manifest.Field{Key: "name", Value: manifest.Text(o.name)})
	if o.namespace != "" {
		meta.Set("namespace", manifest.Text(o.namespace))
	}
	n := mapping(
		manifest.Field{Key: "apiVersion", Value: o.tree.Get("apiVersion")},
		manifest.Field{Key: "kind", Value: o.tree.Get("kind")},
		manifest.Field{Key: "metadata", Value: meta},
	)
	for _, f := range more {
		if f.Key == "metadata" {
			f.Value = mapping(append(n.Get("metadata").Fields, f.Value.Fields...)...)
		}
		n.Set(f.Key, f.Value)
	}
	return n
}

// target names the object beside a JSON patch. Its name is read as an expression.
func (o object) target() *manifest.Node {
	n := mapping()
	if o.group != "" {
		n.Set("group", manifest.Text(o.group))
	}
	n.Set("version", manifest.Text(o.version))
	n.Set("kind", manifest.Text(o.kind))
	if o.namespace != "" {
		n.Set("namespace", manifest.Text(regexp.QuoteMeta(o.namespace)))
	}
	n.Set("name", manifest.Text(regexp.QuoteMeta(o.name)))
	return n
}

// equal reports whether two trees hold the same: the order of fields means
// nothing.
func equal(a, b *manifest.Node) bool {
	if a.Kind != b.Kind || a.Value != b.Value || len(a.Fields) != len(b.Fields) || len(a.Items) != len(b.Items) {
		return false
	}
	for _, f := range a.Fields {
		if other := b.Get(f.Key); other == nil || !equal(f.Value, other) {
			return false
		}
	}
	return slices.EqualFunc(a.Items, b.Items, equal)
}
