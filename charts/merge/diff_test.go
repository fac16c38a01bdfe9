package merge_test

import (
	"testing"

	"gantry/charts/merge"
)

func TestDiff(t *testing.T) {
	for _, tt := range []struct{ name, before, after, want string }{
		{"same", "a\n", "a\n", ""},
		{"both empty", "", "", ""},
		{"added", "", "a\nb\n", "@@ -0,0 +1,2 @@\n+a\n+b\n"},
		{"removed", "a\n", "", "@@ -1 +0,0 @@\n-a\n"},
		{"changed", "a\nb\nc\n", "a\nx\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n"},
		{"no line break at the end", "a", "a\n", "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n"},
		{"context of three lines", "1\n2\n3\n4\n5\n", "1\n2\n3\n4\n6\n", "@@ -2,4 +2,4 @@\n 2\n 3\n 4\n-5\n+6\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := merge.Diff(tt.before, tt.after); got != tt.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, tt.want)
			}
		})
	}
}
