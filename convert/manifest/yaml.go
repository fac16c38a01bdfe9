package manifest

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"gantry/charts/pattern"
)

// Encode writes a node as a YAML document in block style, two spaces a level,
// lists indented below their key. The same node always gives the same bytes.
func Encode(w io.Writer, n *Node) error {
	e := &encoder{w: bufio.NewWriter(w), quote: quote, isBlock: isBlock, escape: unchanged}
	e.block(n, 0)
	return e.w.Flush()
}

// encoder writes block-style YAML. Errors of the writer surface in Flush.
type encoder struct {
	w *bufio.Writer
	// quote and isBlock decide how text is written, and escape is applied to
	// blocks: a template has more to watch for than YAML.
	quote, escape func(string) string
	isBlock       func(string) bool
}

func (e *encoder) text(parts ...string) {
	for _, s := range parts {
		e.w.WriteString(s)
	}
}

// block writes a node that starts on a line of its own.
func (e *encoder) block(n *Node, indent int) {
	switch {
	case n.Kind == Map && len(n.Fields) > 0:
		e.fields(n.Fields, indent)
	case n.Kind == Sequence && len(n.Items) > 0:
		for _, item := range n.Items {
			e.pad(indent)
			e.item(item, indent)
		}
	case n.Kind == Action || n.Kind == Insert:
		e.pad(indent)
		e.line(n, indent)
	default:
		e.pad(indent)
		e.inline(n, indent)
	}
}

// fields writes fields on lines of their own.
func (e *encoder) fields(fields []Field, indent int) {
	for _, f := range fields {
		if f.Value.Kind == Splice {
			e.fields(f.Value.Fields, indent)
			continue
		}
		e.pad(indent)
		e.field(f, indent)
	}
}

func (e *encoder) pad(indent int) {
	for range indent {
		e.w.WriteByte(' ')
	}
}

// maxImplicitKey is how long a key may be that no ? announces (YAML 1.2, section 7.4.2).
const maxImplicitKey = 1024

// field writes a key, whose indentation is written already, and its value.
func (e *encoder) field(f Field, indent int) {
	if f.Key == "" && isLine(f.Value) {
		e.line(f.Value, indent)
		return
	}
	if key := e.quote(f.Key); len(key) > maxImplicitKey {
		e.text("? ", key, "\n")
		e.pad(indent)
		e.text(":")
	} else {
		e.text(key, ":")
	}
	if nested(f.Value) {
		e.text("\n")
		e.block(f.Value, indent+2)
		return
	}
	e.text(" ")
	e.inline(f.Value, indent)
}

// item writes a list item. The first key of a mapping stands beside the dash.
func (e *encoder) item(n *Node, indent int) {
	if isLine(n) {
		e.line(n, indent)
		return
	}
	e.text("- ")
	switch {
	case n.Kind == Map && len(n.Fields) > 0:
		e.field(n.Fields[0], indent+2)
		e.fields(n.Fields[1:], indent+2)
	case n.Kind == Sequence && len(n.Items) > 0:
		e.item(n.Items[0], indent+2)
		for _, item := range n.Items[1:] {
			e.pad(indent + 2)
			e.item(item, indent+2)
		}
	default:
		e.inline(n, indent)
	}
}

func nested(n *Node) bool {
	return n.Kind == Map && len(n.Fields) > 0 || n.Kind == Sequence && len(n.Items) > 0 || isLine(n)
}

// inline writes a value behind a key or a dash, and ends the line.
func (e *encoder) inline(n *Node, indent int) {
	switch n.Kind {
	case Map:
		e.text("{}\n")
	case Sequence:
		e.text("[]\n")
	case Literal:
		e.text(n.Value, "\n")
	case String:
		if e.isBlock(n.Value) {
			e.literalBlock(n.Value, indent+2)
			return
		}
		e.text(e.quote(n.Value), "\n")
	case Expr:
		e.text("{{ ", n.Value, " }}\n")
	case Action, Insert, Splice:
		// Written by block and fields, on lines of their own.
	}
}

