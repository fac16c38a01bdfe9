package picture

import (
	"cmp"
	"slices"
)

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

func leftOf(n *node) []*node  { return n.left }
func rightOf(n *node) []*node { return n.right }

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
		sortColumn(col, leftOf)
	}
	best, fewest := l.snapshot(), l.crossings()
	for sweep := range sweeps {
		if fewest == 0 {
			break
		}
		for i := range l.cols {
			if sweep%2 == 0 {
				sortColumn(l.cols[i], leftOf)
			} else {
				sortColumn(l.cols[len(l.cols)-1-i], rightOf)
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
