package merge

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"gantry/charts/pattern"
)

// parseYAML cuts a YAML file into a tree, or says that this is no file to be
// merged by keys: it cannot be read, or its root is not a mapping in block style.
func parseYAML(text string) (*node, bool) {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	var doc, more yaml.Node
	if err := decoder.Decode(&doc); err != nil || !errors.Is(decoder.Decode(&more), io.EOF) {
		return nil, false
	}
	p := &yamlParser{lines: splitLines(text)}
	top := doc.Content[0]
	if top.Kind != yaml.MappingNode || len(top.Content) == 0 || !p.isBlock(top) {
		return nil, false
	}
	first := top.Content[0].Line - 1
	head := first
	for head > 0 && strings.TrimSpace(p.lines[head-1]) != "" {
		head--
	}
	root := &node{group: true, name: strings.Join(p.lines[:head], ""), line: 1}
	root.entries, root.foot = p.entries(top, head, len(p.lines))
	return root, true
}

type yamlParser struct{ lines []string }

// entries cuts the lines from one to another, which hold a mapping, into its
// entries and what stands below them.
func (p *yamlParser) entries(mapping *yaml.Node, from, to int) (entries []*node, foot string) {
	for i := 0; i < len(mapping.Content); i += 2 {
		next := to
		if i+2 < len(mapping.Content) {
			next = mapping.Content[i+2].Line - 1
		}
		e, end := p.entry(mapping.Content[i], mapping.Content[i+1], from, next)
		entries = append(entries, e)
		from = end
	}
	return entries, strings.Join(p.lines[from:to], "")
}

// entry cuts one entry out: what stands above it from a line on, and at most the
// lines up to the next key. It returns where the entry ends.
func (p *yamlParser) entry(key, value *yaml.Node, from, next int) (*node, int) {
	at := key.Line - 1
	indent := key.Column - 1
	end := p.end(value, at, next, indent)
	line := p.lines[at][indent:]
	colon := keyLength(key, line)
	n := &node{
		key: key.Value, lead: strings.Join(p.lines[from:at], "") + p.lines[at][:indent],
		name: line[:colon], indent: indent, line: key.Line,
	}
	if value.Kind == yaml.MappingNode && len(value.Content) > 0 && p.isBlock(value) {
		n.group, n.name = true, line
		n.entries, n.foot = p.entries(value, at+1, end)
		return n, end
	}
	n.canon = canonical(value)
	n.value = line[colon:]
	if end > at+1 {
		n.value += strings.Join(p.lines[at+1:end], "")
		return n, end
	}
	n.value, n.trail = cutComment(n.value, value.LineComment+key.LineComment)
	return n, end
}

// cutComment splits the rest of a line into a value and what follows it.
func cutComment(rest, comment string) (value, trail string) {
	value = rest
	if i := strings.LastIndex(rest, comment); comment != "" && i >= 0 {
		value = rest[:i]
	}
	value = strings.TrimRight(value, " \t\n")
	return value, rest[len(value):]
}

// isBlock reports whether each entry of a mapping begins on a line of its own,
// under the first one, with a plain key.
func (p *yamlParser) isBlock(mapping *yaml.Node) bool {
	if mapping.Style&yaml.FlowStyle != 0 {
		return false
	}
	column := mapping.Content[0].Column
	seen := map[string]bool{}
	for i := 0; i < len(mapping.Content); i += 2 {
		key := mapping.Content[i]
		line := p.lines[key.Line-1]
		if key.Kind != yaml.ScalarNode || seen[key.Value] || key.Column != column || len(line) < column || strings.Trim(line[:column-1], " ") != "" ||
			keyLength(key, line[column-1:]) == 0 {
			return false
		}
		seen[key.Value] = true
	}
	return true
}

// keyLength returns the length of a key with its colon at the beginning of a
// text, or 0 if it is written in a way that is not looked into.
func keyLength(key *yaml.Node, line string) int {
	length := len(key.Value)
	switch {
	case strings.HasPrefix(line, `"`):
		length = len(doubleQuoted().FindString(line))
	case strings.HasPrefix(line, "'"):
		length = len(singleQuoted().FindString(line))
	case !strings.HasPrefix(line, key.Value):
		return 0
	}
	if length == 0 {
		return 0
	}
	rest := strings.TrimLeft(line[length:], " ")
	if !strings.HasPrefix(rest, ":") {
		return 0
	}
	return len(line) - len(rest) + 1
}

var (
	doubleQuoted = pattern.Lazy(`^"(?:[^"\\]|\\.)*"`)
	singleQuoted = pattern.Lazy(`^'(?:[^']|'')*'`)
	// keepsBlanks finds the head of a block of text whose last empty lines count.
	keepsBlanks = pattern.Lazy(`[|>][0-9]?\+[0-9]?\s*(?:#.*)?$`)
)

// end returns the line behind a value: comments and blank lines that follow it
// belong to the next key, unless they are indented like a part of the value.
func (p *yamlParser) end(value *yaml.Node, at, next, indent int) int {
	block := value.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0
	if block && keepsBlanks().MatchString(strings.TrimRight(p.lines[value.Line-1], "\n")) {
		return next
	}
	end := next
	for end > at+1 {
		text := strings.TrimSpace(p.lines[end-1])
		comment := strings.HasPrefix(text, "#") && !strings.ContainsAny(text, quotesOf(value))
		if text != "" && (!comment || block && p.indent(end-1) > indent) {
			break
		}
		end--
	}
	if block {
		return end
	}
	for i := end; i < next && (strings.TrimSpace(p.lines[i]) == "" || p.indent(i) > indent); i++ {
		if strings.TrimSpace(p.lines[i]) != "" {
			end = i + 1
		}
	}
	return end
}

// quotesOf returns the characters by which a value over several lines may end, in
// a line that looks like a comment and is none.
func quotesOf(value *yaml.Node) string {
	switch {
	case value.Style&yaml.DoubleQuotedStyle != 0:
		return `"`
	case value.Style&yaml.SingleQuotedStyle != 0:
		return "'"
	case value.Style&yaml.FlowStyle != 0:
		return "]}"
	default:
		return ""
	}
}

func (p *yamlParser) indent(line int) int {
	text := p.lines[line]
	return len(text) - len(strings.TrimLeft(text, " "))
}

// canonical returns what a YAML value means, as one text. Aliases are taken by
// their names, so that no file can grow when it is read.
func canonical(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		fields := map[string]string{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			fields[n.Content[i].Value] = canonical(n.Content[i+1])
		}
		return mappingCanon(fields)
	case yaml.SequenceNode:
		parts := make([]string, len(n.Content))
		for i, item := range n.Content {
			parts[i] = canonical(item)
		}
		return "[" + strings.Join(parts, ",") + "]"
	case yaml.AliasNode:
		return "*" + n.Value
	default:
		return fmt.Sprintf("%s%q", n.ShortTag(), n.Value)
	}
}

// parseTree returns how a file is merged by keys, if it is.
func parseTree(name string) (syntax, bool) {
	switch {
	case slices.Contains([]string{"values.yaml", "Chart.yaml"}, name):
		return yamlSyntax(), true
	case name == "values.schema.json":
		return jsonSyntax(), true
	default:
		return syntax{}, false
	}
}
