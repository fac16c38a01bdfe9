package diag

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable returns a text that comes from elsewhere in a form that is safe to
// show: what a terminal would obey, or what would reorder the text around it, is
// written as an escape.
func Printable(s string) string {
	if strings.IndexFunc(s, IsHarmful) < 0 && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case !IsHarmful(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// PrintableLines is [Printable] for a text whose line breaks are meant.
func PrintableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = Printable(lines[i])
	}
	return strings.Join(lines, "\n")
}

// IsHarmful reports whether [Printable] writes a character as an escape.
func IsHarmful(r rune) bool {
	return r != '\t' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

// Count writes a number and its noun: 1 note, 2 notes.
func Count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}

// Size writes a number of bytes as people say it: 1.5 MiB.
func Size(n int64) string {
	const unit = 1024
	text := func(f float64) string { return strings.TrimSuffix(strconv.FormatFloat(f, 'f', 1, 64), ".0") }
	switch {
	case n < unit:
		return strconv.FormatInt(n, 10) + " B"
	case n < unit*unit:
		return text(float64(n)/unit) + " KiB"
	default:
		return text(float64(n)/(unit*unit)) + " MiB"
	}
}
