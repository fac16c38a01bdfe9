package kustomize

import (
	"slices"

	"gantry/convert/manifest"
)

// merger draws strategic merge patches: of a mapping the fields that differ, of a
// list that is merged the items that differ, by their keys.
type merger struct {
	// failed tells that a merge cannot say it.
	failed bool
}

// fields returns the fields that make one mapping of another: null takes one
// away.
func (m *merger) fields(was, is *manifest.Node, types lists) *manifest.Node {
	out := mapping()
	for _, f := range is.Fields {
		before := was.Get(f.Key)
		switch {
		case before == nil:
			out.Set(f.Key, f.Value)
		case equal(before, f.Value):
		case isScalar(before) && isScalar(f.Value):
			out.Set(f.Key, f.Value)
		case before.Kind != f.Value.Kind:
			m.failed = true
		case f.Value.Kind == manifest.Map:
			out.Set(f.Key, m.fields(before, f.Value, types.field(f.Key)))
		default:
			out.Set(f.Key, m.list(before, f.Value, types.list(f.Key)))
		}
	}
	for _, f := range was.Fields {
		if is.Get(f.Key) == nil {
			out.Set(f.Key, &manifest.Node{Kind: manifest.Literal, Value: "null"})
		}
	}
	return out
}

func isScalar(n *manifest.Node) bool { return n.Kind == manifest.String || n.Kind == manifest.Literal }

// list returns what makes one list of another.
func (m *merger) list(was, is *manifest.Node, t list) *manifest.Node {
	switch t.way {
	case byKey:
		return m.items(was, is, t)
	case wholly:
		replace := mapping(manifest.Field{Key: directive, Value: manifest.Text("replace")})
		return &manifest.Node{Kind: manifest.Sequence, Items: append([]*manifest.Node{replace}, is.Items...)}
	case unknown:
		m.failed = true
	case atomic:
	}
	return is
}

// items returns the items that differ. Kustomize puts the items of a patch before
// those that it does not name; where the order counts, the patch names every item
// up to the last that is new or not in its place.
func (m *merger) items(was, is *manifest.Node, t list) *manifest.Node {
	named := 0
	if t.ordered {
		named = prefix(was, is, t.key)
	}
	out := &manifest.Node{Kind: manifest.Sequence}
	older, newer := t.index(was), t.index(is)
	for i, item := range is.Items {
		key := manifest.Field{Key: t.key, Value: item.Get(t.key)}
		before := older[key.Value.Value]
		switch {
		case before == nil:
			out.Items = append(out.Items, item)
		case !equal(before, item):
			out.Items = append(out.Items, mapping(append([]manifest.Field{key}, m.fields(before, item, t.items).Fields...)...))
		case i < named:
			out.Items = append(out.Items, mapping(key))
		}
	}
	for _, item := range was.Items {
		key := manifest.Field{Key: t.key, Value: item.Get(t.key)}
		if newer[key.Value.Value] == nil {
			out.Items = append(out.Items, mapping(key, manifest.Field{Key: directive, Value: manifest.Text("delete")}))
		}
	}
	return out
}

// prefix returns how many items at the head of a list a patch must name: behind
// them come only items that the other list has, unchanged and in this order.
func prefix(was, is *manifest.Node, key string) int {
	named := len(is.Items)
	for last := len(was.Items); named > 0; named-- {
		item := is.Items[named-1]
		at := slices.IndexFunc(was.Items[:last], func(n *manifest.Node) bool { return equal(n.Get(key), item.Get(key)) })
		if at < 0 || !equal(was.Items[at], item) {
			break
		}
		last = at
	}
	return named
}

// index finds the items of a list by their keys, which are distinct: lists with
// others are not merged.
func (t list) index(n *manifest.Node) map[string]*manifest.Node {
	items := make(map[string]*manifest.Node, len(n.Items))
	for _, item := range n.Items {
		items[item.Get(t.key).Value] = item
	}
	return items
}
