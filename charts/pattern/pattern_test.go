package pattern_test

import (
	"testing"

	"gantry/charts/pattern"
)

func TestLazy(t *testing.T) {
	word := pattern.Lazy(`^[a-z]+$`)
	if !word().MatchString("abc") || word().MatchString("a1") {
		t.Error("not the pattern")
	}
	if first, second := word(), word(); first != second {
		t.Error("compiled twice")
	}
	broken := pattern.Lazy(`(`) // nothing yet
	defer func() {
		if recover() == nil {
			t.Error("a broken pattern matches")
		}
	}()
	broken()
}
