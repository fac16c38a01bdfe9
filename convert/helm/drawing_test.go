package helm_test

import (
	"maps"
	"math/rand/v2"
	"path"
	"regexp"
	"slices"
	"strings"
)

// drawing draws values that a schema allows.
type drawing struct {
	rand        *rand.Rand
	definitions map[string]any
}

func (d drawing) draw(key string, schema map[string]any) any {
	if ref, ok := schema["$ref"].(string); ok {
		return d.drawDefinition(key, path.Base(ref))
	}
	if enum, ok := schema["enum"].([]any); ok {
		return enum[d.rand.IntN(len(enum))]
	}
	kind := schema["type"]
	if kinds, ok := kind.([]any); ok {
		kind = kinds[d.rand.IntN(len(kinds))]
	}
	switch kind {
	case "object":
		return d.drawObject(key, schema)
	case "array":
		return d.drawArray(key, schema)
	case "string":
		words := []string{"", "a", "true", "1e3", "x-y", "1Gi"}
		if pattern, ok := schema["pattern"].(string); ok {
			words = slices.DeleteFunc(words, func(w string) bool { return !regexp.MustCompile(pattern).MatchString(w) })
		}
		if len(words) == 0 {
			return 1 + d.rand.IntN(100) // a number that may refer to a variable
		}
		return words[d.rand.IntN(len(words))]
	case "boolean":
		return d.rand.IntN(2) == 0
	case "integer", "number":
		least, ok := schema["minimum"].(float64)
		if !ok {
			least = 1
		}
		return int(least) + d.rand.IntN(100)
	default:
		return nil
	}
}

// drawArray draws items where the schema says what they are.
func (d drawing) drawArray(key string, schema map[string]any) any {
	items := []any{}
	if item, ok := schema["items"].(map[string]any); ok && item["type"] == "string" {
		for range d.rand.IntN(3) {
			items = append(items, d.draw(key, item))
		}
	}
	return items
}

// drawAt draws a value for a path.
func (d drawing) drawAt(path []string, schema map[string]any) any {
	for i, key := range path {
		if ref, ok := schema["$ref"].(string); ok {
			schema = d.definitions[ref[strings.LastIndex(ref, "/")+1:]].(map[string]any)
		}
		properties, _ := schema["properties"].(map[string]any)
		below, ok := properties[key].(map[string]any)
		if !ok {
			below, _ = schema["additionalProperties"].(map[string]any)
		}
		schema = below
		if i == len(path)-1 {
			return d.draw(key, schema)
		}
	}
	return nil
}

// remove takes one of the values away, as null does in helm.
func (d drawing) remove(values map[string]any) bool {
	leaves := leavesOf(values, nil)
	if len(leaves) == 0 {
		return false
	}
	leaf := leaves[d.rand.IntN(len(leaves))]
	leaf = leaf[:1+d.rand.IntN(len(leaf))]
	merge(values, nestedAt(leaf, nil))
	return true
}

func (d drawing) drawObject(key string, schema map[string]any) any {
	object := map[string]any{}
	properties, _ := schema["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if d.rand.IntN(3) > 0 {
			object[name] = d.draw(name, properties[name].(map[string]any))
		}
	}
	if more, ok := schema["additionalProperties"].(map[string]any); ok {
		object["example.org/"+key+"x"] = d.draw(key, more)
	}
	return object
}

// drawDefinition gives the shapes of Kubernetes something that Kubernetes takes.
func (d drawing) drawDefinition(key, name string) any {
	examples := map[string][]any{
		"amount":    {1, "50%"},
		"quantity":  {"1", 2, "100m", "1.5Gi"},
		"resources": {map[string]any{}, map[string]any{"limits": map[string]any{"cpu": "1", "memory": "64Mi"}}},
		"probe":     {map[string]any{}, map[string]any{"tcpSocket": map[string]any{"port": 80}, "periodSeconds": 5}},
		"env":       {[]any{}, []any{map[string]any{"name": "A", "value": "1"}}},
		"port":      {80, 8080},
		"hosts":     {[]any{map[string]any{"host": "a.example.org", "paths": []any{map[string]any{"path": "/"}}}}},
		"tls":       {[]any{}, []any{map[string]any{"secretName": "a", "hosts": []any{"a.example.org"}}}},
		"mounts":    {[]any{}, []any{map[string]any{"name": "more", "mountPath": "/more"}}},
		"named":     {[]any{}, []any{map[string]any{"name": "more"}}},
		"objects":   {[]any{}},
	}[name]
	if examples == nil {
		return d.draw(key, d.definitions[name].(map[string]any))
	}
	return examples[d.rand.IntN(len(examples))]
}
