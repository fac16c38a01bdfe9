package report

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

// gaps are the distances that a layout keeps.
type gaps struct{ column, row, bend int }

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

// connected reports which boxes have arrows.
func (l *layout) connected() []bool {
	has := make([]bool, len(l.sizes))
	for _, a := range l.arrows {
		has[a.From], has[a.To] = true, true
	}
	return has
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
	has, n := l.connected(), 0
	for _, c := range has {
		if c {
			n++
		}
	}
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
	// What nobody needs and nobody reaches from outside moves to what it needs.
	for _, v := range slices.Backward(order) {
		if len(before[v]) > 0 || l.entry[v] || len(after[v]) == 0 {
			continue
		}
		c := len(count)
		for _, u := range after[v] {
			c = min(c, l.column[u]-1)
		}
		if c > l.column[v] && count[c] < limit {
			count[l.column[v]]--
			count[c]++
			l.column[v] = c
		}
	}
	l.closeGaps()
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

// bends makes the nodes: one for each box, and one for each column that arrows
// to a box pass.
func (l *layout) bends() {
	boxes := make([]*node, len(l.sizes))
	add := func(n *node) *node {
		l.nodes = append(l.nodes, n)
		l.cols[n.column] = append(l.cols[n.column], n)
		return n
	}
	for v, c := range l.column {
		if c >= 0 {
			boxes[v] = add(&node{box: v, to: v, column: c, height: l.sizes[v].h})
		}
	}
	passing := map[[2]int]*node{}
	for i, a := range l.arrows {
		if l.back[i] {
			continue
		}
		at := boxes[a.From]
		for at.column+1 < l.column[a.To] {
			key := [2]int{a.To, at.column + 1}
			if passing[key] == nil {
				passing[key] = add(&node{box: -1, to: a.To, column: at.column + 1})
			}
			at = join(at, passing[key])
		}
		join(at, boxes[a.To])
	}
}

// join connects two nodes, once.
func join(a, b *node) *node {
	if !slices.Contains(a.right, b) {
		a.right, b.left = append(a.right, b), append(b.left, a)
	}
	return b
}

// sweeps is how often the order of the columns is improved.
const sweeps = 24

// order sorts the columns so that arrows cross seldom: every node goes to the
// middle of its neighbours in the column before, over and over in both
// directions, and the best order is kept.
func (l *layout) order() {
	l.rank()
	for _, col := range l.cols {
		sortColumn(col, func(n *node) []*node { return n.left })
	}
	best, fewest := l.snapshot(), l.crossings()
	for sweep := range sweeps {
		if fewest == 0 {
			break
		}
		for i := range l.cols {
			if sweep%2 == 0 {
				sortColumn(l.cols[i], func(n *node) []*node { return n.left })
			} else {
				sortColumn(l.cols[len(l.cols)-1-i], func(n *node) []*node { return n.right })
			}
		}
		if c := l.crossings(); c < fewest {
			best, fewest = l.snapshot(), c
		}
	}
	for i := range l.cols {
		l.cols[i] = best[i]
	}
	l.rank()
}

func (l *layout) rank() {
	for _, col := range l.cols {
		for i, n := range col {
			n.rank = i
		}
	}
}

func (l *layout) snapshot() [][]*node {
	var s [][]*node
	for _, col := range l.cols {
		s = append(s, slices.Clone(col))
	}
	return s
}

// sortColumn puts the nodes of a column in the order of their neighbours' middle.
// A node without neighbours keeps its place.
func sortColumn(col []*node, neighbours func(*node) []*node) {
	const fine = 1 << 16
	key := map[*node]int{}
	for _, n := range col {
		key[n] = n.rank * fine
		if near := neighbours(n); len(near) > 0 {
			sum := 0
			for _, m := range near {
				sum += m.rank * fine
			}
			key[n] = sum / len(near)
		}
	}
	slices.SortStableFunc(col, func(a, b *node) int { return cmp.Compare(key[a], key[b]) })
	for i, n := range col {
		n.rank = i
	}
}

// crossings counts how often lanes between neighbouring columns cross: the
// inversions among their right ends, in the order of their left ends.
func (l *layout) crossings() int {
	total := 0
	for i := 0; i+1 < len(l.cols); i++ {
		tree := make([]int, len(l.cols[i+1])+1)
		seen := 0
		for _, n := range l.cols[i] {
			ends := make([]int, 0, len(n.right))
			for _, m := range n.right {
				ends = append(ends, m.rank)
			}
			slices.Sort(ends)
			for _, end := range ends {
				total += seen - prefix(tree, end)
			}
			for _, end := range ends {
				for k := end + 1; k < len(tree); k += k & -k {
					tree[k]++
				}
				seen++
			}
		}
	}
	return total
}

// prefix sums the first entries of a Fenwick tree, up to and with an index.
func prefix(tree []int, index int) int {
	sum := 0
	for k := index + 1; k > 0; k -= k & -k {
		sum += tree[k]
	}
	return sum
}

// heights gives every node its height on the page: as near to the middle of its
// neighbours as the others in its column allow.
func (l *layout) heights() {
	for _, col := range l.cols {
		y := 0
		for i, n := range col {
			if i > 0 {
				y += l.distance(col[i-1], n)
			}
			n.middle = y
		}
		for _, n := range col {
			n.middle -= y / 2
		}
	}
	for sweep := range sweeps {
		for i := range l.cols {
			col := l.cols[i]
			if sweep%2 == 1 {
				col = l.cols[len(l.cols)-1-i]
			}
			wish := make([]int, len(col))
			for k, n := range col {
				near := n.left
				switch {
				case sweep >= sweeps-4:
					near = slices.Concat(n.left, n.right)
				case sweep%2 == 1:
					near = n.right
				}
				wish[k] = middleOf(near, n.middle)
			}
			l.settle(col, wish)
		}
	}
}

func middleOf(nodes []*node, otherwise int) int {
	if len(nodes) == 0 {
		return otherwise
	}
	sum := 0
	for _, n := range nodes {
		sum += n.middle
	}
	return sum / len(nodes)
}

// distance is how far apart the middles of two neighbours in a column are.
func (l *layout) distance(a, b *node) int {
	gap := l.gaps.row
	if a.box < 0 || b.box < 0 {
		gap = l.gaps.bend
	}
	return (a.height+b.height)/2 + gap
}

// settle moves the nodes of a column to where they wish, as near as their order
// and distances allow: neighbours that would overlap become a block, which lies
// where its members wish on average.
func (l *layout) settle(col []*node, wish []int) {
	type block struct{ first, sum, n int }
	offset := make([]int, len(col))
	var blocks []block
	for i := range col {
		if i > 0 {
			offset[i] = offset[i-1] + l.distance(col[i-1], col[i])
		}
		b := block{i, wish[i] - offset[i], 1}
		for len(blocks) > 0 && blocks[len(blocks)-1].sum*b.n >= b.sum*blocks[len(blocks)-1].n {
			last := blocks[len(blocks)-1]
			blocks = blocks[:len(blocks)-1]
			b = block{last.first, last.sum + b.sum, last.n + b.n}
		}
		blocks = append(blocks, b)
	}
	for i, b := range blocks {
		end := len(col)
		if i+1 < len(blocks) {
			end = blocks[i+1].first
		}
		for k := b.first; k < end; k++ {
			col[k].middle = floorDiv(b.sum, b.n) + offset[k]
		}
	}
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

// columnWidth is the width of a column's widest box.
func (l *layout) columnWidth(c int) int {
	w := 0
	for _, n := range l.cols[c] {
		if n.box >= 0 {
			w = max(w, l.sizes[n.box].w)
		}
	}
	return w
}

// place turns columns and heights into corners.
func (l *layout) place() {
	top, bottom := 0, 0
	for i, n := range l.nodes {
		if i == 0 || n.middle-n.height/2 < top {
			top = n.middle - n.height/2
		}
		if i == 0 || n.middle+(n.height+1)/2 > bottom {
			bottom = n.middle + (n.height+1)/2
		}
	}
	x := 0
	for c, col := range l.cols {
		for _, n := range col {
			n.middle -= top
			if n.box >= 0 {
				l.at[n.box] = point{x, n.middle - n.height/2}
			}
		}
		l.size.w = x + l.columnWidth(c)
		x = l.size.w + l.gaps.column
	}
	l.size.h = bottom - top
}

// route draws the lanes between the nodes.
func (l *layout) route() {
	starts := make([]int, len(l.cols))
	for c := range l.cols {
		if c > 0 {
			starts[c] = starts[c-1] + l.columnWidth(c-1) + l.gaps.column
		}
	}
	lanes := map[[2]*node]int{}
	boxes := map[int]*node{}
	between := map[[2]int]*node{}
	for _, n := range l.nodes {
		if n.box >= 0 {
			boxes[n.box] = n
		} else {
			between[[2]int{n.to, n.column}] = n
		}
	}
	for i, a := range l.arrows {
		if l.back[i] {
			from, to := l.at[a.From], l.at[a.To]
			l.lanes = append(l.lanes, lane{
				from: point{from.x + l.sizes[a.From].w, from.y + l.sizes[a.From].h/2}, to: point{to.x + l.sizes[a.To].w, to.y + l.sizes[a.To].h/2},
				over: from.x + l.sizes[a.From].w, arrows: []int{i}, last: true, back: true,
			})
			continue
		}
		for at := boxes[a.From]; at.box != a.To; {
			next := boxes[a.To]
			if at.column+1 < l.column[a.To] {
				next = between[[2]int{a.To, at.column + 1}]
			}
			key := [2]*node{at, next}
			if _, known := lanes[key]; !known {
				lanes[key] = len(l.lanes)
				l.lanes = append(l.lanes, l.lane(at, next, starts))
			}
			l.lanes[lanes[key]].arrows = append(l.lanes[lanes[key]].arrows, i)
			at = next
		}
	}
}

func (l *layout) lane(a, b *node, starts []int) lane {
	from := point{starts[a.column], a.middle}
	over := starts[a.column] + l.columnWidth(a.column)
	if a.box >= 0 {
		from.x += l.sizes[a.box].w
		over = from.x
	}
	return lane{from: from, over: over, to: point{starts[b.column], b.middle}, last: b.box >= 0}
}

// alone puts the boxes without arrows into a grid below the others.
func (l *layout) alone() {
	var single []int
	for v, c := range l.column {
		if c < 0 {
			single = append(single, v)
		}
	}
	if len(single) == 0 {
		return
	}
	wide := 0
	for _, v := range single {
		wide = max(wide, l.sizes[v].w)
	}
	step := wide + l.gaps.row
	columns := max(1, (l.size.w+l.gaps.row)/step)
	if len(l.cols) == 0 {
		columns = 1
		for columns < maxColumns && columns*columns < len(single) {
			columns++
		}
	}
	y := 0
	if l.size.h > 0 {
		y = l.size.h + 2*l.gaps.row
	}
	for row := range slices.Chunk(single, columns) {
		tall := 0
		for i, v := range row {
			l.at[v] = point{i * step, y}
			l.size.w = max(l.size.w, i*step+wide)
			tall = max(tall, l.sizes[v].h)
		}
		y += tall + l.gaps.row
	}
	l.size.h = y - l.gaps.row
}
