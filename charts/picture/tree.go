package picture

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// tree is an object as it was decoded from YAML or JSON. Whatever is not there,
// or is of another type than it should be, reads as empty: a picture shows what it
// can of objects that nobody has checked.
type tree map[string]any

// at returns the mapping below a path of keys.
func (t tree) at(path ...string) tree {
	for _, key := range path {
		next, _ := t[key].(map[string]any)
		t = next
	}
	return t
}

// text returns the scalar at a path as people write it.
func (t tree) text(path ...string) string {
	switch v := t.at(path[:len(path)-1]...)[path[len(path)-1]].(type) {
	case nil, map[string]any, []any:
		return ""
	case float64:
		return strings.TrimSuffix(fmt.Sprintf("%.0f", v), ".0")
	default:
		return fmt.Sprint(v)
	}
}

// list returns the mappings of the list at a path.
func (t tree) list(path ...string) []tree {
	items, _ := t.at(path[:len(path)-1]...)[path[len(path)-1]].([]any)
	var list []tree
	for _, item := range items {
		if m, ok := item.(map[string]any); ok {
			list = append(list, m)
		}
	}
	return list
}

// texts returns the scalars of the list at a path.
func (t tree) texts(path ...string) []string {
	items, _ := t.at(path[:len(path)-1]...)[path[len(path)-1]].([]any)
	var list []string
	for _, item := range items {
		if s, ok := item.(string); ok {
			list = append(list, s)
		}
	}
	return list
}

func (t tree) kind() string { return t.text("kind") }
func (t tree) name() string { return t.text("metadata", "name") }

func (t tree) ref() Object { return Object{t.kind(), t.name()} }

// selects reports whether labels carry all that a selector asks for. A selector
// that asks for nothing selects nothing here: it belongs to no workload in
// particular.
func (t tree) selects(labels tree) bool {
	for key := range t {
		if labels.text(key) != t.text(key) {
			return false
		}
	}
	return len(t) > 0
}

// keys returns the keys in order.
func (t tree) keys() []string { return slices.Sorted(maps.Keys(t)) }
