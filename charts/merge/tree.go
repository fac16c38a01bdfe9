package merge

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// node is an entry of a mapping as it is written: its text is cut into parts,
// which together are the text, byte for byte. The root of a file is a node, too.
type node struct {
	key string
	// lead is what stands above and before the key: comments, blank lines, indentation.
	lead string
	// name is the key as written, with the colon; of a group also what follows up to
	// its first entry.
	name string
	// value is the value of a leaf as written, and trail what follows it on its line.
	value, trail string
	// canon is what the value means, whatever it looks like. Groups have it from
	// their entries.
	canon string
	// group holds for mappings whose entries are nodes themselves. foot is what
	// stands below the last one.
	group   bool
	entries []*node
	foot    string
	// indent is how many blanks the key stands behind, and line where, from 1.
	indent, line int
	// conflict is set in the place of everything else.
	conflict *sides
}

// sides are the versions of an entry that is written with conflict markers.
type sides struct{ base, yours, generated *node }

// find returns the entry with a key, or nil.
func (n *node) find(key string) *node {
	for _, e := range n.entries {
		if e.key == key {
			return e
		}
	}
	return nil
}

// meaning returns what a value means, as one text; the order of keys does not
// count.
func (n *node) meaning() string {
	if !n.group {
		return n.canon
	}
	fields := map[string]string{}
	for _, e := range n.entries {
		fields[e.key] = e.meaning()
	}
	return mappingCanon(fields)
}

// mappingCanon is what a mapping means, given what its values mean.
func mappingCanon(fields map[string]string) string {
	var b strings.Builder
	b.WriteByte('{')
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		fmt.Fprintf(&b, "%q:%s,", key, fields[key])
	}
	b.WriteByte('}')
	return b.String()
}

// leaves calls visit with the path of every value below the node.
func (n *node) leaves(path []string, visit func(path []string, leaf *node)) {
	if !n.group {
		visit(path, n)
		return
	}
	for _, e := range n.entries {
		e.leaves(append(slices.Clone(path), e.key), visit)
	}
}

// syntax is how a format writes trees.
type syntax struct {
	// separator stands between two entries.
	separator string
	// lines holds where entries begin and end with a line of their own.
	lines bool
	parse func(text string) (*node, bool)
}

func yamlSyntax() syntax { return syntax{lines: true, parse: parseYAML} }
func jsonSyntax() syntax { return syntax{separator: ",", parse: parseJSON} }

// print writes a tree as text.
func (s syntax) print(n *node) string {
	var b strings.Builder
	s.write(&b, n, "")
	return b.String()
}

// write writes a node with everything around it.
func (s syntax) write(b *strings.Builder, n *node, separator string) {
	if s.lines && b.Len() > 0 && !strings.HasSuffix(b.String()[b.Len()-1:], "\n") {
		b.WriteByte('\n') // the file of the person ended without
	}
	if n.conflict != nil {
		s.writeConflict(b, n, separator)
		return
	}
	b.WriteString(n.lead)
	s.writeBody(b, n)
	b.WriteString(separator)
}

// writeBody writes the key and its value, without what stands above.
func (s syntax) writeBody(b *strings.Builder, n *node) {
	b.WriteString(n.name)
	if !n.group {
		b.WriteString(n.value + n.trail)
		return
	}
	for i, e := range n.entries {
		separator := s.separator
		if i == len(n.entries)-1 {
			separator = ""
		}
		s.write(b, e, separator)
	}
	b.WriteString(n.foot)
}

// body returns the lines of an entry without what stands above it.
func (s syntax) body(n *node) string {
	if n == nil {
		return ""
	}
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", n.indent))
	s.writeBody(&b, n)
	return b.String()
}

// writeConflict writes the sides of a conflict between markers, with the comments
// of the person's side above.
func (s syntax) writeConflict(b *strings.Builder, n *node, separator string) {
	above := strings.TrimRight(n.conflict.yours.lead, " ")
	if !s.lines && !strings.HasSuffix(above, "\n") {
		above += "\n"
	}
	b.WriteString(above)
	text := func(side *node) string {
		if side == nil {
			return ""
		}
		return s.body(side) + separator
	}
	out := marked(text(n.conflict.yours), text(n.conflict.base), text(n.conflict.generated))
	if !s.lines {
		out = strings.TrimSuffix(out, "\n")
	}
	b.WriteString(out)
}

// moved returns a copy of a node that stands behind another number of blanks.
func (s syntax) moved(n *node, indent int) *node {
	if n == nil || n.indent == indent {
		return n
	}
	return s.shifted(n, indent-n.indent)
}

func (s syntax) shifted(n *node, by int) *node {
	c := *n
	c.indent += by
	c.lead, c.foot = shift(n.lead, by, s.lines, true), shift(n.foot, by, s.lines, false)
	c.name, c.value, c.trail = shift(n.name, by, false, false), shift(n.value, by, false, false), shift(n.trail, by, false, false)
	c.entries = nil
	for _, e := range n.entries {
		c.entries = append(c.entries, s.shifted(e, by))
	}
	return &c
}

// shift moves lines to the right or to the left: the first one if the text begins
// with a whole line, and the last one even if nothing is on it yet.
func shift(text string, by int, whole, open bool) string {
	var b strings.Builder
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		switch {
		case i == 0 && !whole, line == "\n", line == "" && (!open || i < len(lines)-1):
		case by > 0:
			line = strings.Repeat(" ", by) + line
		default:
			line = line[min(-by, len(line)-len(strings.TrimLeft(line, " "))):]
		}
		b.WriteString(line)
	}
	return b.String()
}
