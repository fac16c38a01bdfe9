package schema

import "fmt"

// Value returns a value as the schema library wants it: what YAML has and JSON
// has not becomes text.
func Value(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = Value(e)
		}
		return v
	case []any:
		for i, e := range v {
			v[i] = Value(e)
		}
		return v
	case nil, bool, string, int, int64, uint64, float64:
		return v
	default:
		return fmt.Sprint(v)
	}
}
