package archive_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"gantry/charts"
	"gantry/charts/archive"
)

// TestAliases takes charts whose aliases mean a little, and refuses those that mean
// gigabytes before they are written out.
func TestAliases(t *testing.T) {
	t.Parallel()
	const metadata = "apiVersion: v2\nname: web\nversion: 1.0.0\n"
	word := strings.Repeat("x", 100_000)
	bomb := func(n int) string { return "a: &a " + word + "\nb: [" + strings.Repeat("*a, ", n) + "]\n" }
	var doubled strings.Builder
	doubled.WriteString("a0: &a0 [x, x]\n")
	for i := range 40 {
		fmt.Fprintf(&doubled, "a%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	for name, tc := range map[string]struct {
		file, text string
		refused    bool
	}{
		"a few":                {"values.yaml", "a: &a {b: 1}\nc: *a\nd:\n  <<: *a\n", false},
		"what looks like some": {"values.yaml", "a: '&a &b'\nb: '*a *b'\nc: \"*/5 * * * *\"\n", false},
		"up to the limit":      {"values.yaml", bomb(40), false},
		"values":               {"values.yaml", bomb(60), true},
		"nested":               {"values.yaml", doubled.String(), true},
		"in itself":            {"values.yaml", "a: &a [*a]\n", true},
		"metadata":             {"Chart.yaml", metadata + "annotations:\n  a: &a " + word + "\nx: [" + strings.Repeat("*a,", 60) + "]\n", true},
		"requirements":         {"requirements.yaml", bomb(60), true},
		"another file":         {"files/a.yaml", bomb(60), false},
	} {
		files := []charts.File{{Name: tc.file, Data: []byte(tc.text)}}
		if tc.file != "Chart.yaml" {
			files = append(files, charts.File{Name: "Chart.yaml", Data: []byte(metadata)})
		}
		_, err := archive.FromFiles(files)
		at, _ := errors.AsType[*archive.Error](err)
		if refused := errors.Is(err, archive.ErrLimit); refused != tc.refused || !refused && err != nil || refused && at.File != tc.file {
			t.Errorf("%s: %v", name, err)
		}
	}
	many := []charts.File{{Name: "Chart.yaml", Data: []byte(metadata)}}
	for i := range archive.MaxBytes/(4<<20) + 1 {
		sub := fmt.Sprintf("charts/sub%d/", i)
		many = append(many, charts.File{Name: sub + "Chart.yaml", Data: []byte(strings.Replace(metadata, "web", fmt.Sprint("sub", i), 1))},
			charts.File{Name: sub + "values.yaml", Data: []byte(bomb(42))})
	}
	if _, err := archive.FromFiles(many); !errors.Is(err, archive.ErrLimit) {
		t.Errorf("in many charts: %v", err)
	}
}
