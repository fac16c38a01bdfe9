package compose

import (
	"slices"
	"strconv"
	"strings"

	"gantry/charts/diag"
)

// edge is one service waiting for another, and where that is written.
type edge struct {
	to   string
	at   *origin
	path diag.Path
}

// cycles reports services that wait for each other in a circle. Every service
// and every edge is looked at once.
func cycles(root *origin, list *diag.List) {
	for _, section := range []string{"services", "jobs"} {
		w := &walker{root: root, section: section, list: list, state: map[string]int{}}
		for _, name := range root.get(section).keys() {
			w.walk(name)
		}
	}
}

// walker goes through the services, depth first. The way that it is on is kept
// in a list of its own: a chain of services may be as long as the file.
type walker struct {
	root    *origin
	section string
	list    *diag.List
	state   map[string]int // not seen, open, done
	way     []step
}

const (
	open = iota + 1
	done
)

// step is a service on the way, and the edges that are still to be followed.
type step struct {
	name  string
	edges []edge
}

func (w *walker) walk(from string) {
	if w.state[from] != 0 {
		return
	}
	w.enter(from)
	for len(w.way) > 0 {
		last := &w.way[len(w.way)-1]
		if len(last.edges) == 0 {
			w.state[last.name] = done
			w.way = w.way[:len(w.way)-1]
			continue
		}
		next := last.edges[0]
		last.edges = last.edges[1:]
		switch w.state[next.to] {
		case open:
			w.report(next)
		case done:
		default:
			w.enter(next.to)
		}
	}
}

func (w *walker) enter(name string) {
	w.state[name] = open
	w.way = append(w.way, step{name, w.edges(name)})
}

// report names the services of a circle, which the edge closes.
func (w *walker) report(e edge) {
	start := slices.IndexFunc(w.way, func(s step) bool { return s.name == e.to })
	var names []string
	for _, s := range w.way[start:] {
		names = append(names, s.name)
	}
	names = append(names, e.to)
	w.list.Add(diag.Diagnostic{
		Severity: diag.Error, Pos: e.at.pos, Path: e.path, Code: codeCycle,
		Summary: "waits for itself: " + strings.Join(names, " → "), Hint: "remove one of the dependencies",
	})
}

// edges are what a service waits for: by depends_on, and because it links to,
// mounts from or lives in another.
func (w *walker) edges(name string) []edge {
	o := w.root.get(w.section, name)
	var edges []edge
	add := func(to string, at *origin, key ...string) {
		if w.root.get(w.section, to) != nil && at != nil {
			edges = append(edges, edge{to, at, append(diag.Path{w.section, name}, key...)})
		}
	}
	for _, d := range o.get("depends_on").keys() {
		add(d, o.get("depends_on", d), "depends_on", d)
	}
	for _, list := range []string{"links", "volumes_from"} {
		for i := range o.get(list).keys() {
			item := o.get(list, strconv.Itoa(i))
			service, _, _ := strings.Cut(item.textOf(""), ":")
			add(service, item, list, strconv.Itoa(i))
		}
	}
	for _, key := range []string{"network_mode", "pid", "ipc"} {
		if to, ok := strings.CutPrefix(o.textOf(key), "service:"); ok {
			add(to, o.get(key), key)
		}
	}
	return edges
}