// literalBlock writes text that has several lines, byte for byte.
func (e *encoder) literalBlock(s string, indent int) {
	e.text("|")
	if s[0] == ' ' || s[0] == '\n' {
		e.text("2") // the indentation cannot be read off the first line
	}
	body, found := strings.CutSuffix(s, "\n")
	switch {
	case !found:
		e.text("-")
	case strings.HasSuffix(body, "\n"):
		e.text("+")
	}
	e.text("\n")
	for line := range strings.SplitSeq(body, "\n") {
		if line != "" {
			e.pad(indent)
		}
		e.text(e.escape(line), "\n")
	}
}

// isBlock reports whether text survives a literal block unchanged and reads
// better as one.
func isBlock(s string) bool {
	body := strings.TrimRight(s, "\n")
	if !strings.Contains(s, "\n") || body == "" {
		return false
	}
	for _, r := range s {
		if r != '\n' && r != '\t' && !printable(r) {
			return false
		}
	}
	return utf8.ValidString(s)
}

// printable reports whether YAML 1.2 allows the rune in a scalar without
// quotes, and no reader takes it for a line break or a byte order mark.
func printable(r rune) bool {
	switch {
	case r < 0x20 || r >= 0x7f && r <= 0x9f:
		return false
	case r == 0x2028 || r == 0x2029 || r == 0xfeff || r == utf8.RuneError:
		return false
	case r >= 0xfff0 && r <= 0xffff:
		return false
	default:
		return true
	}
}

// quote returns text as a one-line scalar: plain where every YAML reader, 1.1
// and 1.2, reads it back as the same text, and in double quotes otherwise.
func quote(s string) string {
	if isPlain(s) {
		return s
	}
	return quoteAlways(s)
}

// quoteAlways returns text in double quotes.
func quoteAlways(s string) string {
	// The escapes of a Go string are a subset of those of YAML 1.2, section 5.7,
	// but for DEL and the runes that Go deems printable and YAML does not.
	return strings.NewReplacer("\u0085", `\u0085`, "\u2028", `\u2028`, "\u2029", `\u2029`, "\ufeff", `\ufeff`).Replace(strconv.Quote(s))
}

// quantityPattern are the amounts of Kubernetes that no YAML reader takes for a
// number.
var quantityPattern = pattern.Lazy(`^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti|ms|s|h)$`)

func isPlain(s string) bool {
	if s == "" || len(s) > maxPlain {
		return false
	}
	if s[0] >= '0' && s[0] <= '9' {
		return quantityPattern().MatchString(s)
	}
	if !startsPlain(s) {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9':
		case c == ':' && (i+1 == len(s) || s[i+1] == ' '), c == ' ' && (i+1 == len(s) || s[i+1] == '#'):
			return false
		case strings.IndexByte(` ./_-$()@%+,=:~^*!?;<>&'"|\`, c) < 0:
			return false
		}
	}
	return !isKeyword(s)
}

// maxPlain keeps long texts, which are data more often than words, in quotes.
const maxPlain = 1024

// startsPlain reports whether text begins as no number and no other piece of
// YAML does: with a letter, / . _ $ or (, behind up to two hyphens.
func startsPlain(s string) bool {
	word := strings.TrimPrefix(s, "-")
	word = strings.TrimPrefix(word, "-")
	if word == "" {
		return false
	}
	switch c := word[0]; {
	case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '/' || c == '_' || c == '$' || c == '(':
		return true
	case c == '.': // .5, .inf, .nan and the end of a document
		return len(word) > 1 && (word[1] == '/' || word[1] == '_')
	default:
		return false
	}
}

// isKeyword reports whether YAML 1.1 or 1.2 reads the word as true, false or
// null.
func isKeyword(s string) bool {
	if len(s) > len("false") {
		return false
	}
	switch strings.ToLower(s) {
	case "true", "false", "yes", "no", "on", "off", "y", "n", "null":
		return true
	default:
		return false
	}
}

func unchanged(s string) string { return s }
