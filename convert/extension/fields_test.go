package extension

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// page is the documentation for people, whose tables follow the types.
const page = "../../docs/x-kubernetes.md"

func TestFieldsAreToldOf(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Fields() {
		key := f.Place + ": " + f.Path
		if f.Type == "" || f.Text == "" || seen[key] {
			t.Errorf("%s has the type %q and the text %q, and was there before: %t", key, f.Type, f.Text, seen[key])
		}
		seen[key] = true
	}
	for _, want := range []string{"services and jobs: autoscale.max", "services and jobs: ingress.tls.clusterIssuer", "volumes: size", "the top level: namespace.name"} {
		if !seen[want] {
			t.Errorf("there is no field %s", want)
		}
	}
}

// TestPageFollowsTypes keeps the tables of the page, between marks.
func TestPageFollowsTypes(t *testing.T) {
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, table := range []struct{ mark, want string }{{"fields", fieldTables()}, {"labels", labelTable()}} {
		begin, end := "<!-- "+table.mark+": generated -->\n", "<!-- end of "+table.mark+" -->"
		before, rest, ok := strings.Cut(text, begin)
		got, after, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("%s has no marks for %s", page, table.mark)
		}
		if got != table.want && !*update {
			t.Errorf("the %s in %s are not what the types say: run go test ./convert/extension -update", table.mark, page)
		}
		text = before + begin + table.want + end + after
	}
	if *update {
		if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func fieldTables() string {
	var b strings.Builder
	place := ""
	for _, f := range Fields() {
		if f.Place != place {
			place = f.Place
			fmt.Fprintf(&b, "\n### On %s\n\n| Field | Type | What it is |\n|---|---|---|\n", place)
		}
		required := ""
		if f.Required {
			required = " **required**;"
		}
		fmt.Fprintf(&b, "| `%s` | %s |%s %s |\n", f.Path, f.Type, required, f.Text)
	}
	return b.String() + "\n"
}

func labelTable() string {
	var b strings.Builder
	b.WriteString("\n| Label of kompose | Field of x-kubernetes | What it does |\n|---|---|---|\n")
	for _, l := range Labels() {
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", l.Name, strings.ReplaceAll(strings.ReplaceAll(l.Field, ".0.", "[0]."), ".0", "[0]"), strings.TrimPrefix(l.Text, "is "))
	}
	return b.String() + "\n"
}

// TestLabelsSetFields wants a field for each label, and kompose's 43 labels.
func TestLabelsSetFields(t *testing.T) {
	const komposeLabels = 43
	all := Labels()
	if len(all) != komposeLabels {
		t.Errorf("there are %d labels, and kompose has %d", len(all), komposeLabels)
	}
	spec, err := compiled("Service")
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range all {
		if i > 0 && all[i-1].Name == l.Name {
			t.Errorf("%s is there twice", l.Name)
		}
		if s := below(spec, strings.Split(l.Field, ".")); s.Types == nil && s.Properties == nil {
			t.Errorf("%s: there is no field %s", l.Name, l.Field)
		}
		if l.Text == "" || strings.HasSuffix(l.Text, ".") {
			t.Errorf("%s: %q is no sentence", l.Name, l.Text)
		}
	}
	if !slices.IsSortedFunc(all, func(a, b Label) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the labels are not in order")
	}
}
