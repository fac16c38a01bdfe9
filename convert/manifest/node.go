package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// NodeKind tells what a [Node] is.
type NodeKind int

const (
	// Map is a mapping; its keys keep the order of Fields.
	Map NodeKind = iota
	// Sequence is a list of Items.
	Sequence
	// String is text, quoted as needed.
	String
	// Literal is a number, true, false or null, printed as it stands.
	Literal
	// Expr is a value that a template works out. It and the kinds below stand in
	// the tree of a template only; see [EncodeTemplate].
	Expr
	// Action is a line of a template that yields nothing itself.
	Action
	// Insert is a line of a template that yields lines of YAML.
	Insert
	// Splice is a value in whose place its Fields are written.
	Splice
)

// Node is a YAML value whose keys keep their order. Objects become nodes in the
// order in which the Kubernetes API declares their fields, which is the order
// in which people write them; a chart's templates are made by changing nodes.
type Node struct {
	Kind   NodeKind
	Value  string // all but Map, Sequence and Splice
	Fields []Field
	Items  []*Node
}

// Field is one key of a mapping.
type Field struct {
	Key   string
	Value *Node
}

// Text returns a String node.
func Text(s string) *Node { return &Node{Kind: String, Value: s} }

// Get returns the value at a path of keys, or nil.
func (n *Node) Get(path ...string) *Node {
	for _, key := range path {
		if n == nil || n.Kind != Map {
			return nil
		}
		i := n.index(key)
		if i < 0 {
			return nil
		}
		n = n.Fields[i].Value
	}
	return n
}

// Set replaces the value of a key, or appends the key.
func (n *Node) Set(key string, value *Node) {
	if i := n.index(key); i >= 0 {
		n.Fields[i].Value = value
		return
	}
	n.Fields = append(n.Fields, Field{key, value})
}

// Delete removes a key.
func (n *Node) Delete(key string) {
	if i := n.index(key); i >= 0 {
		n.Fields = slices.Delete(n.Fields, i, i+1)
	}
}

// moveFirst puts a key in front of all others.
func (n *Node) moveFirst(key string) {
	if i := n.index(key); i > 0 {
		f := n.Fields[i]
		n.Fields = slices.Insert(slices.Delete(n.Fields, i, i+1), 0, f)
	}
}

// moveLast puts a key behind all others.
func (n *Node) moveLast(key string) {
	if i := n.index(key); i >= 0 {
		f := n.Fields[i]
		n.Fields = append(slices.Delete(n.Fields, i, i+1), f)
	}
}

func (n *Node) index(key string) int {
	return slices.IndexFunc(n.Fields, func(f Field) bool { return f.Key == key })
}

// empty reports whether the node holds nothing.
func (n *Node) empty() bool {
	switch n.Kind {
	case Map:
		return len(n.Fields) == 0
	case Sequence:
		return len(n.Items) == 0
	case Literal:
		return n.Value == "null"
	default:
		return false
	}
}

// NodeOf returns a value as a node: fields in the order of their declaration,
// map keys sorted.
func NodeOf(value any) (*Node, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", value, err)
	}
	r := &reader{data: data}
	return r.value(), nil
}

// reader turns what json.Marshal wrote into nodes, in one pass. It reads no other
// JSON: there are no blanks and no mistakes. (The decoder of encoding/json takes
// ten times as long, which is felt at a thousand services.)
type reader struct {
	data []byte
	pos  int
}

func (r *reader) value() *Node {
	switch r.data[r.pos] {
	case '{':
		n := &Node{Kind: Map}
		for r.pos++; r.data[r.pos] != '}'; r.comma() {
			key := r.text()
			r.pos++ // the colon
			n.Fields = append(n.Fields, Field{key, r.value()})
		}
		r.pos++
		return n
	case '[':
		n := &Node{Kind: Sequence}
		for r.pos++; r.data[r.pos] != ']'; r.comma() {
			n.Items = append(n.Items, r.value())
		}
		r.pos++
		return n
	case '"':
		return Text(r.text())
	default:
		start := r.pos
		for r.pos < len(r.data) && !bytes.ContainsRune([]byte(",]}"), rune(r.data[r.pos])) {
			r.pos++
		}
		return &Node{Kind: Literal, Value: string(r.data[start:r.pos])}
	}
}

func (r *reader) comma() {
	if r.data[r.pos] == ',' {
		r.pos++
	}
}

// text reads a string.
func (r *reader) text() string {
	start, escaped := r.pos, false
	for r.pos++; r.data[r.pos] != '"'; r.pos++ {
		if r.data[r.pos] == '\\' {
			escaped = true
			r.pos++
		}
	}
	r.pos++
	if !escaped {
		return string(r.data[start+1 : r.pos-1])
	}
	var s string
	if err := json.Unmarshal(r.data[start:r.pos], &s); err != nil {
		panic(err) // json.Marshal wrote it
	}
	return s
}
