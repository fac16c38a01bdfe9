package compose

import (
	"cmp"
	"iter"
	"slices"
	"sync"

	"go.yaml.in/yaml/v4"

	"gantry/charts/diag"
)

// Origins knows where every key of the merged project was written, across
// several files, include and extends.
//
// Paths are those of the merged project: lists that Compose reads as mappings
// (environment, labels, build.args, extra_hosts, sysctls, …) have the name before
// the = as key, lists of names (depends_on, networks, models) the name, and every
// other list the index. Short forms of a value are one key: ports.0 is
// "8080:80", and nothing lies below it.
type Origins struct {
	root *origin
	// sorted is what Keys returns; the files are not read again.
	sorted func() sortedKeys
}

func newOrigins(root *origin) *Origins {
	return &Origins{root, sync.OnceValue(root.sorted)}
}

// Key is one key or list item that a person wrote.
type Key struct {
	// Path is the key's path in the merged project.
	Path diag.Path
	Pos  diag.Pos
	// Leaf tells that nothing lies below the key.
	Leaf bool
}

// origin is a key, and what lies below it.
type origin struct {
	pos diag.Pos
	// kind is that of the value, which tells what to check; 0 for a key without
	// one.
	kind yaml.Kind
	// text is the value of a scalar, its variables filled.
	text string
	next *children
}

// child returns the origin of a key below, made when needed.
func (o *origin) child(key string) *origin {
	c := o.next.get(key)
	if c == nil {
		c = &origin{}
		o.below().set(key, c)
	}
	return c
}

// below returns what lies below, made when needed.
func (o *origin) below() *children {
	if o.next == nil {
		o.next = &children{}
	}
	return o.next
}

// items is how many items a list has so far.
func (o *origin) items() int {
	if o.next == nil {
		return 0
	}
	return o.next.items
}

// get returns what lies at a path, or nil. It may be called on nil.
func (o *origin) get(path ...string) *origin {
	for _, key := range path {
		if o == nil {
			return nil
		}
		o = o.next.get(key)
	}
	return o
}

// keys returns the keys below, sorted. It may be called on nil.
func (o *origin) keys() []string {
	if o == nil {
		return nil
	}
	keys := make([]string, 0, o.next.len())
	for key := range o.next.all() {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// clone copies an origin with all that lies below it.
func (o *origin) clone() *origin {
	c := *o
	c.next = o.next.clone()
	return &c
}

// At returns the position of a key of the merged project: where the latest file
// wrote it, or else its nearest parent that somebody wrote.
func (o *Origins) At(path ...string) diag.Pos {
	at, pos := o.root, diag.Pos{}
	for _, key := range path {
		if at = at.next.get(key); at == nil {
			break
		}
		if at.pos.Line > 0 {
			pos = at.pos
		}
	}
	return pos
}

// Items returns how many items a list has that Compose reads as a list.
func (o *Origins) Items(path ...string) int {
	if at := o.root.get(path...); at != nil {
		return at.items()
	}
	return 0
}

// Has reports whether somebody wrote a key.
func (o *Origins) Has(path ...string) bool { return o.root.get(path...) != nil }

// Bare reports whether a value is not that of the files: its key stands there
// alone, as KEY in a list of KEY=value or as KEY: in a mapping.
func (o *Origins) Bare(value string, path ...string) bool {
	at := o.root.get(path...)
	return at != nil && value != at.text && slices.Contains([]string{"", "~", "null", path[len(path)-1]}, at.text)
}

// Keys returns every key that a person wrote, once, in the order of files and
// lines.
func (o *Origins) Keys() iter.Seq[Key] { return o.sorted().all() }

// sortedKeys are the keys of a tree in the order of files and lines. A large
// application has tens of thousands: their paths are made when they are asked for.
type sortedKeys struct {
	nodes []keyNode
	order []int32
}

// keyNode is a key with the index of the one above it, or -1.
type keyNode struct {
	key   string
	at    *origin
	above int32
}

func (o *origin) sorted() sortedKeys {
	var s sortedKeys
	var walk func(at *origin, above int32)
	walk = func(at *origin, above int32) {
		for key, next := range at.next.all() {
			i := int32(len(s.nodes))
			s.nodes = append(s.nodes, keyNode{key, next, above})
			s.order = append(s.order, i)
			walk(next, i)
		}
	}
	walk(o, -1)
	slices.SortFunc(s.order, func(i, j int32) int {
		a, b := s.nodes[i].at.pos, s.nodes[j].at.pos
		if order := cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column)); order != 0 {
			return order
		}
		return slices.Compare(s.path(i), s.path(j))
	})
	return s
}

func (s sortedKeys) all() iter.Seq[Key] {
	return func(yield func(Key) bool) {
		for _, i := range s.order {
			at := s.nodes[i].at
			if !yield(Key{Path: s.path(i), Pos: at.pos, Leaf: at.next.len() == 0}) {
				return
			}
		}
	}
}

// path returns the path of the node with an index.
func (s sortedKeys) path(i int32) diag.Path {
	depth := 0
	for at := i; at >= 0; at = s.nodes[at].above {
		depth++
	}
	path := make(diag.Path, depth)
	for at := i; at >= 0; at = s.nodes[at].above {
		depth--
		path[depth] = s.nodes[at].key
	}
	return path
}
