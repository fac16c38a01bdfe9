package kube

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// settled reports whether an apply would certainly change nothing: the fields that
// gantry owns of the live object are those that it wants, and have the values that it
// wants. Whoever changes a value takes the field away from us, so this needs no
// question to the API server. When in doubt it is false: what the server writes in
// another form, such as 1000m for 1, is asked about.
func settled(want, live *unstructured.Unstructured) bool {
	var owned map[string]any
	for _, entry := range live.GetManagedFields() {
		if entry.Manager != fieldManager || entry.Operation != metav1.ManagedFieldsOperationApply || entry.Subresource != "" {
			continue
		}
		if owned != nil || entry.FieldsV1 == nil || entry.APIVersion != want.GetAPIVersion() {
			return false
		}
		if json.Unmarshal(entry.FieldsV1.GetRawBytes(), &owned) != nil {
			return false
		}
	}
	if owned == nil || live.GetDeletionTimestamp() != nil {
		return false
	}
	return settledBelow(owned, withoutIdentity(want.Object), live.Object)
}

// withoutIdentity copies fields and leaves those out that say which object it is:
// nobody owns them.
func withoutIdentity(fields map[string]any) map[string]any {
	out := withoutNulls(fields)
	delete(out, "apiVersion")
	delete(out, "kind")
	if metadata, ok := out["metadata"].(map[string]any); ok {
		delete(metadata, "name")
		delete(metadata, "namespace")
		if len(metadata) == 0 {
			delete(out, "metadata")
		}
	}
	return out
}

// The marks of the names in managed fields: of the item itself, of a field, of an item
// with keys, and of an item that is its own key.
const (
	itself     = "."
	fieldMark  = "f:"
	keysMark   = "k:"
	memberMark = "v:"
)

// settledBelow compares what is owned at one place with what is wanted and what is
// there. What is owned as a whole has no names below it.
func settledBelow(owned any, want, live any) bool {
	names, ok := owned.(map[string]any)
	if !ok {
		return false
	}
	switch want := want.(type) {
	case map[string]any:
		if !whole(names) {
			live, ok := live.(map[string]any)
			return ok && settledFields(names, want, live)
		}
	case []any:
		if !whole(names) {
			live, ok := live.([]any)
			return ok && settledItems(names, want, live)
		}
	}
	return alike(want, live)
}

func whole(names map[string]any) bool {
	_, own := names[itself]
	return len(names) == 0 || own && len(names) == 1
}

// settledFields compares the fields of a map.
func settledFields(names, want, live map[string]any) bool {
	for name := range names {
		field, ok := strings.CutPrefix(name, fieldMark)
		if name == itself {
			continue
		}
		if _, wanted := want[field]; !ok || !wanted {
			return false
		}
	}
	for field, value := range want {
		owned, ok := names[fieldMark+field]
		if !ok && empty(value) && empty(live[field]) {
			continue
		}
		if !ok || !settledBelow(owned, value, live[field]) {
			return false
		}
	}
	return true
}

// settledItems compares the items of a list whose items have keys, or are keys. They
// must be there in the order that is wanted.
func settledItems(names map[string]any, want, live []any) bool {
	next := 0 // in live: what came before is behind what is wanted
	seen := 0
	for _, item := range want {
		found := false
		for ; next < len(live) && !found; next++ {
			owned, ours := ownedItem(names, live[next])
			if ours && settledBelow(owned, item, live[next]) {
				found = true
				seen++
			}
		}
		if !found {
			return false
		}
	}
	owned := len(names)
	if _, self := names[itself]; self {
		owned--
	}
	return seen == owned
}

// ownedItem returns what is owned of an item of a list.
func ownedItem(names map[string]any, item any) (owned any, ours bool) {
	for name, below := range names {
		if text, ok := strings.CutPrefix(name, memberMark); ok {
			var member any
			if json.Unmarshal([]byte(text), &member) == nil && alike(member, item) {
				return below, true
			}
		}
		if text, ok := strings.CutPrefix(name, keysMark); ok && hasKeys(text, item) {
			return below, true
		}
	}
	return nil, false
}

// hasKeys reports whether an item has the values of keys, which are JSON.
func hasKeys(text string, item any) bool {
	fields, ok := item.(map[string]any)
	var keys map[string]any
	if !ok || json.Unmarshal([]byte(text), &keys) != nil {
		return false
	}
	for name, value := range keys {
		if !alike(value, fields[name]) {
			return false
		}
	}
	return true
}

// alike compares values; numbers by what they are, whether they were read as whole or
// not.
func alike(a, b any) bool {
	if empty(a) && empty(b) {
		return true
	}
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, alike)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, alike)
	}
	if x, y, ok := numbers(a, b); ok {
		return x == y
	}
	return reflect.DeepEqual(a, b)
}

func numbers(a, b any) (x, y float64, ok bool) {
	x, first := number(a)
	y, second := number(b)
	return x, y, first && second
}

func number(value any) (float64, bool) {
	switch value := value.(type) {
	case int64:
		return float64(value), true
	case float64:
		return value, true
	default:
		return 0, false
	}
}

// empty reports whether a value is a map or a list without anything in it, or none
// at all: the server drops such fields of many kinds.
func empty(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case map[string]any:
		return len(value) == 0
	case []any:
		return len(value) == 0
	default:
		return false
	}
}
