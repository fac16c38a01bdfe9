package report_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// TestFingerprints: a finding is the same after lines were added above it, and
// two findings are never one.
func TestFingerprints(t *testing.T) {
	const text = `
services:
  web: {image: nginx, pid: host, ulimits: {nofile: 1}}
  db: {image: postgres, ulimits: {nofile: 1}}
`
	before, after := fingerprints(t, text), fingerprints(t, "# one line more\n"+text)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("fingerprints change with the line (-before +after):\n%s", diff)
	}
	seen := map[string]bool{}
	for _, f := range before {
		if seen[f] {
			t.Errorf("the fingerprint %s is there twice", f)
		}
		seen[f] = true
	}
	if len(seen) < 3 {
		t.Errorf("there are only %d findings", len(seen))
	}
}

func fingerprints(t *testing.T, text string) []string {
	t.Helper()
	var log struct {
		Runs []struct {
			Results []struct {
				PartialFingerprints map[string]string `json:"partialFingerprints"`
			} `json:"results"`
		} `json:"runs"`
	}
	result := convertFiles(t, []txtar.File{{Name: "compose.yaml", Data: []byte(text)}})
	if err := json.Unmarshal([]byte(render(t, result, "sarif")), &log); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, r := range log.Runs[0].Results {
		all = append(all, r.PartialFingerprints["gantryKey/v1"])
	}
	return all
}
