package cli

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
	"k8s.io/client-go/kubernetes"

	"gantry/charts/live"
	"gantry/charts/release"
	"gantry/cmd/screen"
)

// redrawEvery bounds how often the tree is drawn; ages make it change by themselves
// once a second.
const (
	redrawEvery = 100 * time.Millisecond
	agesEvery   = time.Second
)

// podLines is how many pods of an object are shown.
const podLines = 5

// treeView shows a tree at the end of a terminal.
type treeView struct {
	tree    *live.Tree
	screen  *screen.Screen
	now     func() time.Time
	began   time.Time
	marks   marks
	beside  *running
	follows map[string]bool
}

// marks are the signs before objects and pods, in their colours.
type marks struct{ done, waits, bad, dim, off string }

func newTreeView(a *app) *treeView {
	v := &treeView{tree: live.NewTree(), now: a.Now, began: a.Now(), beside: newRunning(), follows: map[string]bool{}}
	v.screen = a.newScreen()
	v.marks = marks{done: "+", waits: "*", bad: "!"}
	if strings.Contains(strings.ToUpper(firstSet(a.Getenv("LC_ALL"), a.Getenv("LC_CTYPE"), a.Getenv("LANG"))), "UTF") {
		v.marks = marks{done: "✓", waits: "•", bad: "✗"}
	}
	if a.colorful(a.Err) {
		const green, yellow, red, dim, off = "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[2m", "\x1b[0m"
		m := v.marks
		v.marks = marks{done: green + m.done + off, waits: yellow + m.waits + off, bad: red + m.bad + off, dim: dim, off: off}
	}
	v.beside.wait.Go(v.keepDrawing)
	return v
}

// newScreen returns the end of the terminal that progress is shown on.
func (a *app) newScreen() *screen.Screen {
	return screen.New(underlying(a.Err), func() (columns, rows int) {
		f, ok := underlying(a.Err).(*os.File)
		if !ok {
			return 0, 0
		}
		columns, rows, err := term.GetSize(int(f.Fd()))
		if err != nil {
			return 0, 0
		}
		return columns, rows
	})
}

// showsProgress reports whether somebody watches who is not helped by lines alone.
func (a *app) showsProgress() bool {
	return isTerminal(a.Err) && a.Getenv("TERM") != "dumb" && a.Getenv("CI") == ""
}

func firstSet(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// follow lets the tree see the pods of a namespace.
func (v *treeView) follow(client kubernetes.Interface, namespace string) {
	if v.follows[namespace] {
		return
	}
	v.follows[namespace] = true
	v.beside.wait.Go(func() { v.tree.Follow(v.beside.ctx, client, namespace) })
}

// observe takes an event. What the tree cannot show is printed above it.
func (v *treeView) observe(e release.Event) {
	if e.Action == release.Doing || e.Action == release.Warned {
		v.screen.Print(e.String())
	}
	v.tree.Observe(e)
}

func (v *treeView) keepDrawing() {
	tick := time.NewTicker(redrawEvery)
	defer tick.Stop()
	last := v.began
	for {
		select {
		case <-v.beside.ctx.Done():
			return
		case <-tick.C:
		}
		now := v.now()
		if v.tree.Changed() || now.Sub(last) >= agesEvery {
			last = now
			if lines := v.lines(now); len(lines) > 0 {
				v.screen.Draw(lines)
			}
		}
	}
}

// close takes the tree away, and leaves what was done.
func (v *treeView) close() {
	v.beside.end()
	v.screen.Close()
	for _, b := range v.tree.Branches() {
		if b.Action != release.Unchanged {
			line, _ := screen.Clip(v.summary(b), maxSummary)
			v.screen.Print(line)
		}
	}
	v.screen.Close()
}

// maxSummary is wider than any line that is left.
const maxSummary = 400

// lines draws the tree: what is waited for with its pods, and how many are done.
func (v *treeView) lines(now time.Time) []string {
	var lines []string
	done, all := 0, 0
	for _, b := range v.tree.Branches() {
		all++
		if !b.Waits {
			done++
			continue
		}
		lines = append(lines, v.summary(b))
		for i, p := range b.Pods {
			if i == podLines {
				lines = append(lines, fmt.Sprintf("    %sand %s more%s", v.marks.dim, countOf(len(b.Pods)-i, "pod"), v.marks.off))
				break
			}
			lines = append(lines, v.podLines(p, now)...)
		}
	}
	if all == 0 {
		return nil
	}
	return append(lines, fmt.Sprintf("%s%d of %s done, %s%s", v.marks.dim, done, countOf(all, "object"), now.Sub(v.began).Round(time.Second), v.marks.off))
}

// summary is the line of an object.
func (v *treeView) summary(b live.Branch) string {
	mark := v.marks.done
	var states []string
	if b.Action != "" {
		states = append(states, string(b.Action))
	}
	ready := 0
	for _, p := range b.Pods {
		if p.Ready {
			ready++
		}
		if b.Waits && (p.State == live.Failing || p.State == live.Failed) {
			mark = v.marks.bad
		}
	}
	switch {
	case b.Waits && mark != v.marks.bad:
		mark = v.marks.waits
	case !b.Waits && live.RunsPods(b.Object.Kind) && b.Action != release.Deleted && b.Action != release.Kept && b.Action != release.Ready:
		states = append(states, "ready")
	}
	if b.Waits && len(b.Pods) > 0 && b.Action != release.HookStarted {
		states = append(states, fmt.Sprintf("%d of %s ready", ready, countOf(len(b.Pods), "pod")))
	}
	return fmt.Sprintf("%s %s  %s%s%s", mark, b.Object, v.marks.dim, strings.Join(states, ", "), v.marks.off)
}

// markOf is the mark before a pod or a container.
func (v *treeView) markOf(state live.State) string {
	switch state {
	case live.Running, live.Complete:
		return v.marks.done
	case live.Failing, live.Failed:
		return v.marks.bad
	default:
		return v.marks.waits
	}
}

// podLines are the lines of a pod: its own, and one for each container that is not
// well, where there are several.
func (v *treeView) podLines(p live.PodStatus, now time.Time) []string {
	line := fmt.Sprintf("  %s %s  %s  %s%s", v.markOf(p.State), p.Name, withReason(p.State, p.Reason), v.marks.dim, ageOf(p.Created.Time, now))
	if p.Restarts > 0 {
		line += ", " + countOf(p.Restarts, "restart")
	}
	line += v.marks.off
	if p.Message != "" {
		line += "  " + strings.Join(strings.Fields(p.Message), " ")
	}
	lines := []string{line}
	if len(p.Containers) == 1 || p.State == live.Running || p.State == live.Stopping || p.State == live.Complete {
		return lines
	}
	for _, c := range p.Containers {
		line := fmt.Sprintf("      %s %s  %s", v.markOf(c.State), c.Name, withReason(c.State, c.Reason))
		if c.Restarts > 0 {
			line += fmt.Sprintf("  %s%s%s", v.marks.dim, countOf(c.Restarts, "restart"), v.marks.off)
		}
		lines = append(lines, line)
	}
	return lines
}
