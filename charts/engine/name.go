package engine

import (
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"
)

// ReleaseName makes the name of a release from a template, which sees the functions
// of sprig and nothing else.
func ReleaseName(text string) (string, error) {
	t, err := template.New("name").Funcs(sprig.TxtFuncMap()).Parse(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := t.Execute(&b, nil); err != nil {
		return "", err
	}
	return b.String(), nil
}
