package convert_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"gantry/convert"
	"gantry/convert/compose"
	"gantry/convert/rules"
)

// TestExamplesConvert converts the examples of the documentation.
func TestExamplesConvert(t *testing.T) {
	data, err := os.ReadFile("../docs/x-kubernetes.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := 0
	for i, block := range strings.Split(string(data), "```yaml\n")[1:] {
		text, _, _ := strings.Cut(block, "```")
		if !strings.Contains(text, "services:") {
			continue
		}
		examples++
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			dir := t.TempDir()
			for name, content := range map[string]string{"compose.yaml": text, "settings.yaml": "a: 1\n"} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			result, err := convert.Convert(t.Context(), compose.Source{WorkingDir: dir, Dir: dir}, rules.Options{Domain: "example.com", Dependencies: true})
			if err != nil {
				t.Fatalf("%v in\n%s%s", err, text, printReport(result.Diagnostics))
			}
			for _, d := range result.Diagnostics {
				if d.Severity > 0 {
					t.Errorf("%s in\n%s", d, text)
				}
			}
		})
	}
	if examples < 10 {
		t.Errorf("only %d examples were found", examples)
	}
}
