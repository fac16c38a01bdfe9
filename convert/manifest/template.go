package manifest

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// EncodeTemplate writes a tree as a template of a Helm chart. Text is escaped so
// that rendering gives back the same bytes, whatever it holds; only nodes of
// these kinds are actions of the template:
//
//   - Expr yields a scalar: image: {{ include "shop.image" . }}
//   - Action stands on a line of its own, in place of a field or an item, and
//     yields nothing itself: {{- with .Values.web.nodeSelector }}
//   - Insert yields lines of YAML, which are indented to where it stands. It is
//     the value of a key, or takes the place of a field or an item:
//     {{- toYaml . | nindent 8 }}
//   - Splice is the value of a field that is written as the Fields of the splice
//     instead: a field with the actions around it.
func EncodeTemplate(w io.Writer, n *Node) error {
	e := &encoder{w: bufio.NewWriter(w), quote: quoteTemplate, isBlock: isTemplateBlock, escape: escapeTemplate}
	e.block(n, 0)
	return e.w.Flush()
}

// EncodePart is Encode for a tree that becomes a part of a larger document, with
// empty lines behind it that are not its own.
func EncodePart(w io.Writer, n *Node) error {
	e := &encoder{w: bufio.NewWriter(w), quote: quote, isBlock: isClosedBlock, escape: unchanged}
	e.block(n, 0)
	return e.w.Flush()
}

// Line returns a field that is an action on a line of its own.
func Line(action string) Field { return Field{Value: &Node{Kind: Action, Value: action}} }

// Wrap returns the value that puts actions around fields.
func Wrap(fields ...Field) *Node { return &Node{Kind: Splice, Fields: fields} }

// isLine reports whether a node stands on a line of its own.
func isLine(n *Node) bool { return n.Kind == Action || n.Kind == Insert }

// line writes an action whose line is indented already. The dash takes away the
// line break before it, so that the action leaves no empty line.
func (e *encoder) line(n *Node, indent int) {
	if n.Kind == Insert {
		e.text("{{- ", n.Value, fmt.Sprintf(" | nindent %d }}\n", indent))
		return
	}
	e.text("{{- ", n.Value, " }}\n")
}

// noValue is what Helm deletes from everything that it renders: text/template
// prints it for a value that is missing.
const noValue = "<no value>"

// quoteTemplate is quote for text in a template.
func quoteTemplate(s string) string {
	if !strings.Contains(s, noValue) {
		return escapeTemplate(quote(s))
	}
	return escapeTemplate(strings.ReplaceAll(quoteAlways(s), noValue, `\x3cno value>`))
}

// escapeTemplate writes the braces that begin an action as an action that
// yields them.
func escapeTemplate(s string) string { return strings.ReplaceAll(s, "{{", `{{ "{{" }}`) }

// isTemplateBlock reports whether text survives in a literal block of a template:
// an action behind it takes away white space at its end, and Helm that at the
// end of a document, but for one line break.
func isTemplateBlock(s string) bool { return isClosedBlock(s) && !strings.Contains(s, noValue) }

// isClosedBlock reports whether text survives in a literal block whatever white
// space follows.
func isClosedBlock(s string) bool {
	body := strings.TrimSuffix(s, "\n")
	return isBlock(s) && strings.TrimRight(body, " \t\r\n") == body
}
