package codings_test

import (
	"testing"

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
		{[]string{"gzip;level=9"}, 1},
		{[]string{"*"}, 0},
		{[]string{"gzipped"}, 0},
	} {
		if got := codings.Weight(tt.lines, codings.Gzip); got != tt.want {
			t.Errorf("%q: %v, want %v", tt.lines, got, tt.want)
		}
	}
}
