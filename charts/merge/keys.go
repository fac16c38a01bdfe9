package merge

import (
	"slices"
	"strings"

	"gantry/charts/diag"
)

// keys merges a file key by key, if its format is known and all versions of it
// can be read. The result is read again: should it not mean what was decided, the
// file is merged by lines instead.
func (m *merger) keys(t texts) (string, bool) {
	s, ok := parseTree(t.name)
	if !ok {
		return "", false
	}
	var roots [3]*node
	for i, text := range []string{t.base, t.yours, t.generated} {
		if i == 0 && t.noBase {
			roots[i] = &node{group: true}
			continue
		}
		if roots[i], ok = s.parse(text); !ok {
			return "", false
		}
	}
	changes, conflicts := len(m.result.Changes), len(m.result.Conflicts)
	k := &keyMerge{merger: m, file: t.name, syntax: s, noBase: t.noBase, commented: map[string]bool{}}
	root := k.group(nil, roots[0], roots[1], roots[2])
	root.name = k.comment(nil, roots[0].name, roots[1].name, roots[2].name)
	text := s.print(root)
	if k.marked {
		return text, true
	}
	if again, ok := s.parse(text); !ok || again.meaning() != root.meaning() {
		m.result.Changes, m.result.Conflicts = m.result.Changes[:changes], m.result.Conflicts[:conflicts]
		return "", false
	}
	return text, true
}

// keyMerge merges the trees of one file.
type keyMerge struct {
	*merger
	syntax
	file string
	// noBase holds where nothing is known of what was generated last time.
	noBase bool
	// marked holds when conflict markers were put in.
	marked bool
	// commented are the paths whose comments were told of.
	commented map[string]bool
}

// group merges the entries of a mapping. The person's order stays; what is new is
// put behind the entry that it follows in the generated file.
func (k *keyMerge) group(path diag.Path, base, yours, generated *node) *node {
	out := *yours
	out.entries = nil
	taken := map[string]bool{}
	for _, y := range yours.entries {
		b, g := base.find(y.key), generated.find(y.key)
		if g == nil && b != nil {
			g = generated.find(k.renamed(path, y.key))
		}
		if g != nil {
			taken[g.key] = true
		}
		if merged := k.entry(below(path, y.key), k.moved(b, y.indent), y, k.moved(g, y.indent)); merged != nil {
			out.entries = append(out.entries, merged)
		}
	}
	k.insert(path, &out, base, generated, taken)
	for _, b := range base.entries {
		if yours.find(b.key) == nil && generated.find(b.key) == nil {
			k.tell(below(path, b.key), Both, Removed, "")
		}
	}
	if k.lines {
		out.foot = k.comment(path, base.foot, yours.foot, generated.foot)
	} else if len(yours.entries) == 0 && len(out.entries) > 0 {
		out.foot = generated.foot
	}
	return &out
}

// insert puts the entries into a group that are generated and that the person
// does not have. Those that the person took away stay away.
func (k *keyMerge) insert(path diag.Path, out, base, generated *node, taken map[string]bool) {
	indent := -1
	if len(out.entries) > 0 {
		indent = out.entries[0].indent
	}
	for i, g := range generated.entries {
		if taken[g.key] {
			continue
		}
		at := below(path, g.key)
		if b := base.find(g.key); b != nil {
			if b.meaning() == g.meaning() {
				k.tell(at, Yours, Removed, "")
			} else {
				k.tell(at, Yours, Kept, "you took it away, and it stays away, though what is generated has changed")
			}
			continue
		}
		k.tell(at, Generated, Added, "")
		fresh := g
		if indent >= 0 {
			fresh = k.moved(g, indent)
		}
		out.entries = slices.Insert(out.entries, k.place(out, generated, i), fresh)
	}
}

// place returns where in a group the entry belongs that is the i-th of those
// generated: behind the nearest of its predecessors that is there.
func (k *keyMerge) place(out, generated *node, i int) int {
	for i--; i >= 0; i-- {
		key := generated.entries[i].key
		at := slices.IndexFunc(out.entries, func(e *node) bool { return e.key == key })
		if at >= 0 {
			return at + 1
		}
	}
	return 0
}

// entry merges an entry that the person has. It returns nil for one that goes.
func (k *keyMerge) entry(path diag.Path, b, y, g *node) *node {
	switch {
	case b == nil && g == nil:
		k.tell(path, Yours, Added, "")
		return y
	case b == nil && y.meaning() == g.meaning():
		if !k.noBase {
			k.tell(path, Both, Added, "")
		}
		return y
	case b == nil && y.group && g.group:
		return k.group(path, &node{group: true}, y, g)
	case k.noBase:
		return k.clash(path, otherwise, sides{nil, y, g})
	case b == nil:
		return k.clash(path, "you added it, and now it is generated, too", sides{nil, y, g})
	case g == nil && y.meaning() != b.meaning():
		return k.clash(path, "you changed it, and it is not generated any more: "+k.gone(path), sides{b, y, nil})
	case g == nil:
		note := ""
		if k.print(y) != k.print(b) {
			note = "with what you wrote beside it"
		}
		k.tell(path, Generated, Removed, note)
		return nil
	default:
		return k.pair(path, b, y, g)
	}
}

