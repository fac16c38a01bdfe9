package merge

import (
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff/lcs"
)

// chunk is a part of three texts that belongs together, as lines.
type chunk struct {
	base, yours, generated []string
	// conflict holds where both sides changed the same lines, and differently.
	conflict bool
}

// merged returns the lines on which the sides agree, or those of the side that
// changed them.
func (c chunk) merged() []string {
	if slices.Equal(c.yours, c.base) {
		return c.generated
	}
	return c.yours
}

// splitLines cuts a text after every line break, so that the lines together are
// the text.
func splitLines(text string) []string {
	if text == "" {
		return nil
	}
	lines := strings.SplitAfter(text, "\n")
	if last := len(lines) - 1; lines[last] == "" {
		lines = lines[:last]
	}
	return lines
}

// chunks aligns three texts: stretches that nobody changed, and between them those
// that one side changed, or both. Changes that overlap or touch are one chunk.
func chunks(base, yours, generated []string) []chunk {
	mine, theirs := &cursor{diffs: difference(base, yours)}, &cursor{diffs: difference(base, generated)}
	var out []chunk
	at := 0
	for mine.more() || theirs.more() {
		start := min(mine.start(len(base)), theirs.start(len(base)))
		if at < start {
			out = append(out, same(base[at:start]))
		}
		end, grew := start, true
		for grew {
			grew = mine.take(&end) || theirs.take(&end)
		}
		c := chunk{base: base[start:end], yours: mine.side(yours, start, end), generated: theirs.side(generated, start, end)}
		out = append(out, c.refine()...)
		at = end
	}
	if at < len(base) {
		out = append(out, same(base[at:]))
	}
	return out
}

// differing aligns two texts without a base: what they have in common, and between that
// conflicts. Texts that have little in common are one conflict.
func differing(yours, generated []string) []chunk {
	var out []chunk
	at := 0
	diffs := difference(yours, generated)
	common := len(yours)
	for _, d := range diffs {
		common -= d.End - d.Start
	}
	if 2*common < max(len(yours), len(generated)) {
		return []chunk{{yours: yours, generated: generated, conflict: true}}
	}
	for _, d := range diffs {
		if at < d.Start {
			out = append(out, same(yours[at:d.Start]))
		}
		out = append(out, chunk{yours: yours[d.Start:d.End], generated: generated[d.ReplStart:d.ReplEnd], conflict: true})
		at = d.End
	}
	if at < len(yours) {
		out = append(out, same(yours[at:]))
	}
	return out
}

func same(lines []string) chunk { return chunk{base: lines, yours: lines, generated: lines} }

// refine takes off a conflict what both sides have in common at its ends.
func (c chunk) refine() []chunk {
	if slices.Equal(c.yours, c.base) || slices.Equal(c.generated, c.base) || slices.Equal(c.yours, c.generated) {
		return []chunk{c}
	}
	before, after := 0, 0
	shorter := min(len(c.yours), len(c.generated))
	for before < shorter && c.yours[before] == c.generated[before] {
		before++
	}
	for after < shorter-before && c.yours[len(c.yours)-1-after] == c.generated[len(c.generated)-1-after] {
		after++
	}
	head, tail := c.yours[:before], c.yours[len(c.yours)-after:]
	middle := chunk{
		base: c.base, yours: c.yours[before : len(c.yours)-after], generated: c.generated[before : len(c.generated)-after], conflict: true,
	}
	var out []chunk
	if before > 0 {
		out = append(out, chunk{yours: head, generated: head})
	}
	out = append(out, middle)
	if after > 0 {
		out = append(out, chunk{yours: tail, generated: tail})
	}
	return out
}

// cursor walks through the differences between the base and one side.
type cursor struct {
	diffs []lcs.Diff
	// next is the first difference that was not taken yet; behind it, the side is
	// shifted against the base by so many lines.
	next, shift int
	// begun is the shift in front of the chunk.
	begun int
}

func (c *cursor) more() bool { return c.next < len(c.diffs) }

// start returns the line of the base where the next difference begins.
func (c *cursor) start(end int) int {
	if c.more() {
		return c.diffs[c.next].Start
	}
	return end
}

// take takes the next difference into a chunk that reaches up to end, if it
// overlaps or touches it, and moves the end.
func (c *cursor) take(end *int) bool {
	if !c.more() || c.diffs[c.next].Start > *end {
		return false
	}
	d := c.diffs[c.next]
	*end = max(*end, d.End)
	c.shift = d.ReplEnd - d.End
	c.next++
	return true
}

// side returns what became of a part of the base.
func (c *cursor) side(lines []string, start, end int) []string {
	out := lines[start+c.begun : end+c.shift]
	c.begun = c.shift
	return out
}

// difference says how to make one text of the other. Lines that occur once in
// both hold the texts together, so that braces and blank lines of one place are
// not taken for those of another; between them, the library finds what is common.
func difference(a, b []string) []lcs.Diff {
	var out []lcs.Diff
	fromA, fromB := 0, 0
	for _, p := range append(anchors(a, b), pair{len(a), len(b)}) {
		if p.a < fromA || p.b < fromB {
			continue // is common already
		}
		for _, d := range lcs.DiffLines(a[fromA:p.a], b[fromB:p.b]) {
			out = join(out, lcs.Diff{Start: fromA + d.Start, End: fromA + d.End, ReplStart: fromB + d.ReplStart, ReplEnd: fromB + d.ReplEnd})
		}
		fromA, fromB = p.a, p.b
		for fromA < len(a) && fromB < len(b) && a[fromA] == b[fromB] {
			fromA++
			fromB++
		}
	}
	return out
}

// join appends a difference, to the last one if they touch.
func join(diffs []lcs.Diff, d lcs.Diff) []lcs.Diff {
	if n := len(diffs); n > 0 && diffs[n-1].End == d.Start && diffs[n-1].ReplEnd == d.ReplStart {
		diffs[n-1].End, diffs[n-1].ReplEnd = d.End, d.ReplEnd
		return diffs
	}
	return append(diffs, d)
}

// pair is a line of one text and its counterpart in the other.
type pair struct{ a, b int }

// anchors returns the longest row of lines that occur exactly once in each text,
// in the order of both.
func anchors(a, b []string) []pair {
	inA, inB := places(a), places(b)
	var common []pair
	for i, line := range a {
		if at, ok := inB[line]; ok && at >= 0 && inA[line] >= 0 {
			common = append(common, pair{i, at})
		}
	}
	return ascending(common)
}

// places maps each line to where it is, or to -1 if it comes twice.
func places(lines []string) map[string]int {
	at := make(map[string]int, len(lines))
	for i, line := range lines {
		if _, seen := at[line]; seen {
			i = -1
		}
		at[line] = i
	}
	return at
}

// ascending returns the longest part of the pairs, which ascend in a, that ascends
// in b as well.
func ascending(pairs []pair) []pair {
	// ends[n] is the pair with the lowest b that ends a row of n+1.
	var ends []int
	before := make([]int, len(pairs))
	for i, p := range pairs {
		n, _ := slices.BinarySearchFunc(ends, p.b, func(end, b int) int { return pairs[end].b - b })
		before[i] = -1
		if n > 0 {
			before[i] = ends[n-1]
		}
		if n == len(ends) {
			ends = append(ends, i)
		} else {
			ends[n] = i
		}
	}
	if len(ends) == 0 {
		return nil
	}
	out := make([]pair, len(ends))
	for i, n := ends[len(ends)-1], len(ends)-1; n >= 0; i, n = before[i], n-1 {
		out[n] = pairs[i]
	}
	return out
}
