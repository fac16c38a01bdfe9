package helm

import (
	"cmp"
	"fmt"
	"strings"

	"gantry/convert/manifest"
)

// row is a row of the table of values in the README, in the columns of
// helm-docs.
type row struct{ Key, Type, Default, Description string }

func (b *builder) rows() []row {
	var rows []row
	b.root.leaves(func(e *entry) {
		if !e.rare() {
			rows = append(rows, row{
				Key: strings.Join(e.path, "."), Type: typeName(e.value), Default: code(compact(e.value)), Description: cell(cmp.Or(e.comment, b.parentComment(e))),
			})
		}
	})
	return rows
}

// parentComment is that of the group of a value which says nothing itself.
func (b *builder) parentComment(e *entry) string {
	for _, group := range b.root.entries {
		if len(e.path) > 1 && group.key == e.path[0] {
			return group.comment
		}
	}
	return ""
}

// rareRows are those of the values that are not repeated for each service.
func (b *builder) rareRows() []row {
	var rows []row
	for _, e := range b.root.rareEntries() {
		rows = append(rows, row{Key: e.place(), Type: typeName(e.value), Description: cell(e.comment)})
	}
	return rows
}

func typeName(n *manifest.Node) string {
	switch {
	case n.Kind == manifest.Map:
		return "object"
	case n.Kind == manifest.Sequence:
		return "list"
	case n.Kind == manifest.String:
		return "string"
	case n.Value == "true" || n.Value == "false":
		return "bool"
	default:
		return "int"
	}
}

// compact writes a value on one line, as JSON.
func compact(n *manifest.Node) string {
	switch n.Kind {
	case manifest.Map:
		parts := make([]string, len(n.Fields))
		for i, f := range n.Fields {
			parts[i] = fmt.Sprintf("%q:%s", f.Key, compact(f.Value))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case manifest.Sequence:
		parts := make([]string, len(n.Items))
		for i, item := range n.Items {
			parts[i] = compact(item)
		}
		return "[" + strings.Join(parts, ",") + "]"
	case manifest.String:
		return fmt.Sprintf("%q", n.Value)
	default:
		return n.Value
	}
}

// code puts text between as many backticks as it needs.
func code(s string) string {
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if len(fence) > 1 {
		s = " " + s + " "
	}
	return cell(fence + s + fence)
}

// cell escapes what would end a cell of a table.
func cell(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "|", `\|`), "\n", " ")
}
