package kustomize

import (
	"strconv"
	"strings"

	"gantry/convert/manifest"
)

// operations returns the JSON patch that makes one value of another. Lists of the
// same length are compared item by item; others are replaced.
// https://datatracker.ietf.org/doc/html/rfc6902
func operations(was, is *manifest.Node, path string) []*manifest.Node {
	switch {
	case equal(was, is):
		return nil
	case was.Kind == manifest.Map && is.Kind == manifest.Map:
		return fieldOperations(was, is, path)
	case was.Kind == manifest.Sequence && is.Kind == manifest.Sequence && len(was.Items) == len(is.Items):
		var out []*manifest.Node
		for i := range is.Items {
			out = append(out, operations(was.Items[i], is.Items[i], path+"/"+strconv.Itoa(i))...)
		}
		return out
	default:
		return []*manifest.Node{operation("replace", path, is)}
	}
}

func fieldOperations(was, is *manifest.Node, path string) []*manifest.Node {
	var out []*manifest.Node
	for _, f := range is.Fields {
		at := path + "/" + pointer(f.Key)
		if before := was.Get(f.Key); before != nil {
			out = append(out, operations(before, f.Value, at)...)
			continue
		}
		out = append(out, operation("add", at, f.Value))
	}
	for _, f := range was.Fields {
		if is.Get(f.Key) == nil {
			out = append(out, operation("remove", path+"/"+pointer(f.Key), nil))
		}
	}
	return out
}

// pointer escapes a key.
func pointer(key string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}

func operation(op, path string, value *manifest.Node) *manifest.Node {
	n := mapping(
		manifest.Field{Key: "op", Value: manifest.Text(op)},
		manifest.Field{Key: "path", Value: manifest.Text(path)},
	)
	if value != nil {
		n.Set("value", value)
	}
	return n
}
