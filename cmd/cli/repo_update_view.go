package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"gantry/charts/diag"
	"gantry/cmd/screen"
	"gantry/repo/client"
)

// updateView tells of repositories that are updated at the same time: a line for each
// that is done, and on a terminal what is under way below, drawn anew.
type updateView struct {
	now func() time.Time
	// screen is nil where nobody watches.
	screen *screen.Screen

	mu       sync.Mutex
	left, of int
	under    map[string]client.Progress
	drawn    time.Time
}

func (a *app) newUpdateView() *updateView {
	v := &updateView{now: a.Now, under: map[string]client.Progress{}}
	if a.showsProgress() {
		v.screen = a.newScreen()
	}
	return v
}

// begin says how many there are.
func (v *updateView) begin(of int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.left, v.of = of, of
	v.draw()
}

// receive notes how far a repository has come.
func (v *updateView) receive(p client.Progress) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.under[p.Repository] = p
	if v.now().Sub(v.drawn) >= redrawEvery {
		v.draw()
	}
}

// done lets somebody print that a repository is through, while nothing is drawn.
func (v *updateView) done(repository string, tell func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.under, repository)
	v.left--
	if v.screen != nil {
		v.screen.Close()
	}
	tell()
	v.draw()
}

// draw shows those under way, the largest first.
func (v *updateView) draw() {
	if v.screen == nil || v.left == 0 {
		return
	}
	v.drawn = v.now()
	lines := []string{fmt.Sprintf("%d of %d repositories", v.of-v.left, v.of)}
	for _, p := range slices.SortedFunc(maps.Values(v.under), func(a, b client.Progress) int {
		return cmp.Or(cmp.Compare(b.Received, a.Received), cmp.Compare(a.Repository, b.Repository))
	}) {
		line := "  " + p.Repository + ": " + diag.Size(p.Received)
		if p.Of > 0 {
			line += " of " + diag.Size(p.Of)
		}
		lines = append(lines, line)
	}
	v.screen.Draw(lines)
}
