package convert_test

import (
	"testing"

	"gantry/charts/diag"
	"gantry/convert"
	"gantry/convert/rules"
)

// checkKeys wants a row of the support table for every key that somebody wrote,
// and every diagnostic that names a key among the diagnostics of a key.
func checkKeys(t *testing.T, result *convert.Result) {
	t.Helper()
	if result.Project == nil {
		return
	}
	got := diag.List{}
	for k := range result.Keys() {
		if !k.Claimed() {
			t.Errorf("%s: no row answers for %s", k.Pos, k.Path)
		}
		if k.Diagnostics.HasErrors() && k.Outcome() != rules.Refused {
			t.Errorf("%s: %s is %s in spite of %v", k.Pos, k.Path, k.Outcome(), k.Diagnostics)
		}
		got = append(got, k.Diagnostics...)
	}
	want := 0
	for _, d := range result.Diagnostics {
		if len(d.Path) > 0 {
			want++
		}
	}
	if len(got) != want {
		t.Errorf("%d of %d diagnostics belong to a key that somebody wrote", len(got), want)
	}
}
