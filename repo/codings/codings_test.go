package codings_test

import (
	"strings"
	"testing"
	"unicode"

	"gantry/repo/codings"
)

func TestWeight(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		lines []string
		want  float64
	}{
		{nil, 0},
		{[]string{"gzip"}, 1},
		{[]string{"br, GZip ; q=0.5"}, 0.5},
		{[]string{"br", "deflate, gzip;q=0.1"}, 0.1},
		{[]string{"gzip;q=0"}, 0},
		{[]string{"gzip;q=much"}, 0},
		{[]string{"gzip;q"}, 0},
		{[]string{"gzip;q="}, 0},
		{[]string{"gzip;level=9"}, 1},
		{[]string{"gzip;level=9;q=0"}, 0},
		{[]string{"gzip;q=0;level=9"}, 0},
		{[]string{"gzip ;level=9 ;\tQ = 0.25"}, 0.25},
		{[]string{"gzip;;eq=1;q=0.125;"}, 0.125},
		{[]string{"gzip;q=0."}, 0},
		{[]string{"gzip;q=1.000"}, 1},
		{[]string{"gzip;q=1.001"}, 0},
		{[]string{"gzip;q=0.1234"}, 0},
		{[]string{"gzip;q=NaN"}, 0},
		{[]string{"gzip;q=+1"}, 0},
		{[]string{"gzip;q=1e-1"}, 0},
		{[]string{"gzip;q=0x1p-1"}, 0},
		{[]string{"*"}, 0},
		{[]string{"gzipped"}, 0},
	} {
		if got := codings.Weight(tt.lines, codings.Gzip); got != tt.want {
			t.Errorf("%q: %v, want %v", tt.lines, got, tt.want)
		}
	}
}

// FuzzWeight puts what is made up beside a coding: it is between 0 and 1 and the same in
// capitals, and neither other codings nor parameters change what is said of it.
func FuzzWeight(f *testing.F) {
	for _, seed := range []string{"", "gzip", "gzip;q=0.5", "br, GZIP ; level=9; Q=0", "*;q=1", "gzip;q=NaN", ",;=,"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		w := codings.Weight([]string{text}, codings.Gzip)
		if !(w >= 0 && w <= 1) {
			t.Fatalf("%q: %v", text, w)
		}
		if got := codings.Weight([]string{strings.ToUpper(text)}, codings.Gzip); isASCII(text) && got != w {
			t.Errorf("%q: %v, in capitals %v", text, w, got)
		}
		word := strings.Map(func(r rune) rune {
			if strings.ContainsRune(",;= \t", r) {
				return -1
			}
			return r
		}, text)
		if strings.EqualFold(word, codings.Gzip) || strings.EqualFold(word, "q") {
			return
		}
		for line, want := range map[string]float64{
			word + ";q=0, gzip;q=0.5": 0.5, "gzip;q=0.5," + text: 0.5, "gzip;" + word + ";q=0.5": 0.5,
			"gzip;" + word + "=" + word + ";q=0": 0, "gzip;q=0.5;" + text: 0.5,
		} {
			if got := codings.Weight([]string{line}, codings.Gzip); got != want {
				t.Errorf("%q: %v, want %v", line, got, want)
			}
		}
	})
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })
}
