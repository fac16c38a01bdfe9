package engine

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chartutil"

	"gantry/charts/diag"
)

// suggest adds to an error which value is missing, and what may have been meant.
// sees is what the template that was executed sees.
func (p *program) suggest(err error, sees map[string]any) error {
	e, ok := err.(*TemplateError) //nolint:errorlint // explainTemplate made it
	if !ok {
		return err
	}
	if m := regexp.MustCompile(`no template "([^"]+)"`).FindStringSubmatch(e.Problem); m != nil {
		var names []string
		for _, t := range p.set.Templates() {
			names = append(names, t.Name())
		}
		e.Hint = diag.DidYouMean(m[1], names)
		return e
	}
	keys := rootPath(e.reads)
	var at any = sees
	for i, key := range keys {
		m, ok := asMap(at)
		if !ok {
			return e
		}
		next, there := m[key]
		if there && next != nil {
			at = next
			continue
		}
		e.Path = keys[:i+1]
		e.missing = true
		if !there {
			e.Hint = diag.DidYouMean(key, slices.Sorted(maps.Keys(m)))
		}
		if e.Hint == "" && i > 0 && !e.said {
			e.Hint = fmt.Sprintf("set it, or let the template do without: {{ with .%s }}…{{ end }}", strings.Join(e.Path, "."))
		}
		return e
	}
	return e
}

func asMap(v any) (map[string]any, bool) {
	switch m := v.(type) {
	case map[string]any:
		return m, true
	case chartutil.Values:
		return m, true
	default:
		return nil, false
	}
}

// rootPath finds the value that an expression reads, such as Values.web.image in
// required "set it" .Values.web.image: the last that begins at the root.
func rootPath(expression string) diag.Path {
	all := regexp.MustCompile(`(?:^|[\s(])\$?\.([A-Za-z_]\w*(?:\.\w+)+)`).FindAllStringSubmatch(expression, -1)
	if len(all) == 0 {
		return nil
	}
	return strings.Split(all[len(all)-1][1], ".")
}

// suggestFunction adds the name of the function that may have been meant.
func suggestFunction(err error, names []string) error {
	e, ok := err.(*TemplateError) //nolint:errorlint // explainTemplate made it
	if !ok {
		return err
	}
	if m := regexp.MustCompile(`function "([^"]+)" not defined`).FindStringSubmatch(e.Problem); m != nil {
		e.Hint = diag.DidYouMean(m[1], names)
	}
	return e
}
