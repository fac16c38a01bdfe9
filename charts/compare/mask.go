package compare

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
)

// mask returns both sides of a Secret without its values, of which it says only
// whether they differ. Other objects are returned as they are.
func mask(a, b Document) (Document, Document) {
	if a.Object.Kind != "Secret" && b.Object.Kind != "Secret" {
		return a, b
	}
	before, after := secretValues(a), secretValues(b)
	hide := func(d Document, own, other map[string]string, differing string) Document {
		if len(d.Fields) == 0 {
			return d
		}
		hidden := make(map[string]any, len(own))
		for _, key := range slices.Sorted(maps.Keys(own)) {
			hidden[key] = "(hidden)"
			if value, known := other[key]; known && value != own[key] {
				hidden[key] = differing
			}
		}
		d.Fields = maps.Clone(d.Fields)
		delete(d.Fields, "stringData")
		d.Fields["data"] = hidden
		return d
	}
	return hide(a, before, after, "(hidden, before)"), hide(b, after, before, "(hidden, after)")
}

// secretValues returns the values of a Secret in the clear, wherever they stand.
func secretValues(d Document) map[string]string {
	values := map[string]string{}
	data, _ := d.Fields["data"].(map[string]any)
	for key, value := range data {
		encoded := fmt.Sprint(value)
		plain, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			plain = []byte(encoded)
		}
		values[key] = string(plain)
	}
	plain, _ := d.Fields["stringData"].(map[string]any)
	for key, value := range plain {
		values[key] = fmt.Sprint(value)
	}
	return values
}
