package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"gantry/charts/engine"
)

// A chart may ask for anything; it ends soon, with an error that names the
// template, and without taking the machine's memory.
func TestLimits(t *testing.T) {
	tests := []struct{ name, template string }{
		{"endless loop", "{{ range 4000000000000000000 }}{{ end }}"},
		{"output", "{{ $x := repeat 1000000 \"0123456789\" }}{{ range 1000 }}{{ $x }}{{ end }}"},
		{"doubled text", "{{ $x := \"0123456789\" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}"},
		{"doubled by printf", "{{ $x := \"0123456789\" }}{{ range 100 }}{{ $x = printf \"%s%s\" $x $x }}{{ end }}"},
		{"doubled by quotes", "{{ $x := \"0123456789\" }}{{ range 100 }}{{ $x = squote $x $x }}{{ end }}"},
		{"repeat", "{{ repeat 9000000000000000000 \"abc\" }}"},
		{"indent", "{{ indent 9000000000000000000 \"a\\nb\" }}"},
		{"nindent", "{{ nindent 1000000000 \"a\\nb\" }}"},
		{"replace", "{{ $x := repeat 1000000 \"a\" }}{{ replace \"a\" $x $x }}"},
		{"regular expression", "{{ $x := repeat 1000000 \"a\" }}{{ regexReplaceAll \"a\" $x $x }}"},
		{"until", "{{ until 9000000000000000000 }}"},
		{"until, below zero", "{{ until -9000000000 }}"},
		{"untilStep", "{{ untilStep 9223372036854775800 9223372036854775807 5 }}"},
		{"seq", "{{ seq 1 9000000000 }}"},
		{"random", "{{ randAlphaNum 9000000000 }}"},
		{"random bytes", "{{ randBytes 9000000000 }}"},
		{"billion laughs", "{{ $x := list 1 }}{{ range 60 }}{{ $x = list $x $x }}{{ end }}{{ toYaml $x }}"},
		{"billion laughs as JSON", "{{ $x := list 1 }}{{ range 60 }}{{ $x = list $x $x }}{{ end }}{{ toJson $x }}"},
		{"calls", "{{ define \"a\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" . }}"},
		{"includes", "{{ define \"a\" }}{{ include \"a\" . }}{{ end }}{{ include \"a\" . }}"},
		{"includes of many names", "{{ define \"a\" }}{{ template \"b\" . }}{{ end }}{{ define \"b\" }}{{ range 1 }}{{ include \"a\" $ }}{{ end }}{{ end }}{{ template \"a\" . }}"},
		{"tpl", "{{ define \"a\" }}{{ tpl \"{{ include \\\"a\\\" . }}\" . }}{{ end }}{{ include \"a\" . }}"},
		{"blocks", strings.Repeat("{{ if 1 }}", 20_000) + strings.Repeat("{{ end }}", 20_000)},
		{"panic", "{{ slice (list 1 2) 5 1 }}"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := shop(t, map[string]string{"templates/bad.yaml": test.template})
			_, err := engine.Render(t.Context(), c, nil, engine.Options{Name: "demo"})
			e, ok := errors.AsType[*engine.TemplateError](err)
			if !ok || e.Pos.File != "shop/templates/bad.yaml" {
				t.Fatalf("error %v (%T)", err, err)
			}
			if len(e.Error()) > 500 {
				t.Errorf("a message of %d bytes", len(e.Error()))
			}
		})
	}
}

// When its time is over, rendering ends by itself: no goroutine is left behind.
func TestRenderEnds(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("enough")
	cancel(stop)
	c := shop(t, map[string]string{"templates/slow.yaml": "{{ range 4000000000000000000 }}{{ end }}"})
	if _, err := engine.Render(ctx, c, nil, engine.Options{Name: "demo"}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
