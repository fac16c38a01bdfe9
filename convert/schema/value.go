package schema

import "fmt"

// Value returns a copy of a value as the schema library wants it: what YAML has
// and JSON has not becomes text.
func Value(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = Value(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = Value(e)
		}
		return out
	case nil, bool, string, int, int64, uint64, float64:
		return v
	default:
		return fmt.Sprint(v)
	}
}
