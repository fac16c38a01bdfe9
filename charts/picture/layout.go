package picture

import (
	"cmp"
	"slices"
)

// size is how much room something takes.
type size struct{ w, h int }

// point is a place in the picture.
type point struct{ x, y int }

// layout places boxes in columns, so that arrows lead from left to right, and
// routes the arrows between them. Everything is in whole pixels: sums of floats
// differ between machines, and the same picture must be the same bytes.
//
// It is the way of Sugiyama, Tagawa and Toda in four steps: columns, bends where
// an arrow passes a column, an order within the columns that has few crossings,
// and heights that make arrows straight. Arrows to the same box share their
// bends, so that sixty services that need one database are a river with
// tributaries and not sixty lines.
type layout struct {
	sizes  []size
	arrows []Arrow
	// entry tells boxes that are reached from outside, which stay on the left.
	entry []bool
	gaps  gaps

	// at is the top left corner of each box, and size that of the picture.
	at     []point
	size   size
	lanes  []lane
	column []int
	back   []bool // arrows that lead from right to left
	nodes  []*node
	cols   [][]*node
}

// gaps are the distances that a layout keeps: between columns, between boxes of
// a column, around bends, and between the boxes of the grid below.
type gaps struct{ column, row, bend, cell int }

// node is a box in a column, or a bend of the arrows that pass it on their way
// to a box.
type node struct {
	box    int // -1 for a bend
	to     int // the box that the arrows of a bend lead to
	column int
	rank   int // within the column
	middle int
	height int
	left   []*node
	right  []*node
}

// lane is a piece of one or several arrows: between two neighbouring columns, or
// the whole of an arrow that leads back.
type lane struct {
	from, to point
	// over is where a bend ends that the lane begins with; it is from.x otherwise.
	over   int
	arrows []int
	// last tells that the lane ends at a box.
	last bool
	back bool
}

// arrange runs the layout.
func arrange(sizes []size, arrows []Arrow, entry []bool, gaps gaps) *layout {
	l := &layout{sizes: sizes, arrows: arrows, entry: entry, gaps: gaps, at: make([]point, len(sizes)), column: make([]int, len(sizes)), back: make([]bool, len(arrows))}
	l.findBack()
	l.columns()
	l.bends()
	l.order()
	l.heights()
	l.place()
	l.route()
	l.alone()
	return l
}

// findBack finds the arrows that close a circle.
func (l *layout) findBack() {
	out := make([][]int, len(l.sizes))
	for i, a := range l.arrows {
		out[a.From] = append(out[a.From], i)
	}
	const fresh, open, done = 0, 1, 2
	state := make([]int, len(l.sizes))
	next := make([]int, len(l.sizes))
	for start := range l.sizes {
		stack := []int{start}
		for len(stack) > 0 {
			v := stack[len(stack)-1]
			if state[v] == done || next[v] == len(out[v]) {
				state[v] = done
				stack = stack[:len(stack)-1]
				continue
			}
			state[v] = open
			i := out[v][next[v]]
			next[v]++
			switch to := l.arrows[i].To; state[to] {
			case open:
				l.back[i] = true
			case fresh:
				stack = append(stack, to)
			}
		}
	}
}

// connected returns which boxes have arrows, and how many.
func (l *layout) connected() (has []bool, n int) {
	has = make([]bool, len(l.sizes))
	for _, a := range l.arrows {
		for _, v := range []int{a.From, a.To} {
			if !has[v] {
				has[v] = true
				n++
			}
		}
	}
	return has, n
}

// columns gives every box the column behind those that need it, and no column
// more than its share.
func (l *layout) columns() {
	before, after := make([][]int, len(l.sizes)), make([][]int, len(l.sizes))
	for i, a := range l.arrows {
		if !l.back[i] {
			before[a.To], after[a.From] = append(before[a.To], a.From), append(after[a.From], a.To)
		}
	}
	order := l.byDepth(before, after)
	has, n := l.connected()
	limit := max(minColumn, (n+maxColumns-1)/maxColumns)
	count := make([]int, len(l.sizes)+1)
	for _, v := range order {
		if !has[v] {
			l.column[v] = -1
			continue
		}
		c := 0
		for _, u := range before[v] {
			c = max(c, l.column[u]+1)
		}
		for count[c] >= limit {
			c++
		}
		l.column[v] = c
		count[c]++
	}
	for _, v := range slices.Backward(order) {
		if len(before[v]) == 0 && len(after[v]) > 0 && !l.entry[v] {
			l.approach(v, after[v], count, limit)
		}
	}
	l.closeGaps()
}

// approach moves a box that nobody needs, and that is not reached from outside
// either, next to what it needs, if there is room.
func (l *layout) approach(v int, after, count []int, limit int) {
	c := len(count)
	for _, u := range after {
		c = min(c, l.column[u]-1)
	}
	if c > l.column[v] && count[c] < limit {
		count[l.column[v]]--
		count[c]++
		l.column[v] = c
	}
}

// A picture is at most about this many columns wide, unless the arrows need more,
// and does not begin a new one before the first has some boxes.
const (
	maxColumns = 6
	minColumn  = 5
)

// byDepth orders the boxes so that each comes behind those that need it, and
// what is reached from outside before the others.
func (l *layout) byDepth(before, after [][]int) []int {
	depth := make([]int, len(l.sizes))
	var order []int
	waiting := make([]int, len(l.sizes))
	var ready []int
	for v := range l.sizes {
		if waiting[v] = len(before[v]); waiting[v] == 0 {
			ready = append(ready, v)
		}
	}
	for len(ready) > 0 {
		v := ready[0]
		ready = ready[1:]
		order = append(order, v)
		for _, u := range after[v] {
			depth[u] = max(depth[u], depth[v]+1)
			if waiting[u]--; waiting[u] == 0 {
				ready = append(ready, u)
			}
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		if by := cmp.Compare(depth[a], depth[b]); by != 0 {
			return by
		}
		if l.entry[a] != l.entry[b] {
			if l.entry[a] {
				return -1
			}
			return 1
		}
		return cmp.Compare(a, b)
	})
	return order
}

// closeGaps takes out columns that nothing is left in.
func (l *layout) closeGaps() {
	used := slices.Clone(l.column)
	slices.Sort(used)
	used = slices.DeleteFunc(slices.Compact(used), func(c int) bool { return c < 0 })
	for v, c := range l.column {
		if c >= 0 {
			l.column[v] = slices.Index(used, c)
		}
	}
	l.cols = make([][]*node, len(used))
}
