package screen

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/width"
)

// Screen is the end of a terminal. Its methods may be called by several goroutines.
type Screen struct {
	w    io.Writer
	size func() (columns, rows int)

	mu sync.Mutex
	// drawn are the widths of the lines that are on the terminal now.
	drawn  []int
	hidden bool
}

// The size of a terminal that does not tell.
const (
	usualColumns = 80
	usualRows    = 24
)

// New returns the end of the terminal that w is. Size is asked before each drawing.
func New(w io.Writer, size func() (columns, rows int)) *Screen {
	return &Screen{w: w, size: size}
}

// What a terminal is told.
const (
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
	// Between these two, terminals that know them show nothing of what changes.
	beginFrame = "\x1b[?2026h"
	endFrame   = "\x1b[?2026l"
	eraseBelow = "\x1b[J"
	reset      = "\x1b[0m"
)

// Draw replaces what was drawn before. Lines that are too long are cut; of too
// many, the last ones are left out, but for the very last.
func (s *Screen) Draw(lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	columns, rows := s.measure()
	if room := rows - 1; len(lines) > room {
		kept, last := max(room-2, 0), lines[len(lines)-1]
		more := fmt.Sprintf("… and %d lines more", len(lines)-kept-1)
		lines = append(slices.Clone(lines[:kept]), more, last)
		lines = lines[len(lines)-room:]
	}
	var b strings.Builder
	b.WriteString(beginFrame)
	if !s.hidden {
		b.WriteString(hideCursor)
	}
	s.hidden = true
	b.WriteString(s.back(columns))
	s.drawn = s.drawn[:0]
	for _, line := range lines {
		text, columns := Clip(line, columns-1)
		b.WriteString(text + "\n")
		s.drawn = append(s.drawn, columns)
	}
	b.WriteString(endFrame)
	_, _ = io.WriteString(s.w, b.String()) // a terminal that is gone shows nothing
}

// Print writes text for good, above what is drawn. The next Draw draws it again.
func (s *Screen) Print(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	columns, _ := s.measure()
	_, _ = io.WriteString(s.w, beginFrame+s.back(columns)+strings.TrimRight(text, "\n")+"\n"+endFrame)
	s.drawn = s.drawn[:0]
}

// Close takes away what is drawn, and shows the cursor again.
func (s *Screen) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	columns, _ := s.measure()
	text := s.back(columns)
	if s.hidden {
		text += showCursor
	}
	_, _ = io.WriteString(s.w, text)
	s.drawn, s.hidden = nil, false
}

func (s *Screen) measure() (columns, rows int) {
	columns, rows = s.size()
	if columns <= 1 {
		columns = usualColumns
	}
	if rows <= 1 {
		rows = usualRows
	}
	return columns, rows
}

// back moves to the beginning of what is drawn, and erases it. A terminal that has
// become narrower since has broken lines in two.
func (s *Screen) back(columns int) string {
	up := 0
	for _, n := range s.drawn {
		up += max(1, (n+columns-1)/columns)
	}
	if up == 0 {
		return "\r" + eraseBelow
	}
	return fmt.Sprintf("\r\x1b[%dA%s", up, eraseBelow)
}

// Clip cuts a line after a number of columns, and returns how many it takes.
// Colours do not count, and end with the line; other control characters are left
// out, because texts of others must not move the cursor.
func Clip(line string, columns int) (clipped string, taken int) {
	var b strings.Builder
	colored := false
	runes := []rune(line)
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		if n := colorAt(runes[i:]); n > 0 {
			b.WriteString(string(runes[i : i+n]))
			colored = true
			i += n - 1
			continue
		}
		if unicode.IsControl(r) {
			continue
		}
		w := columnsOf(r)
		if taken+w > columns {
			break
		}
		if taken+w == columns && moreFollows(runes[i+1:]) && w == 1 {
			b.WriteRune('…')
			taken++
			break
		}
		b.WriteRune(r)
		taken += w
	}
	if colored {
		b.WriteString(reset)
	}
	return b.String(), taken
}

// moreFollows reports whether anything that can be seen follows.
func moreFollows(runes []rune) bool {
	for i := 0; i < len(runes); i++ {
		if n := colorAt(runes[i:]); n > 0 {
			i += n - 1
			continue
		}
		if !unicode.IsControl(runes[i]) && columnsOf(runes[i]) > 0 {
			return true
		}
	}
	return false
}

// colorAt returns the length of the sequence that sets a colour, if one begins
// here.
func colorAt(runes []rune) int {
	if len(runes) < 3 || runes[0] != '\x1b' || runes[1] != '[' {
		return 0
	}
	for i, r := range runes[2:] {
		switch {
		case r == 'm':
			return i + 3
		case r != ';' && (r < '0' || r > '9'):
			return 0
		}
	}
	return 0
}

// columnsOf is how many columns a character takes.
func columnsOf(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	default:
		return 1
	}
}
