package compare

import (
	"maps"
	"slices"

	"gantry/charts/diag"
)

// Unsteady stands for what differs each time that a chart is rendered, such as a
// password that is made up or the time.
const Unsteady = "(differs at each rendering)"

// Steady returns the objects of one rendering of a chart, with [Unsteady] for
// what another rendering of the same chart and values has otherwise. Objects with
// made-up names stay as they are.
func Steady(once, again []Document) []Document {
	other := make(map[identity]Document, len(again))
	for _, d := range again {
		other[d.identity()] = d
	}
	out := slices.Clone(once)
	for i, d := range out {
		twin, ok := other[d.identity()]
		if !ok {
			continue
		}
		for _, f := range Fields(d.Fields, twin.Fields) {
			d.Fields = withField(d.Fields, f.Path, Unsteady).(map[string]any)
		}
		out[i] = d
	}
	return out
}

// withField returns a tree with another value at a path of [Fields], and leaves
// the tree that was given as it is.
func withField(tree any, path diag.Path, value any) any {
	if len(path) == 0 {
		return value
	}
	switch tree := tree.(type) {
	case map[string]any:
		out := maps.Clone(tree)
		out[path[0]] = withField(tree[path[0]], path[1:], value)
		return out
	case []any:
		out := slices.Clone(tree)
		for i, name := range elementNames(tree) {
			if name == path[0] {
				out[i] = withField(tree[i], path[1:], value)
			}
		}
		return out
	default:
		return value
	}
}
