package compose

import (
	"iter"
	"slices"
)

// children are the origins below one, by their keys. There are few as a rule, and
// thousands of such parents: a list of them takes a third of the memory of a map, of
// which the keys that are looked for among many get one.
type children struct {
	few  []namedOrigin
	many map[string]*origin
	// items is how many items a list has so far.
	items int
}

type namedOrigin struct {
	key string
	*origin
}

// maxFew is how many children are looked through one by one.
const maxFew = 8

// get returns a child, or nil. It may be called on nil.
func (c *children) get(key string) *origin {
	if c == nil {
		return nil
	}
	if c.many != nil {
		return c.many[key]
	}
	if i := c.find(key); i >= 0 {
		return c.few[i].origin
	}
	return nil
}

func (c *children) find(key string) int {
	return slices.IndexFunc(c.few, func(n namedOrigin) bool { return n.key == key })
}

// set puts a child under a key, in place of the one that may be there.
func (c *children) set(key string, o *origin) {
	i := c.find(key)
	switch {
	case c.many != nil:
		c.many[key] = o
	case i >= 0:
		c.few[i].origin = o
	case len(c.few) < maxFew:
		c.few = append(c.few, namedOrigin{key, o})
	default:
		c.many = map[string]*origin{key: o}
		for _, n := range c.few {
			c.many[n.key] = n.origin
		}
		c.few = nil
	}
}

// remove takes a child away, if there is one. It may be called on nil.
func (c *children) remove(key string) {
	if c == nil {
		return
	}
	delete(c.many, key)
	c.few = slices.DeleteFunc(c.few, func(n namedOrigin) bool { return n.key == key })
}

// len is how many there are. It may be called on nil.
func (c *children) len() int {
	if c == nil {
		return 0
	}
	return len(c.few) + len(c.many)
}

// all returns the children in no order. It may be called on nil.
func (c *children) all() iter.Seq2[string, *origin] {
	return func(yield func(string, *origin) bool) {
		if c == nil {
			return
		}
		for _, n := range c.few {
			if !yield(n.key, n.origin) {
				return
			}
		}
		for key, o := range c.many {
			if !yield(key, o) {
				return
			}
		}
	}
}

// clone copies the children with all that lies below them. It may be called on nil.
func (c *children) clone() *children {
	if c == nil {
		return nil
	}
	out := &children{items: c.items}
	for key, o := range c.all() {
		out.set(key, o.clone())
	}
	return out
}
