package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chartutil"

	"gantry/charts/archive"
	"gantry/charts/compare"
	"gantry/charts/engine"
)

// triesOfChange is how many values are changed in search of one that matters.
const triesOfChange = 60

// changes are values that make something else of a chart.
type changes struct {
	// random are the objects in which something differs at each rendering.
	random []compare.Document
	// edit changes objects, and toggle adds or removes some; nil where there is no
	// such value.
	edit, toggle map[string]any
}

// leaf is a value that is no map.
type leaf struct {
	path  []string
	value any
}

// findChanges renders a chart with one value changed after the other.
func findChanges(ctx context.Context, folder string, values map[string]any, o engine.Options) (changes, error) {
	first, err := draw(ctx, folder, values, o)
	if err != nil {
		return changes{}, err
	}
	again, err := draw(ctx, folder, values, o)
	if err != nil {
		return changes{}, err
	}
	found := changes{random: first.random(again)}
	c, err := archive.Load(folder)
	if err != nil {
		return changes{}, err
	}
	leaves := leavesOf(nil, chartutil.CoalesceTables(deepCopy(values), c.Values))
	slices.SortStableFunc(leaves, func(a, b leaf) int { return a.rank() - b.rank() })
	for i, l := range leaves {
		other := l.other()
		if i == triesOfChange || (found.edit != nil && found.toggle != nil) {
			break
		}
		if other == nil {
			continue
		}
		next, err := draw(ctx, folder, chartutil.MergeTables(deepCopy(other), values), o)
		if ctx.Err() != nil {
			return changes{}, ctx.Err()
		}
		if err != nil {
			continue
		}
		edits, toggles := first.differs(again, next)
		if toggles && found.toggle == nil {
			found.toggle = other
		}
		if edits && !toggles && found.edit == nil {
			found.edit = other
		}
	}
	return found, nil
}

// drawn is what a chart renders to, by the kinds and names of objects.
type drawn map[string]string

func draw(ctx context.Context, folder string, values map[string]any, o engine.Options) (drawn, error) {
	c, err := archive.Load(folder) // rendering takes it over
	if err != nil {
		return nil, err
	}
	rendered, err := engine.Render(ctx, c, values, o)
	if err != nil {
		return nil, err
	}
	all := drawn{}
	for _, m := range rendered.Manifests {
		all[m.Kind+" "+m.Name] = m.Content
	}
	for _, h := range rendered.Hooks {
		all[h.Kind+" "+h.Name] = h.Content
	}
	return all, nil
}

// random returns the objects that are others when they are rendered again.
func (d drawn) random(again drawn) []compare.Document {
	var list []compare.Document
	for name, text := range d {
		if again[name] == text {
			continue
		}
		once, ok := compare.ParseDocument(text)
		twice, fine := compare.ParseDocument(again[name])
		if ok && fine {
			list = append(list, compare.Steady([]compare.Document{once}, []compare.Document{twice})...)
		}
	}
	return list
}

// differs reports whether objects are others, and not at random, and whether some were
// added or removed.
func (d drawn) differs(again, next drawn) (edits, toggles bool) {
	for name, text := range d {
		other, there := next[name]
		toggles = toggles || !there
		edits = edits || (other != text && again[name] == text)
	}
	return edits, toggles || len(next) > len(d)
}

func leavesOf(path []string, values map[string]any) []leaf {
	var list []leaf
	for _, name := range slices.Sorted(maps.Keys(values)) {
		at := append(slices.Clone(path), name)
		if table, ok := values[name].(map[string]any); ok {
			list = append(list, leavesOf(at, table)...)
			continue
		}
		list = append(list, leaf{at, values[name]})
	}
	return list
}

// rank puts what most charts have, and every API server takes, first.
func (l leaf) rank() int {
	name := strings.ToLower(l.path[len(l.path)-1])
	_, isBool := l.value.(bool)
	_, isText := l.value.(string)
	switch {
	case strings.HasPrefix(name, "replica") && !isBool && !isText:
		return 0
	case name == "tag":
		return 1
	case isBool:
		return 2 + len(l.path) // what is near the root turns whole objects on and off
	case !isText:
		return 10
	default:
		return 20
	}
}

// other returns values that say something else than the leaf does, or nil.
func (l leaf) other() map[string]any {
	var value any
	switch v := l.value.(type) {
	case bool:
		value = !v
	case float64:
		value = v + 1
	case int64:
		value = v + 1
	case int:
		value = v + 1
	case string:
		value = v + "x"
	default:
		return nil
	}
	for _, name := range slices.Backward(l.path) {
		value = map[string]any{name: value}
	}
	return value.(map[string]any)
}

// deepCopy copies what [leaf.other] returns, which merging would change.
func deepCopy(values map[string]any) map[string]any {
	out := maps.Clone(values)
	for name, value := range out {
		if table, ok := value.(map[string]any); ok {
			out[name] = deepCopy(table)
		}
	}
	return out
}

// readValues reads a file of values; "" has none.
func readValues(name string, read func(string) ([]byte, error)) (map[string]any, error) {
	if name == "" {
		return map[string]any{}, nil
	}
	merged, list := engine.Values{Files: []string{name}, Read: read}.Merge()
	if len(list) > 0 {
		return nil, errors.New(list[0].String())
	}
	return merged.Map, nil
}
