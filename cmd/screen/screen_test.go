package screen_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gantry/cmd/screen"
)

// terminal does what a terminal does with what Screen writes: no more, so that
// anything else fails the test.
type terminal struct {
	t             *testing.T
	columns, rows int
	// lines are all that ever were; those that have scrolled away cannot change.
	lines  []string
	row    int
	column int
	cursor bool
	writes int
}

func newTerminal(t *testing.T, columns, rows int) *terminal {
	t.Helper()
	return &terminal{t: t, columns: columns, rows: rows, lines: []string{""}, cursor: true}
}

func (m *terminal) size() (int, int) { return m.columns, m.rows }

func (m *terminal) Write(p []byte) (int, error) {
	m.writes++
	text := strings.ReplaceAll(string(p), "…", "~") // a column is a byte here
	for text != "" {
		text = m.step(text)
	}
	return len(p), nil
}

func (m *terminal) step(text string) string {
	for _, known := range []string{"\x1b[?2026h", "\x1b[?2026l"} {
		if rest, ok := strings.CutPrefix(text, known); ok {
			return rest
		}
	}
	if rest, ok := strings.CutPrefix(text, "\x1b[?25l"); ok {
		m.cursor = false
		return rest
	}
	if rest, ok := strings.CutPrefix(text, "\x1b[?25h"); ok {
		m.cursor = true
		return rest
	}
	if rest, ok := strings.CutPrefix(text, "\x1b[J"); ok {
		m.lines = m.lines[:m.row+1]
		m.lines[m.row] = m.lines[m.row][:min(m.column, len(m.lines[m.row]))]
		return rest
	}
	if rest, ok := strings.CutPrefix(text, "\x1b["); ok {
		var up int
		if n, _ := fmt.Sscanf(rest, "%dA", &up); n == 1 {
			m.row -= up
			if top := max(0, len(m.lines)-m.rows); m.row < top {
				m.t.Errorf("the cursor goes above the terminal: row %d, the first is %d", m.row, top)
				m.row = top
			}
			return rest[strings.IndexByte(rest, 'A')+1:]
		}
		m.t.Errorf("unknown sequence %q", text[:min(len(text), 12)])
		return rest
	}
	switch text[0] {
	case '\r':
		m.column = 0
	case '\n':
		m.newline()
	default:
		if m.column == m.columns {
			m.newline()
		}
		line := m.lines[m.row]
		m.lines[m.row] = line[:min(m.column, len(line))] + text[:1] + line[min(m.column+1, len(line)):]
		m.column++
	}
	return text[1:]
}

func (m *terminal) newline() {
	m.row, m.column = m.row+1, 0
	if m.row == len(m.lines) {
		m.lines = append(m.lines, "")
	}
}

// narrow makes the terminal narrower; lines that were longer are broken in two.
func (m *terminal) narrow(columns int) {
	var lines []string
	row := 0
	for i, line := range m.lines {
		for len(line) > columns {
			lines = append(lines, line[:columns])
			line = line[columns:]
		}
		if i == m.row {
			row = len(lines)
		}
		lines = append(lines, line)
	}
	m.lines, m.row, m.columns = lines, row, columns
}

func TestScreen(t *testing.T) {
	m := newTerminal(t, 20, 10)
	s := screen.New(m, m.size)
	s.Print("begin")
	s.Draw([]string{"one", "two"})
	s.Draw([]string{"one", "two", strings.Repeat("x", 50)})
	s.Print("said meanwhile")
	s.Draw([]string{"three"})
	want := []string{"begin", "said meanwhile", "three", ""}
	if !slices.Equal(m.lines, want) || m.cursor {
		t.Errorf("the terminal shows %q, want %q; its cursor is shown: %v", m.lines, want, m.cursor)
	}
	s.Draw([]string{"a line of 18 chars", "four"})
	m.narrow(10)
	s.Draw([]string{"five"})
	s.Close()
	if want := []string{"begin", "said meanw", "hile", ""}; !slices.Equal(m.lines, want) || !m.cursor {
		t.Errorf("in the end, the terminal shows %q, want %q; its cursor is shown: %v", m.lines, want, m.cursor)
	}
	if m.writes != 8 {
		t.Errorf("%d writes: each drawing is one, or it flickers", m.writes)
	}
}

// TestScreenRandom draws anything on terminals of any size: what was printed stays,
// and nothing else does.
func TestScreenRandom(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := newTerminal(t, 2+r.IntN(40), 2+r.IntN(12))
		s := screen.New(m, m.size)
		var want []string
		for range 30 {
			if r.IntN(4) == 0 {
				text := strings.Repeat("p", 1+r.IntN(m.columns-1))
				want = append(want, text)
				s.Print(text)
				continue
			}
			lines := make([]string, r.IntN(20))
			for i := range lines {
				lines[i] = strings.Repeat("d", r.IntN(60))
			}
			s.Draw(lines)
			if drawn := len(m.lines) - 1 - len(want); drawn > m.rows-1 {
				t.Fatalf("seed %d: %d lines on a terminal of %d", seed, drawn, m.rows)
			}
		}
		s.Close()
		if got := m.lines[:len(m.lines)-1]; !slices.Equal(got, want) {
			t.Fatalf("seed %d: the terminal shows %q, want %q", seed, got, want)
		}
	}
}

func TestClip(t *testing.T) {
	const red, off = "\x1b[31m", "\x1b[0m"
	for _, test := range []struct {
		line    string
		columns int
		want    string
		taken   int
	}{
		{"short", 10, "short", 5},
		{"exactly", 7, "exactly", 7},
		{"too long", 5, "too …", 5},
		{red + "too long" + off, 5, red + "too …" + off, 5},
		{red + "fits" + off, 4, red + "fits" + off + off, 4},
		{"日本語", 4, "日本", 4},
		{"日本語", 5, "日本", 4},
		{"e\u0301tat", 4, "e\u0301tat", 4},
		{"up\x1b[2Aand\raway\x07\u009b3J", 40, "up[2Aandaway3J", 14},
		{"", 3, "", 0},
	} {
		if got, taken := screen.Clip(test.line, test.columns); got != test.want || taken != test.taken {
			t.Errorf("Clip(%q, %d) = %q, %d; want %q, %d", test.line, test.columns, got, taken, test.want, test.taken)
		}
	}
}
