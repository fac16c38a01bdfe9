package cli

import (
	"fmt"
	"io"

	"gantry/charts/release"
)

// progress prints what happens to a release, a line an event. Objects that need
// no change are only counted.
type progress struct {
	w         io.Writer
	unchanged int
}

func (p *progress) observe(e release.Event) {
	if e.Action == release.Unchanged {
		p.unchanged++
		return
	}
	fmt.Fprintln(p.w, e)
}

// finish says how many objects needed no change.
func (p *progress) finish() {
	if p.unchanged > 0 {
		fmt.Fprintf(p.w, "unchanged: %s\n", countOf(p.unchanged, "object"))
	}
	p.unchanged = 0
}
