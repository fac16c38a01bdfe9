package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
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
)

// Node is a YAML value whose keys keep their order. Objects become nodes in the
// order in which the Kubernetes API declares their fields, which is the order
// in which people write them; a chart's templates are made by changing nodes.
type Node struct {
	Kind   NodeKind
	Value  string // String and Literal
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
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return decode(dec)
}

func decode(dec *json.Decoder) (*Node, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case json.Delim:
		if v == '{' {
			return decodeMap(dec)
		}
		return decodeSequence(dec)
	case string:
		return Text(v), nil
	case nil:
		return &Node{Kind: Literal, Value: "null"}, nil
	default:
		return &Node{Kind: Literal, Value: fmt.Sprint(v)}, nil
	}
}

func decodeMap(dec *json.Decoder) (*Node, error) {
	n := &Node{Kind: Map}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		value, err := decode(dec)
		if err != nil {
			return nil, err
		}
		name, ok := key.(string)
		if !ok {
			return nil, io.ErrUnexpectedEOF
		}
		n.Fields = append(n.Fields, Field{name, value})
	}
	_, err := dec.Token()
	return n, err
}

func decodeSequence(dec *json.Decoder) (*Node, error) {
	n := &Node{Kind: Sequence}
	for dec.More() {
		item, err := decode(dec)
		if err != nil {
			return nil, err
		}
		n.Items = append(n.Items, item)
	}
	_, err := dec.Token()
	return n, err
}
