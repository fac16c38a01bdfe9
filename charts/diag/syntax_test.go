package diag_test

import (
	"testing"

	"go.yaml.in/yaml/v4"

	"gantry/charts/diag"
)

// TestSyntax looks at the errors of the parser itself, whose words may change.
func TestSyntax(t *testing.T) {
	for _, c := range []struct {
		text string
		want diag.SyntaxError
	}{
		{"a: 1\n b: 2\n", diag.SyntaxError{Line: 2, Column: 3, Problem: "mapping values are not allowed in this context"}},
		{"a: 1\nb: [1\nc: 2\n", diag.SyntaxError{Line: 3, Column: 2, Problem: "did not find expected ',' or ']' while parsing a flow sequence that begins in line 2"}},
		{"web:\n  image: x\n replicas: 1\n", diag.SyntaxError{Line: 3, Column: 2, Problem: "did not find expected key while parsing a block mapping that begins in line 1"}},
		{"a:\n\tb: 1\n", diag.SyntaxError{Line: 2, Column: 1, Problem: "found character that cannot start any token while scanning for the next token"}},
		{"a: \"x\nb: 2\n", diag.SyntaxError{Line: 3, Column: 1, Problem: "found unexpected end of stream while scanning a quoted scalar that begins in line 1"}},
		{"- a\nb: 1\n", diag.SyntaxError{Line: 2, Column: 1, Problem: "did not find expected '-' indicator while parsing a block collection that begins in line 1"}},
		{"x: 1\na: *x\n", diag.SyntaxError{Line: 2, Column: 4, Problem: "unknown anchor 'x' referenced"}},
		{"a: @x\n", diag.SyntaxError{Line: 1, Column: 4, Problem: "found character that cannot start any token while scanning for the next token"}},
	} {
		var n yaml.Node
		err := yaml.Unmarshal([]byte(c.text), &n)
		if err == nil {
			t.Errorf("%q can be read", c.text)
			continue
		}
		if got := *diag.Syntax(err); got != c.want {
			t.Errorf("%q: got %+v, want %+v, of %v", c.text, got, c.want, err)
		}
	}
}
