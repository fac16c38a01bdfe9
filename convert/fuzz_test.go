package convert_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"gantry/charts/diag"
)

// maxFuzzed is the size of the files that are tried: larger ones only take time.
const maxFuzzed = 16 << 10

// FuzzConvert converts any Compose file. Whatever it holds: a refusal says
// where; and of what is taken, every key has a row of the support table, the
// objects are the API's, and a second conversion gives the same bytes.
func FuzzConvert(f *testing.F) {
	for _, pattern := range []string{"../testdata/convert/*.txtar", "../testdata/compose/*.txtar"} {
		cases, err := filepath.Glob(pattern)
		if err != nil || len(cases) == 0 {
			f.Fatalf("no cases: %v", err)
		}
		for _, name := range cases {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				f.Fatal(err)
			}
			for _, file := range archive.Files {
				if strings.HasSuffix(file.Name, ".yaml") && file.Name != wantObjects {
					f.Add(file.Data)
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > maxFuzzed {
			return
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "compose.yaml"), data, 0o644); err != nil {
			t.Fatal(err)
		}
		result := convertCase(t, dir, caseOptions{})
		if result.Diagnostics.HasErrors() {
			checkRefusal(t, result.Diagnostics)
			return
		}
		objects := printObjects(t, result)
		decodeStrictly(t, objects)
		checkKeys(t, result)
		again := convertCase(t, dir, caseOptions{})
		if printObjects(t, again) != objects || printReport(again.Diagnostics) != printReport(result.Diagnostics) {
			t.Error("converting twice gives different bytes")
		}
	})
}

// checkRefusal wants the place of an error.
func checkRefusal(t *testing.T, list diag.List) {
	t.Helper()
	if !slices.ContainsFunc(list, func(d diag.Diagnostic) bool { return d.Severity == diag.Error && d.Pos.File != "" }) {
		t.Errorf("refused without saying where: %v", list)
	}
}
