package alias_test

import (
	"errors"
	"strings"
	"testing"

	"gantry/charts/alias"
)

// TestMore measures what aliases mean, and wants what cannot be measured to be read by
// nobody.
func TestMore(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100)
	for text, want := range map[string]int64{
		"": 0, "a: 1": 0, "a: *b": 0, "a: [b": 0, "a: '&a'\nb: c*d\n# **bold**": 0,
		"a: &a " + long + "\nb: [*a, *a, *a]\n":      290,
		"a: &a {b: &b " + long + "}\nc: *a\nd: *b\n": 200,
	} {
		if got, err := alias.More([]byte(text), 1000); err != nil || got < want-want/10 || got > want {
			t.Errorf("%q: %d %v, want %d", text, got, err, want)
		}
	}
	for text, limit := range map[string]bool{
		"a: [&a b, *a": false, "a: &a b\nc: *d\n": false, "a: &a [*a]\n": true,
		"a: &a " + long + "\nb: [" + strings.Repeat("*a,", 10) + "]": true,
	} {
		if err := alias.Check([]byte(text), 1000); err == nil || errors.Is(err, alias.ErrLimit) != limit {
			t.Errorf("%q: %v", text, err)
		}
	}
}
