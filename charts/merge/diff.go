package merge

import (
	"strings"

	"github.com/aymanbagabas/go-udiff"
)

// context is how many lines around a change a diff shows.
const context = 3

// Diff returns what differs between two texts, as the hunks of a unified diff
// without its header; "" if nothing does.
func Diff(before, after string) string {
	old, fresh := splitLines(before), splitLines(after)
	offsets := make([]int, len(old)+1)
	for i, line := range old {
		offsets[i+1] = offsets[i] + len(line)
	}
	var edits []udiff.Edit
	for _, d := range difference(old, fresh) {
		edits = append(edits, udiff.Edit{Start: offsets[d.Start], End: offsets[d.End], New: strings.Join(fresh[d.ReplStart:d.ReplEnd], "")})
	}
	text, err := udiff.ToUnified("", "", before, edits, context)
	if err != nil {
		return "" // the edits are in order and within the text
	}
	_, hunks, _ := strings.Cut(text, "\n+++ \n")
	return hunks
}
