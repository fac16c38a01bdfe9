package picture

import "slices"

// heights gives every node its height on the page: as near to the middle of its
// neighbours as the others in its column allow.
func (l *layout) heights() {
	for _, col := range l.cols {
		l.stack(col)
	}
	for sweep := range sweeps {
		neighbours := leftOf
		if sweep%2 == 1 {
			neighbours = rightOf
		}
		if sweep >= sweeps-4 {
			neighbours = func(n *node) []*node { return slices.Concat(n.left, n.right) }
		}
		for i := range l.cols {
			col := l.cols[i]
			if sweep%2 == 1 {
				col = l.cols[len(l.cols)-1-i]
			}
			l.level(col, neighbours)
		}
	}
}

// stack puts the nodes of a column below each other, around the middle.
func (l *layout) stack(col []*node) {
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

// level moves the nodes of a column to the height of their neighbours.
func (l *layout) level(col []*node, neighbours func(*node) []*node) {
	wish := make([]int, len(col))
	for k, n := range col {
		wish[k] = middleOf(neighbours(n), n.middle)
	}
	l.settle(col, wish)
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
	step := wide + l.gaps.cell
	columns := max(1, (l.size.w+l.gaps.cell)/step)
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
