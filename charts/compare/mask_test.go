package compare_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"gantry/charts/compare"
)

// hiding has secrets wherever objects have them; $ stands for what another revision
// has otherwise.
const hiding = `
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Secret, metadata: {name: listed}, stringData: {key: canary-listed$}}
---
apiVersion: v1
kind: Secret
metadata:
  name: applied
  annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"stringData":{"a":"canary-applied$"}}'}
---
apiVersion: v1
kind: Secret
metadata: {name: strange}
data: canary-strange$
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
      - name: web
        env:
        - {name: DB_PASSWORD, value: canary-variable$}
        - {name: DATABASE_URL, value: "postgres://shop:canary-url$@db/shop"}
        - {name: DB_PASSWORD_FILE, value: /run/secrets/$}
        - {name: LOG_LEVEL, value: level$}
      - {name: "new$", env: [{name: TOKEN, value: canary-new}]}
`

func TestHiding(t *testing.T) {
	side := func(text string) []compare.Document {
		return compare.Parse(strings.ReplaceAll(hiding, "$", text))
	}
	changes := compare.Objects(side("1"), side("2"))
	var marked []string
	for _, c := range changes {
		if shown := fmt.Sprint(c); strings.Contains(shown, "canary") {
			t.Errorf("a secret is shown:\n%s", shown)
		}
		for line := range strings.Lines(c.Diff) {
			if strings.HasPrefix(line, "+") {
				marked = append(marked, strings.TrimSpace(line[1:]))
			}
		}
	}
	want := []string{
		"key: (hidden, after)",
		"kubectl.kubernetes.io/last-applied-configuration: (hidden, after)",
		`"": (hidden, after)`,
		"value: (hidden, after)", "value: (hidden, after)", "value: /run/secrets/2", "value: level2", "name: new2",
	}
	if diff := cmp.Diff(want, marked); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestConceal(t *testing.T) {
	var secret map[string]any
	if err := yaml.Unmarshal([]byte(`
apiVersion: v1
kind: Secret
data: {coded: Y2FuYXJ5LWNvZGVk, broken: canary-broken!}
stringData: {plain: canary-plain, longer: canary-plain-longer, short: abc, lines: "canary\n\"lines\""}
`), &secret); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ text, want string }{
		{"data[coded] is canary-coded", "data[coded] is (hidden)"},
		{"Y2FuYXJ5LWNvZGVk is canary-broken!", "(hidden) is (hidden)"},
		{"canary-plain-longer canary-plain", "(hidden) (hidden)"},
		{`Invalid value: "canary\n\"lines\""`, `Invalid value: "(hidden)"`},
		{"alphabets have abc in them", "alphabets have abc in them"},
	}
	for _, test := range tests {
		if got := compare.Conceal(test.text, secret, nil); got != test.want {
			t.Errorf("Conceal(%q) = %q, want %q", test.text, got, test.want)
		}
	}
}
