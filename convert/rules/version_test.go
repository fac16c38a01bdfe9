package rules

import "testing"

func TestParseVersion(t *testing.T) {
	for _, test := range []struct {
		in   string
		want int
		ok   bool
	}{
		{"1.29", 29, true},
		{"v1.33.1", 33, true},
		{"1.36.0-gke.1", 36, true},
		{"1.31.4+k3s1", 31, true},
		{"1.28", 0, false},
		{"1.37", 0, false},
		{"1.+33", 0, false},
		{"2.30", 0, false},
		{"1", 0, false},
		{"latest", 0, false},
	} {
		got, err := parseVersion(test.in)
		if got != test.want || (err == nil) != test.ok {
			t.Errorf("parseVersion(%q) = %d, %v", test.in, got, err)
		}
	}
}

// TestGates keeps the table whole: a row for each feature, in the versions for
// which objects can be made.
func TestGates(t *testing.T) {
	for f := appArmorFields; f <= variableNames; f++ {
		if g := f.gate(); g.minor <= oldestMinor || g.minor > newestMinor || g.what == "" {
			t.Errorf("feature %d has the gate %+v", f, g)
		}
	}
}

func TestKnownVersion(t *testing.T) {
	for version, want := range map[string]string{
		"v1.33.1": "v1.33.1", "1.36": "1.36", "v1.37.0-rc.1": "1.36", "1.99": "1.36", "v1.20.0": "v1.20.0", "2.0": "2.0", "": "",
	} {
		if got := KnownVersion(version); got != want {
			t.Errorf("KnownVersion(%q) = %q, want %q", version, got, want)
		}
	}
}
