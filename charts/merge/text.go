package merge

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// The lines that mark a conflict, as git writes them with the base between the
// sides.
const (
	markYours     = "<<<<<<< yours\n"
	markBase      = "||||||| generated before\n"
	markSides     = "=======\n"
	markGenerated = ">>>>>>> generated now\n"
)

// Marked returns the line, from 1, of the first conflict marker that was left in a
// file, by a merge of ours or of git's, or 0.
func Marked(data []byte) int {
	begin, n := 0, 0
	for line := range bytes.Lines(data) {
		n++
		switch {
		case begin == 0 && bytes.HasPrefix(line, []byte("<<<<<<< ")):
			begin = n
		case bytes.HasPrefix(line, []byte(">>>>>>> ")):
			return begin
		}
	}
	return 0
}

// marked writes a conflict with markers.
func marked(yours, base, generated string) string {
	var b strings.Builder
	for _, part := range []struct{ mark, text string }{{markYours, yours}, {markBase, base}, {markSides, generated}} {
		b.WriteString(part.mark)
		b.WriteString(part.text)
		if part.text != "" && !strings.HasSuffix(part.text, "\n") {
			b.WriteByte('\n')
		}
	}
	b.WriteString(markGenerated)
	return b.String()
}

// isText reports whether a file can be merged by lines.
func isText(data []byte) bool { return utf8.Valid(data) && bytes.IndexByte(data, 0) < 0 }

// text merges a file line by line. Without a base, nobody can tell what one side has put
// in from what the other has taken out: whatever differs is a conflict.
func (m *merger) text(t texts) string {
	var out strings.Builder
	var mine, theirs, both int
	at := 1
	for _, c := range t.chunks() {
		left, right := strings.Join(c.yours, ""), strings.Join(c.generated, "")
		before := strings.Join(c.base, "")
		switch {
		case c.conflict:
			why := "you changed these lines, and so does what is generated now"
			if t.noBase {
				why = otherwise
			}
			out.WriteString(m.conflict(Conflict{
				File: t.name, Line: at, NoBase: t.noBase, Base: before, Yours: left, Generated: right, Why: why,
			}, marked(left, before, right)))
		case left == before && right == before:
			out.WriteString(left)
		default:
			if left != before {
				mine++
			}
			if right != before {
				theirs++
			}
			if left == right {
				both++
			}
			out.WriteString(strings.Join(c.merged(), ""))
		}
		at += len(c.yours)
	}
	m.countLines(t.name, mine-both, theirs-both)
	return out.String()
}

func (t texts) chunks() []chunk {
	yours, generated := splitLines(t.yours), splitLines(t.generated)
	if t.noBase {
		return differing(yours, generated)
	}
	return chunks(splitLines(t.base), yours, generated)
}

// countLines reports how many places of a file came from whom.
func (m *merger) countLines(name string, mine, theirs int) {
	if mine > 0 {
		m.report(Change{File: name, From: Yours, What: Altered, Places: mine})
	}
	if theirs > 0 {
		m.report(Change{File: name, From: Generated, What: Altered, Places: theirs})
	}
}

// withoutCR returns text whose lines end in LF, and whether they ended in CRLF.
func withoutCR(data []byte) (text string, crlf bool) {
	text = string(data)
	if n := strings.Count(text, "\n"); n > 0 && strings.Count(text, "\r\n") == n {
		return strings.ReplaceAll(text, "\r\n", "\n"), true
	}
	return text, false
}
