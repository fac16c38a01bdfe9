package helm_test

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gantry/convert/helm"
	"gantry/testdata/strict"
)

// TestVariables sets each variable that a chart offers, and then all of them, in
// the chart and in the Compose file, and expects the same objects.
func TestVariables(t *testing.T) {
	tried := 0
	for name, app := range applications(t) {
		if len(app.variables.Variables) == 0 {
			continue
		}
		c, all := loadedOf(t, app), map[string]string{}
		check := func(variables map[string]string) {
			tried++
			from, err := app.again(t.Context(), variables)
			if err != nil {
				t.Fatalf("%s with %v: %v", name, variables, err)
			}
			values := helm.SecretValues(from)
			values["variables"] = typed(app, variables)
			documents, _, err := renderByUs(t.Context(), c, app.name, values)
			if err != nil {
				t.Fatalf("%s with %v: %v", name, variables, err)
			}
			if diff := cmp.Diff(unnumbered(strict.Plain(direct(t, from))), unnumbered(strict.Plain(objects(t, documents)))); diff != "" {
				t.Errorf("%s with %v (-convert +chart):\n%s", name, variables, diff)
			}
		}
		for _, v := range app.variables.Variables {
			value := "other-" + v.Value
			if number, err := strconv.Atoi(v.Value); err == nil {
				value = strconv.Itoa(number + 3)
			}
			check(map[string]string{v.Name: value})
			all[v.Name] = value
		}
		check(all)
	}
	if tried < 15 {
		t.Errorf("only %d values of variables were tried", tried)
	}
}

// typed returns the values of variables in the type that the chart wants.
func typed(app application, variables map[string]string) map[string]any {
	out := map[string]any{}
	for _, v := range app.variables.Variables {
		value, set := variables[v.Name]
		if number, err := strconv.Atoi(value); err == nil && v.Number {
			out[v.Name] = number
		} else if set {
			out[v.Name] = value
		}
	}
	return out
}

var numbered = regexp.MustCompile(`^[0-9]+-(tcp|udp)$`)

// unnumbered takes away the names of ports that are their numbers: in a chart
// they stay when the number changes.
func unnumbered(objects map[string]any) map[string]any {
	var walk func(node any)
	walk = func(node any) {
		switch n := node.(type) {
		case []any:
			for _, item := range n {
				walk(item)
			}
		case map[string]any:
			if name, ok := n["name"].(string); ok && numbered.MatchString(name) {
				delete(n, "name")
			}
			for _, value := range n {
				walk(value)
			}
		}
	}
	walk(objects)
	return objects
}

// TestOfferedVariables looks at which variables become values, and which do not.
func TestOfferedVariables(t *testing.T) {
	app := applicationOf(t, "variables")
	var offered []string
	for _, v := range app.variables.Variables {
		offered = append(offered, v.Name)
	}
	want := []string{"APP_PORT", "BIND_URL", "DB_USER", "DOMAIN", "LOG_LEVEL", "MUST", "PG", "REGISTRY", "REPLICAS", "SSL_PORT", "TAG", "USER_ID", "WORKERS"}
	if diff := cmp.Diff(want, offered); diff != "" {
		t.Errorf("offered (-want +got):\n%s", diff)
	}
	fixed := map[string]string{}
	for _, f := range app.variables.Fixed {
		fixed[f.Name] = f.Why
	}
	if got := slices.Sorted(maps.Keys(fixed)); !slices.Equal(got, []string{"DATA", "DB_PASSWORD", "KEEP", "MEM", "MODE", "TWO"}) {
		t.Errorf("fixed: %v", fixed)
	}
	_, err := render(loadedOf(t, app), app.name, nested("variables.MUST", ""))
	if err == nil || !regexp.MustCompile(`/variables/MUST'?: minLength`).MatchString(err.Error()) {
		t.Errorf("without a variable that must be set: %v", err)
	}
	_, err = render(loadedOf(t, app), app.name, nested("variables.REPLICAS", nil))
	if err == nil || !strings.Contains(err.Error(), "at '/variables': missing property 'REPLICAS'") {
		t.Errorf("with a variable taken away: %v", err)
	}
}
