package engine

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSnippet(t *testing.T) {
	tests := []struct {
		name, text string
		line       int
		want       []string
	}{
		{
			"secret", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  a: |\n    canary\n  b: \"canary\n", 6,
			[]string{"   4 | stringData:", "   5 |   a: (hidden)", "   6 |     (hidden)", "   7 |   b: (hidden)"},
		},
		{
			"variables", "env:\n- name: DB_PASSWORD\n  value: canary\n- {name: TOKEN, value: canary}\n- {name: LEVEL, value: shown}\n", 4,
			[]string{"   2 | - name: DB_PASSWORD", "   3 |   value: (hidden)", "   4 | - {name: TOKEN, value: (hidden)", "   5 | - {name: LEVEL, value: shown}"},
		},
		{"plain", "a: 1\nb: [\n", 2, []string{"   1 | a: 1", "   2 | b: [", "   3 | "}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, snippet(test.text, test.line)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWithoutInstance(t *testing.T) {
	const problem = "'canary' does not match pattern '^[a-z]$'"
	if got, want := withoutInstance([]string{"db", "password"}, problem), "(hidden) does not match pattern '^[a-z]$'"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := withoutInstance([]string{"db", "host"}, problem); got != problem {
		t.Errorf("got %q, want %q", got, problem)
	}
}
