package compare

import (
	"maps"
	"reflect"
	"slices"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"

	"gantry/charts/diag"
)

// dependency is a chart within another, by the key of its values.
type dependency struct {
	key   string
	chart *chart.Chart
}

// dependencies returns the charts that a chart holds, each as often as it is
// declared. What an alias stands for has the values of the alias.
func dependencies(c *chart.Chart) []dependency {
	var list []dependency
	declared := map[string]bool{}
	for _, want := range c.Metadata.Dependencies {
		declared[want.Name] = true
		for _, sub := range c.Dependencies() {
			if sub.Name() != want.Name || !chartutil.IsCompatibleRange(want.Version, sub.Metadata.Version) {
				continue
			}
			key := want.Name
			if want.Alias != "" {
				key = want.Alias
			}
			list = append(list, dependency{key, sub})
			break
		}
	}
	for _, sub := range c.Dependencies() {
		if !declared[sub.Name()] {
			list = append(list, dependency{sub.Name(), sub})
		}
	}
	return list
}

// defaults returns the values that a chart has when nobody gives any: its own
// laid over those of the charts within it.
func defaults(c *chart.Chart) map[string]any {
	all := map[string]any{}
	for _, d := range dependencies(c) {
		all[d.key] = defaults(d.chart)
	}
	return overlay(all, c.Values)
}

func overlay(base, over map[string]any) map[string]any {
	out := maps.Clone(base)
	for key, value := range over {
		below, isMap := value.(map[string]any)
		under, wasMap := out[key].(map[string]any)
		if isMap && wasMap {
			value = overlay(under, below)
		}
		out[key] = value
	}
	return out
}

// values compares defaults. A list is one value, as helm has it: who gives one
// gives all of it. What comes and goes is told leaf by leaf, because people set
// leaves.
func values(before, after map[string]any) []Field {
	var list []Field
	compareValues(nil, before, after, &list)
	return list
}

func compareValues(path diag.Path, before, after map[string]any, list *[]Field) {
	for _, key := range keys(before, after) {
		at := append(slices.Clone(path), key)
		was, existed := before[key]
		now, exists := after[key]
		wasMap, isMap := was.(map[string]any)
		nowMap, stillMap := now.(map[string]any)
		switch {
		case isMap && stillMap:
			compareValues(at, wasMap, nowMap, list)
		case !existed && stillMap && len(nowMap) > 0:
			compareValues(at, nil, nowMap, list)
		case !exists && isMap && len(wasMap) > 0:
			compareValues(at, wasMap, nil, list)
		case !existed:
			*list = append(*list, Field{Path: at, Change: Added, After: now})
		case !exists:
			*list = append(*list, Field{Path: at, Change: Removed, Before: was})
		default:
			if !reflect.DeepEqual(was, now) {
				*list = append(*list, Field{Path: at, Change: Altered, Before: was, After: now})
			}
		}
	}
}
