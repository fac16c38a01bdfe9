package diag_test

import (
	"slices"
	"testing"

	"gantry/charts/diag"
)

func TestNearest(t *testing.T) {
	names := []string{"web", "worker", "web-admin", "database"}
	for _, tt := range []struct {
		want    string
		nearest []string
	}{
		{"wbe", []string{"web"}},
		{"webb", []string{"web"}},
		{"dbataase", []string{"database"}},
		{"databse", []string{"database"}},
		{"admin", []string{"web-admin"}},
		{"cache", nil},
		{"", nil},
		{"xy", nil},
	} {
		if got := diag.Nearest(tt.want, names); !slices.Equal(got, tt.nearest) {
			t.Errorf("Nearest(%q) = %q, want %q", tt.want, got, tt.nearest)
		}
	}
	if got, want := diag.DidYouMean("worke", names), `did you mean "worker"?`; got != want {
		t.Errorf("DidYouMean = %q, want %q", got, want)
	}
	// A swap is one slip: "db" would take two.
	if got, want := diag.DidYouMean("wbe", []string{"db", "web"}), `did you mean "web"?`; got != want {
		t.Errorf("DidYouMean = %q, want %q", got, want)
	}
	if got := diag.DidYouMean("zzzzzz", names); got != "" {
		t.Errorf("DidYouMean of a stranger = %q, want nothing", got)
	}
}
