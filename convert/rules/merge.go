package rules

import (
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// merger adds the settings of one pod to those of another. Lists and mappings are
// united; where one of them says nothing, the other counts; and where both say
// something else, differ is told the field.
//
// It walks the types of the Kubernetes API instead of naming their fields, so that
// no setting is lost that another rule has learnt to make.
type merger struct {
	differ func(field string)
}

// merge adds what a value says to another of the same type. Both are pointers.
func (m merger) merge(into, from any, field string) {
	m.value(reflect.ValueOf(into).Elem(), reflect.ValueOf(from).Elem(), field)
}

func (m merger) value(into, from reflect.Value, field string) {
	switch {
	case from.IsZero():
	case into.IsZero():
		into.Set(from)
	case reflect.DeepEqual(into.Interface(), from.Interface()):
	case into.Kind() == reflect.Pointer && isFields(into.Type().Elem()):
		m.fields(into.Elem(), from.Elem(), field)
	case isFields(into.Type()):
		m.fields(into, from, field)
	case into.Kind() == reflect.Map:
		m.entries(into, from, field)
	case into.Kind() == reflect.Slice:
		m.items(into, from, field)
	default:
		m.differ(field)
	}
}

// isFields reports whether a type has fields of its own, and is not one value
// like a quantity.
func isFields(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !strings.HasPrefix(t.PkgPath(), "k8s.io/apimachinery/")
}

func (m merger) fields(into, from reflect.Value, field string) {
	for i := range into.NumField() {
		name, _, _ := strings.Cut(into.Type().Field(i).Tag.Get("json"), ",")
		m.value(into.Field(i), from.Field(i), strings.Trim(field+"."+name, "."))
	}
}

func (m merger) entries(into, from reflect.Value, field string) {
	for _, key := range slices.SortedFunc(slices.Values(from.MapKeys()), func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) }) {
		before := into.MapIndex(key)
		switch {
		case !before.IsValid():
			into.SetMapIndex(key, from.MapIndex(key))
		case !reflect.DeepEqual(before.Interface(), from.MapIndex(key).Interface()):
			m.differ(field)
		}
	}
}

// items adds the items of a list that the other does not have. Two items with one
// name are one item.
func (m merger) items(into, from reflect.Value, field string) {
	if terms, ok := reflect.TypeAssert[[]corev1.NodeSelectorTerm](into); ok {
		// A node must meet one of the terms: those of both, only if each has one.
		if len(terms) > 1 || from.Len() > 1 {
			m.differ(field)
			return
		}
		m.value(into.Index(0), from.Index(0), field)
		return
	}
	for i := range from.Len() {
		item := from.Index(i)
		at := slices.IndexFunc(indices(into), func(n int) bool { return sameItem(into.Index(n), item) })
		if at < 0 {
			into.Set(reflect.Append(into, item))
			continue
		}
		m.value(into.Index(at), item, field)
	}
}

func indices(list reflect.Value) []int {
	all := make([]int, list.Len())
	for i := range all {
		all[i] = i
	}
	return all
}

// sameItem reports whether two items of a list are about one thing: they are
// equal, or have the same name or address.
func sameItem(a, b reflect.Value) bool {
	if a.Kind() == reflect.Struct {
		for _, key := range []string{"Name", "IP"} {
			if name := a.FieldByName(key); name.IsValid() && name.Kind() == reflect.String && name.String() != "" {
				return name.String() == b.FieldByName(key).String()
			}
		}
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}
