package merge

import (
	"cmp"
	"maps"
	"slices"

	"gantry/charts"
)

// Edits returns what a person changed in a chart since it was generated, and what
// was generated, as far as it is known.
func Edits(base *Record, yours []charts.File, foreign []string) ([]Change, []charts.File) {
	known, lost := base.resolve(byName(yours), nil)
	var files []charts.File
	for _, name := range slices.Sorted(maps.Keys(known)) {
		files = append(files, charts.File{Name: name, Data: known[name]})
	}
	kept := slices.DeleteFunc(slices.Clone(yours), func(f charts.File) bool { _, gone := lost[f.Name]; return gone })
	changes := Merge(Input{Base: &Record{Files: files}, Yours: kept, Generated: files, Foreign: foreign}).Changes
	for _, name := range slices.Sorted(maps.Keys(lost)) {
		c := Change{File: name, From: Yours, What: Removed}
		if slices.ContainsFunc(yours, func(f charts.File) bool { return f.Name == name }) {
			c.What, c.Note = Altered, "what was generated is not known: an older gantry made the chart"
		}
		changes = append(changes, c)
	}
	slices.SortStableFunc(changes, func(a, b Change) int { return cmp.Compare(a.File, b.File) })
	return changes, files
}
