package compare

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"gantry/charts/diag"
)

// Field is one place at which two trees of values differ.
type Field struct {
	// Path leads to the place. An element of a list is named by the key that
	// names it, such as the name of a container, or else by its index.
	Path   diag.Path `json:"path"`
	Change Kind      `json:"change"`
	// Before and After are what stands there; one of them is missing where the
	// field is added or removed.
	Before any `json:"before,omitempty"`
	After  any `json:"after,omitempty"`
}

// Fields returns where two trees differ, keys in the order of their names.
// Elements of lists are paired by the key that names them, as the API server
// merges most of them; that their order differs is a change of the list.
func Fields(before, after any) []Field {
	var list []Field
	fields(nil, before, after, &list)
	return list
}

func fields(path diag.Path, before, after any, list *[]Field) {
	if reflect.DeepEqual(before, after) {
		return
	}
	wasMap, isMap := before.(map[string]any)
	nowMap, stillMap := after.(map[string]any)
	if isMap && stillMap {
		members(path, wasMap, nowMap, list)
		return
	}
	was, isList := before.([]any)
	now, stillList := after.([]any)
	if isList && stillList && elements(path, was, now, list) {
		return
	}
	*list = append(*list, Field{Path: path, Change: Altered, Before: before, After: after})
}

// members compares two mappings key by key.
func members(path diag.Path, before, after map[string]any, list *[]Field) {
	for _, key := range keys(before, after) {
		at := append(slices.Clone(path), key)
		was, existed := before[key]
		now, exists := after[key]
		switch {
		case !existed:
			*list = append(*list, Field{Path: at, Change: Added, After: now})
		case !exists:
			*list = append(*list, Field{Path: at, Change: Removed, Before: was})
		default:
			fields(at, was, now, list)
		}
	}
}

// keys returns the keys of two mappings in the order of their names.
func keys(a, b map[string]any) []string {
	all := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(all)
	return slices.Compact(all)
}

// elements compares two lists element by element, where the elements can be told
// apart; otherwise it returns false, and the lists differ as a whole.
func elements(path diag.Path, before, after []any, list *[]Field) bool {
	key := nameKey(slices.Concat(before, after))
	was, wasOrder := named(before, key)
	now, nowOrder := named(after, key)
	if was == nil || now == nil {
		if len(before) != len(after) || !allMaps(before) || !allMaps(after) {
			return false
		}
		for i := range before {
			fields(append(slices.Clone(path), strconv.Itoa(i)), before[i], after[i], list)
		}
		return true
	}
	members(path, was, now, list)
	wasOrder = slices.DeleteFunc(wasOrder, func(name string) bool { return now[name] == nil })
	nowOrder = slices.DeleteFunc(nowOrder, func(name string) bool { return was[name] == nil })
	if !slices.Equal(wasOrder, nowOrder) {
		*list = append(*list, Field{Path: path, Change: Altered, Before: anys(wasOrder), After: anys(nowOrder)})
	}
	return true
}

// nameKey returns the key that names the elements of a list, or "".
func nameKey(elements []any) string {
	for _, key := range []string{"name", "mountPath", "containerPort", "port", "key", "host", "path", "topologyKey", "ip"} {
		if len(elements) > 0 && !slices.ContainsFunc(elements, func(e any) bool { return scalar(e, key) == "" }) {
			return key
		}
	}
	return ""
}

// scalar returns the text of a key of an element, or "" when it has none.
func scalar(element any, key string) string {
	m, _ := element.(map[string]any)
	switch value := m[key].(type) {
	case nil, map[string]any, []any:
		return ""
	default:
		return fmt.Sprint(value)
	}
}

// named returns the elements of a list by name, and the names in their order;
// nil when two have the same name, or none.
func named(elements []any, key string) (byName map[string]any, order []string) {
	if key == "" {
		return nil, nil
	}
	byName = make(map[string]any, len(elements))
	for _, e := range elements {
		name := scalar(e, key)
		if byName[name] != nil {
			return nil, nil
		}
		byName[name] = e
		order = append(order, name)
	}
	return byName, order
}

// elementNames are the names that [Fields] gives the elements of a list.
func elementNames(list []any) []string {
	if _, order := named(list, nameKey(list)); order != nil {
		return order
	}
	names := make([]string, len(list))
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	return names
}

func allMaps(elements []any) bool {
	return !slices.ContainsFunc(elements, func(e any) bool { _, ok := e.(map[string]any); return !ok })
}

func anys(names []string) []any {
	out := make([]any, len(names))
	for i, name := range names {
		out[i] = name
	}
	return out
}
