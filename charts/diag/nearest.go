package diag

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxNearest is how many names a suggestion offers.
const maxNearest = 3

// minPart is from how many letters on a name within another tells that the
// other may be meant.
const minPart = 3

// Nearest returns up to three of the names that differ least from the wanted
// one, best first, and only such as could be a slip of the hand.
func Nearest(want string, names []string) []string {
	type scored struct {
		name string
		far  int
	}
	limit := max(2, len(want)/3)
	var near []scored
	for _, name := range names {
		far := distance(want, name)
		if min(len(want), len(name)) >= minPart && (strings.Contains(name, want) || strings.Contains(want, name)) {
			far = min(far, limit)
		}
		if far <= limit && far < max(len(want), len(name)) {
			near = append(near, scored{name, far})
		}
	}
	slices.SortFunc(near, func(a, b scored) int {
		return cmp.Or(cmp.Compare(a.far, b.far), cmp.Compare(a.name, b.name))
	})
	var result []string
	for _, s := range near[:min(maxNearest, len(near))] {
		result = append(result, s.name)
	}
	return result
}

// DidYouMean returns a hint with the candidate that is nearest to a word, or "".
func DidYouMean(word string, candidates []string) string {
	near := Nearest(word, candidates)
	if len(near) == 0 {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", near[0])
}

// distance is how many letters must be added, removed, changed or swapped with
// their neighbour to make one word of the other (optimal string alignment).
func distance(a, b string) int {
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, above, row = above, row, before
		row[0] = i + 1
		for j := range len(b) {
			change := above[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, row[j]+1, above[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
