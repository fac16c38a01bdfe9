package kube

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/scheme"
)

// mistyped says of which fields of an object the values are of another type than its kind
// has there: mostly what a template writes without quotes, and YAML takes for a number or a
// boolean. The API server tells of one, without its place, and in other words for each way to send it.
// It is nil for kinds that a client does not know. Values are not told: they may be secret.
func mistyped(obj *unstructured.Unstructured) []string {
	typed, err := scheme.Scheme.New(obj.GroupVersionKind())
	if err != nil {
		return nil
	}
	var found typeFaults
	found.look("", reflect.TypeOf(typed), obj.Object)
	return found
}

// typeFaults are the values of other types that were found.
type typeFaults []string

// shape is what a value is, in the words of people.
type shape string

const (
	aText    shape = "a text"
	aNumber  shape = "a number"
	aBoolean shape = "a boolean"
	aList    shape = "a list"
	aMapping shape = "a mapping"
	anything shape = ""
)

// look compares a value with the type that belongs there.
func (f *typeFaults) look(path string, of reflect.Type, value any) {
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	wants, is := shapeOf(of), shapeOfValue(value)
	if wants == anything || is == anything {
		return
	}
	if wants != is {
		*f = append(*f, fmt.Sprintf("%s is %s, where %s belongs%s", path, is, wants, remedy(wants, value)))
		return
	}
	switch value := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			below := strings.TrimPrefix(path+"."+name, ".")
			if of.Kind() == reflect.Map {
				f.look(below, of.Elem(), value[name])
			} else if field, ok := fieldOf(of, name); ok {
				f.look(below, field, value[name])
			}
		}
	case []any:
		for i, item := range value {
			f.look(fmt.Sprintf("%s[%s]", path, itemName(i, item)), of.Elem(), item)
		}
	}
}

// remedy says what to type instead, where that is plain.
func remedy(wants shape, value any) string {
	text, isText := value.(string)
	_, err := strconv.ParseFloat(text, 64)
	switch {
	case wants == aText && shapeOfValue(value) != aList && shapeOfValue(value) != aMapping:
		return ": write it in quotes"
	case wants == aNumber && isText && err == nil, wants == aBoolean && (text == "true" || text == "false"):
		return ": leave out the quotes"
	default:
		return ""
	}
}

// shapeOf returns what belongs where a type is; anything for those that read themselves.
func shapeOf(of reflect.Type) shape {
	if reflect.PointerTo(of).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return anything
	}
	switch of.Kind() {
	case reflect.String:
		return aText
	case reflect.Bool:
		return aBoolean
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Float64:
		return aNumber
	case reflect.Slice:
		if of.Elem().Kind() == reflect.Uint8 {
			return aText
		}
		return aList
	case reflect.Map, reflect.Struct:
		return aMapping
	default:
		return anything
	}
}

// shapeOfValue returns what a value is; anything for null, which every field takes.
func shapeOfValue(value any) shape {
	switch value.(type) {
	case string:
		return aText
	case bool:
		return aBoolean
	case int64, float64:
		return aNumber
	case []any:
		return aList
	case map[string]any:
		return aMapping
	default:
		return anything
	}
}

// fieldOf returns the type of a field of a struct, by its name in JSON.
func fieldOf(of reflect.Type, name string) (reflect.Type, bool) {
	for field := range of.Fields() {
		tag, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if tag == name {
			return field.Type, true
		}
		if tag == "" && field.Anonymous {
			if found, ok := fieldOf(field.Type, name); ok {
				return found, true
			}
		}
	}
	return nil, false
}

// itemName names an item of a list: by its name, or else by its number.
func itemName(i int, item any) string {
	fields, _ := item.(map[string]any)
	if name, ok := fields["name"].(string); ok {
		return name
	}
	return strconv.Itoa(i)
}
