package convert_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestCodesAreShown wants a case, or a test of this package, for every diagnostic
// of the rules: somebody who changes one sees when it speaks.
func TestCodesAreShown(t *testing.T) {
	var shown strings.Builder
	for _, pattern := range []string{"../testdata/convert/*.txtar", "../testdata/compose/*.txtar", "../testdata/script/*.txtar", "hostile_test.go"} {
		for _, name := range glob(t, pattern) {
			shown.WriteString(read(t, name))
		}
	}
	code := regexp.MustCompile(`code: +"([a-z-]+)"`)
	var codes []string
	for _, name := range glob(t, "rules/*.go") {
		for _, m := range code.FindAllStringSubmatch(read(t, name), -1) {
			codes = append(codes, m[1])
		}
	}
	slices.Sort(codes)
	for _, code := range slices.Compact(codes) {
		if !strings.Contains(shown.String(), "["+code+"]") && !strings.Contains(shown.String(), `"`+code+`"`) {
			t.Errorf("no case shows the diagnostic %s", code)
		}
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: no files: %v", pattern, err)
	}
	return names
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
