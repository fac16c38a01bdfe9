package merge

import (
	"bytes"
	"encoding/json"
	"strings"
)

// parseJSON cuts a JSON file into a tree, or says that this is no file to be
// merged by keys.
func parseJSON(text string) (*node, bool) {
	if !json.Valid([]byte(text)) {
		return nil, false
	}
	p := &jsonParser{text: text}
	p.blanks()
	if p.text[p.at] != '{' {
		return nil, false
	}
	root := &node{name: text[:p.at], line: 1}
	p.value(root)
	root.foot += text[p.at:]
	return root, !p.repeated
}

// jsonParser walks through text that is known to be valid.
type jsonParser struct {
	text string
	at   int
	// repeated holds when a key came twice.
	repeated bool
}

func (p *jsonParser) blanks() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

// value reads a value into a node whose name was read.
func (p *jsonParser) value(n *node) {
	start := p.at
	if p.text[p.at] != '{' {
		p.skip()
		n.value = p.text[start:p.at]
		n.canon = canonicalJSON(n.value)
		return
	}
	n.group = true
	p.at++
	n.name += "{"
	seen := map[string]bool{}
	for {
		from := p.at
		p.blanks()
		if p.text[p.at] == '}' {
			p.at++
			n.foot = p.text[from:p.at]
			return
		}
		if p.text[p.at] == ',' {
			last := n.entries[len(n.entries)-1]
			if last.group {
				last.foot += p.text[from:p.at]
			} else {
				last.trail = p.text[from:p.at]
			}
			p.at++
			continue
		}
		e := p.entry(from, n.indent)
		p.repeated = p.repeated || seen[e.key]
		seen[e.key] = true
		n.entries = append(n.entries, e)
	}
}

// entry reads a key and its value, and what stands above from an offset on. What
// begins on the line of the group counts as indented like that.
func (p *jsonParser) entry(from, indent int) *node {
	start := p.at
	e := &node{lead: p.text[from:start], indent: indent, line: strings.Count(p.text[:start], "\n") + 1}
	if i := strings.LastIndexByte(e.lead, '\n'); i >= 0 {
		e.indent = len(e.lead) - i - 1
	}
	p.skip()
	_ = json.Unmarshal([]byte(p.text[start:p.at]), &e.key) // the text is valid
	p.blanks()
	p.at++ // the colon
	p.blanks()
	e.name = p.text[start:p.at]
	p.value(e)
	return e
}

// skip moves behind a value.
func (p *jsonParser) skip() {
	switch p.text[p.at] {
	case '"':
		for p.at++; p.text[p.at] != '"'; p.at++ {
			if p.text[p.at] == '\\' {
				p.at++
			}
		}
		p.at++
	case '[', '{':
		depth := 0
		for {
			switch p.text[p.at] {
			case '"':
				p.skip()
				continue
			case '[', '{':
				depth++
			case ']', '}':
				depth--
			}
			p.at++
			if depth == 0 {
				return
			}
		}
	default:
		for p.at < len(p.text) && strings.IndexByte(",]} \t\r\n", p.text[p.at]) < 0 {
			p.at++
		}
	}
}

// canonicalJSON returns what a value means, as one text. Numbers keep their
// digits.
func canonicalJSON(text string) string {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return text
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return text
	}
	return b.String()
}
