package engine

import (
	"strings"
	"testing"
)

// TestFromYAMLAliases reads no text that would fill the memory.
func TestFromYAMLAliases(t *testing.T) {
	t.Parallel()
	text := "a: &a " + strings.Repeat("y", 100_000) + "\nb: [" + strings.Repeat("*a, ", 5000) + "]\n"
	got := fromYAML(text)
	if why, _ := got["Error"].(string); len(got) != 1 || !strings.Contains(why, "aliases") {
		t.Errorf("%d keys: %v", len(got), got["Error"])
	}
	if got := fromYAML("a: &a 1\nb: *a\n"); got["b"] != 1.0 {
		t.Errorf("%v", got)
	}
}
