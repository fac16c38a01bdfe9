package picture

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// TestLayout arranges applications of all shapes, circles among them, and wants
// boxes that do not overlap, arrows that lead to the right, and the same picture
// each time.
func TestLayout(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 40 {
		boxes := 1 + random.IntN(70)
		var sizes []size
		var entry []bool
		for range boxes {
			sizes = append(sizes, size{wideCard, 60 + random.IntN(120)})
			entry = append(entry, random.IntN(4) == 0)
		}
		var arrows []Arrow
		for range random.IntN(2 * boxes) {
			if from, to := random.IntN(boxes), random.IntN(boxes); from != to && (n%4 == 0 || from < to) {
				arrows = append(arrows, Arrow{From: from, To: to})
			}
		}
		t.Run(fmt.Sprintf("%d boxes, %d arrows", boxes, len(arrows)), func(t *testing.T) {
			g := gaps{column: 60, row: 20, bend: 10, cell: 20}
			l := arrange(sizes, arrows, entry, g)
			checkBoxes(t, l, g)
			checkLanes(t, l)
			if again := arrange(sizes, arrows, entry, g); !reflect.DeepEqual(l.at, again.at) || !reflect.DeepEqual(l.lanes, again.lanes) {
				t.Error("the same application gives another picture")
			}
		})
	}
}

func checkBoxes(t *testing.T, l *layout, g gaps) {
	t.Helper()
	for a := range l.sizes {
		at, size := l.at[a], l.sizes[a]
		if at.x < 0 || at.y < 0 || at.x+size.w > l.size.w || at.y+size.h > l.size.h {
			t.Errorf("box %d at %v of %v leaves the picture of %v", a, at, size, l.size)
		}
		for b := range a {
			other := l.at[b]
			apart := at.x >= other.x+l.sizes[b].w+g.row || other.x >= at.x+size.w+g.row ||
				at.y >= other.y+l.sizes[b].h+g.row-1 || other.y >= at.y+size.h+g.row-1
			if !apart {
				t.Errorf("boxes %d at %v and %d at %v are too near", b, other, a, at)
			}
		}
	}
}

// checkLanes wants every arrow to be drawn from its box to the other without a gap.
func checkLanes(t *testing.T, l *layout) {
	t.Helper()
	way := make([][]lane, len(l.arrows))
	for _, lane := range l.lanes {
		for _, i := range lane.arrows {
			way[i] = append(way[i], lane)
		}
	}
	for i, a := range l.arrows {
		slices.SortFunc(way[i], func(a, b lane) int { return a.from.x - b.from.x })
		if len(way[i]) == 0 {
			t.Fatalf("arrow %d is not drawn", i)
		}
		first, last := way[i][0], way[i][len(way[i])-1]
		if from := l.at[a.From]; first.from.y != from.y+l.sizes[a.From].h/2 || first.from.x != from.x+l.sizes[a.From].w {
			t.Errorf("arrow %d begins at %v, beside its box at %v", i, first.from, from)
		}
		if to := l.at[a.To]; !last.last || last.to.y != to.y+l.sizes[a.To].h/2 {
			t.Errorf("arrow %d ends at %v, beside its box at %v", i, last.to, to)
		}
		for k, lane := range way[i] {
			if k > 0 && lane.from != way[i][k-1].to {
				t.Errorf("arrow %d jumps from %v to %v", i, way[i][k-1].to, lane.from)
			}
			if !lane.back && lane.to.x <= lane.over {
				t.Errorf("arrow %d leads to the left", i)
			}
		}
	}
}

// TestLayoutSharesBends: many that need one thing are a river.
func TestLayoutSharesBends(t *testing.T) {
	var arrows []Arrow
	sizes := make([]size, 60)
	for i := range sizes {
		sizes[i] = size{100, 50}
		if i > 0 {
			arrows = append(arrows, Arrow{From: i, To: 0})
		}
	}
	l := arrange(sizes, arrows, make([]bool, 60), gaps{60, 20, 10, 20})
	if len(l.cols) < 4 || len(l.cols) > 9 {
		t.Errorf("there are %d columns", len(l.cols))
	}
	if lanes := len(l.lanes); lanes > 59+len(l.cols) {
		t.Errorf("there are %d lanes for 59 arrows in %d columns", lanes, len(l.cols))
	}
	if c := l.crossings(); c != 0 {
		t.Errorf("%d lanes cross", c)
	}
}

func TestCrossings(t *testing.T) {
	nodes := make([]*node, 4)
	for i := range nodes {
		nodes[i] = &node{rank: i % 2}
	}
	join(nodes[0], nodes[3])
	join(nodes[1], nodes[2])
	join(nodes[1], nodes[3])
	l := &layout{cols: [][]*node{nodes[:2], nodes[2:]}}
	if got := l.crossings(); got != 1 {
		t.Errorf("got %d crossings, want 1", got)
	}
}
