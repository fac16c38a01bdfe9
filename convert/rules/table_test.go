package rules

import (
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/schema"
)

func TestTableCoversSchema(t *testing.T) {
	used := map[string]bool{}
	for _, attribute := range schema.AttributePaths() {
		path := strings.Split(string(attribute), ".")
		row, exact := RowOf(path)
		if row.Path == "" {
			t.Errorf("no row answers for %s", attribute)
		}
		if exact {
			used[row.Path] = true
		}
	}
	for _, row := range Table() {
		if !used[row.Path] {
			t.Errorf("row %s is for no attribute of the schema", row.Path)
		}
	}
}

func TestTableIsSound(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range Table() {
		if seen[row.Path] {
			t.Errorf("%s has two rows", row.Path)
		}
		seen[row.Path] = true
		if row.Text == "" || strings.HasSuffix(row.Text, ".") {
			t.Errorf("%s: %q is not one sentence without its full stop", row.Path, row.Text)
		}
		if !slices.Contains(RowOutcomes(), row.Outcome) {
			t.Errorf("%s has the outcome %q, which no row has", row.Path, row.Outcome)
		}
	}
}
