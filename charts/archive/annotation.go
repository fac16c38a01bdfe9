package archive

import (
	"bytes"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// SetField returns the text of a Chart.yaml with another value of a key at its
// root. Everything around the value stays as it was written.
func SetField(data []byte, key, value string) ([]byte, error) {
	out, err := setScalar(data, key, value)
	if err != nil {
		return nil, fault(metadataFile, err)
	}
	return out, nil
}

// SetAnnotation returns the text of a Chart.yaml with an annotation. Everything
// around it stays as it was written, unless the annotations are a flow mapping
// ({a: b}) or the whole is indented: that is written anew.
func SetAnnotation(data []byte, key, value string) ([]byte, error) {
	root, err := rootMapping(data)
	if err != nil {
		return nil, fault(metadataFile, err)
	}
	lines := strings.SplitAfter(strings.TrimRight(string(data), "\n")+"\n", "\n")
	lines = lines[:len(lines)-1]
	at, annotations := member(root, "annotations")
	switch {
	case root.Style&yaml.FlowStyle != 0, root.Column > 1, annotations != nil && annotations.Kind == yaml.MappingNode && annotations.Style&yaml.FlowStyle != 0 && len(annotations.Content) > 0:
		return reencoded(data, key, value)
	case annotations == nil:
		lines = append(lines, "annotations:\n")
		return joined(lines, len(lines), len(lines), annotation(2, key, value)), nil
	case annotations.Kind != yaml.MappingNode || len(annotations.Content) == 0:
		// Nothing, null or {}: the key begins anew.
		from, to := at.Line-1, blockEnd(lines, at)
		return joined(lines, from, to, "annotations:\n"+annotation(2, key, value)), nil
	}
	indent := annotations.Content[0].Column - 1
	if have, _ := member(annotations, key); have != nil {
		return joined(lines, have.Line-1, blockEnd(lines, have), annotation(indent, key, value)), nil
	}
	end := blockEnd(lines, annotations.Content[len(annotations.Content)-2])
	return joined(lines, end, end, annotation(indent, key, value)), nil
}

func rootMapping(data []byte) (*yaml.Node, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, syntaxError(data, err)
	}
	if doc.Kind != yaml.DocumentNode || doc.Content[0].Kind != yaml.MappingNode {
		return nil, errNoMapping
	}
	return doc.Content[0], nil
}

// member returns the nodes of a key and of its value, or nil.
func member(mapping *yaml.Node, key string) (name, value *yaml.Node) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i], mapping.Content[i+1]
		}
	}
	return nil, nil
}

// blockEnd returns the index of the line behind the value of a key: the first
// that is not indented more than the key. Empty lines at the end are not the
// value's.
func blockEnd(lines []string, key *yaml.Node) int {
	end := key.Line
	for i := key.Line; i < len(lines); i++ {
		text := strings.TrimLeft(lines[i], " ")
		if strings.TrimSpace(text) == "" {
			continue
		}
		if len(lines[i])-len(text) < key.Column {
			break
		}
		end = i + 1
	}
	return end
}

// annotation writes a key and its text, as a block where it has several lines.
func annotation(indent int, key, value string) string {
	margin := strings.Repeat(" ", indent)
	if !strings.Contains(value, "\n") || !blockText(value) {
		return fmt.Sprintf("%s%s: %s\n", margin, key, quoted(value))
	}
	style := "|"
	if !strings.HasSuffix(value, "\n") {
		style = "|-"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s: %s\n", margin, key, style)
	for line := range strings.Lines(strings.TrimSuffix(value, "\n") + "\n") {
		if line != "\n" {
			b.WriteString(margin + "  ")
		}
		b.WriteString(line)
	}
	return b.String()
}

// blockText reports whether a text can be a block of YAML as it is.
func blockText(text string) bool {
	return !strings.HasPrefix(text, " ") && !strings.HasPrefix(text, "\n") && !strings.HasSuffix(text, "\n\n") &&
		!strings.ContainsFunc(text, func(r rune) bool {
			return r != '\n' && (r < ' ' || r == 0x7f || r == '\u0085' || r == '\u2028' || r == '\u2029' || r == '\ufeff')
		})
}

// joined replaces lines by a text.
func joined(lines []string, from, to int, text string) []byte {
	var b bytes.Buffer
	for _, line := range lines[:from] {
		b.WriteString(line)
	}
	b.WriteString(text)
	for _, line := range lines[to:] {
		b.WriteString(line)
	}
	return b.Bytes()
}

// reencoded sets an annotation where it cannot be written into the text.
func reencoded(data []byte, key, value string) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fault(metadataFile, syntaxError(data, err))
	}
	set := func(mapping *yaml.Node, key string, value *yaml.Node) *yaml.Node {
		if _, have := member(mapping, key); have != nil && value.Kind == yaml.ScalarNode {
			*have = *value
		} else if have != nil && have.Kind == yaml.MappingNode {
			return have
		} else {
			mapping.Content = append(mapping.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, value)
		}
		return value
	}
	annotations := set(doc.Content[0], "annotations", &yaml.Node{Kind: yaml.MappingNode})
	annotations.Style = 0
	set(annotations, key, &yaml.Node{Kind: yaml.ScalarNode, Value: value, Style: yaml.DoubleQuotedStyle})
	return yaml.Marshal(&doc)
}