// pair merges an entry that all versions have.
func (k *keyMerge) pair(path diag.Path, b, y, g *node) *node {
	out := *y
	if k.lines {
		out.lead = k.comment(path, b.lead, y.lead, g.lead)
	}
	if g.key != y.key {
		out.key = g.key
		out.name = g.name
		k.report(Change{File: k.file, Path: replaceLast(path, g.key), From: Generated, What: Renamed, Was: path.String()})
		path = replaceLast(path, g.key)
	}
	if b.canon == "{}" && y.group && g.group {
		b = &node{group: true}
	}
	if b.group && y.group && g.group {
		merged := k.group(path, b, y, g)
		out.entries, out.foot = merged.entries, merged.foot
		return &out
	}
	before, mine, theirs := b.meaning(), y.meaning(), g.meaning()
	switch {
	case mine == before && theirs != before:
		k.tell(path, Generated, Altered, "")
		return k.withValue(&out, b, y, g)
	case mine == before && k.body(y) == k.body(b):
		return k.withValue(&out, b, y, g)
	case mine == before:
		k.tell(path, Yours, Altered, "in how it is written")
	case theirs == before:
		k.tell(path, Yours, Altered, "")
	case mine == theirs:
		k.tell(path, Both, Altered, "")
	default:
		return k.clash(path, "you changed it, and so does what is generated now", sides{b, &out, g})
	}
	return &out
}

// withValue puts the generated value into the person's entry, whose comment on
// the line stays.
func (k *keyMerge) withValue(out, b, y, g *node) *node {
	if y.group || g.group {
		out.name, out.value, out.trail = g.name, g.value, g.trail
		out.group, out.entries, out.foot = g.group, g.entries, g.foot
		return out
	}
	out.value, out.canon = g.value, g.canon
	if y.trail == b.trail || strings.Contains(g.value, "\n") {
		out.trail = g.trail
	}
	return out
}

// comment merges what stands around an entry and means nothing: where both sides
// worded it anew, the person's words stay.
func (k *keyMerge) comment(path diag.Path, base, yours, generated string) string {
	switch {
	case yours == base:
		return generated
	case yours == generated, k.noBase:
	case generated == base:
		k.tellComment(path, Altered, "in a comment")
	default:
		k.tellComment(path, Kept, "both sides changed the comment: yours stays")
	}
	return yours
}

// tellComment tells once of the comments at a path: they stand above and below.
func (k *keyMerge) tellComment(path diag.Path, what What, note string) {
	if key := path.String() + note; !k.commented[key] {
		k.commented[key] = true
		k.tell(path, Yours, what, note)
	}
}

// clash notes a conflict and returns what is written.
func (k *keyMerge) clash(path diag.Path, why string, s sides) *node {
	if choice, decided := k.decided(path); decided {
		note := "what you wrote stays"
		if choice == Theirs {
			note = "you have just asked for it"
		}
		k.report(Change{File: k.file, Path: path, From: sideOf(choice), What: Altered, Note: note})
		return s.chosen(choice)
	}
	k.result.Conflicts = append(k.result.Conflicts, Conflict{
		File: k.file, Path: path, Line: s.yours.line, Why: why, NoBase: k.noBase,
		Base: k.body(s.base), Yours: k.body(s.yours), Generated: k.body(s.generated),
	})
	if k.Conflicts == Markers {
		k.marked = true
		return &node{key: s.yours.key, indent: s.yours.indent, conflict: &s}
	}
	return s.chosen(k.Conflicts)
}

// chosen returns the side that a choice means.
func (s sides) chosen(choice Choice) *node {
	if choice != Theirs {
		return s.yours
	}
	if s.generated == nil {
		return nil
	}
	n := *s.generated
	n.lead = s.yours.lead
	return &n
}

func sideOf(choice Choice) Side {
	if choice == Theirs {
		return Generated
	}
	return Yours
}

// decided tells of keys that are no conflict: the versions in Chart.yaml are what
// people raise by hand, and stay unless another one was asked for.
func (k *keyMerge) decided(path diag.Path) (Choice, bool) {
	if k.file != "Chart.yaml" || len(path) != 1 || path[0] != "version" && path[0] != "appVersion" {
		return "", false
	}
	if slices.Contains(k.Asked, path[0]) {
		return Theirs, true
	}
	return Mine, true
}

// gone explains why a key is not generated any more.
func (k *keyMerge) gone(path diag.Path) string {
	for _, service := range services(k.base) {
		if path[0] == service.key && services(k.generated).find(service.key) == nil {
			return "the Compose files have no service " + service.name + " now"
		}
	}
	return "nothing in the Compose files asks for it now"
}

func (k *keyMerge) tell(path diag.Path, from Side, what What, note string) {
	k.report(Change{File: k.file, Path: path, From: from, What: what, Note: note})
}

func below(path diag.Path, key string) diag.Path { return append(slices.Clone(path), key) }

func replaceLast(path diag.Path, key string) diag.Path {
	return below(path[:len(path)-1], key)
}
