package hosts_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gantry/convert/hosts"
)

// TestPattern wants a template to put a prefix where Rewrite does, in the values of variables.
func TestPattern(t *testing.T) {
	names, prefixed := slices.Sorted(maps.Keys(renames())), hosts.Renames{}
	for _, name := range names {
		prefixed[name] = "x-" + name
	}
	pattern, replacement := regexp.MustCompile(hosts.Pattern(names)), fmt.Sprintf(hosts.Replacement, "x-")
	known := func(word string) bool { return prefixed[word] != "" }
	for _, f := range values() {
		variable, value, found := strings.Cut(f.text, "=")
		if !found || strings.ContainsAny(variable, " /-{:.,;@") {
			variable, value = "", f.text
		}
		want, _ := prefixed.Rewrite(variable, value)
		if !hosts.Leads(known, variable, value) || slices.Contains(beyondTemplates(), f.text) {
			continue
		}
		got := value
		for range 2 {
			got = pattern.ReplaceAllString(got, replacement)
		}
		if got != want {
			t.Errorf("%s becomes %s, want %s", value, got, want)
		}
	}
}

// beyondTemplates are the forms that the pattern of templates takes for something else.
func beyondTemplates() []string {
	return []string{
		"postgres://my_db:5432@my_db/x",
		"<a href='http://my_api'>", "`http://my_api`", "TCP:my_db:5432,reuseaddr", `{\"host\":\"my_db\"}`, `{"hosts":["my_a","my_b"]}`,
	}
}
