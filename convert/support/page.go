package support

import (
	"fmt"
	"slices"
	"strings"

	"gantry/convert/rules"
)

// Page returns docs/compose-support.md: the support table by sections.
func Page() ([]byte, error) {
	entries, err := Entries()
	if err != nil {
		return nil, err
	}
	own := Filter{}.Select(entries)
	var b strings.Builder
	b.WriteString(`# What becomes of a Compose file

<!-- Generated from the support table in convert/rules by make generate: change the table instead. -->

Every attribute of the Compose Specification, and what gantry makes of it:

- **converted**: means the same in Kubernetes;
- **approximated**: means nearly the same, and the text says where not;
- **ignored**: has no counterpart, or needs none.

What is approximated or ignored so that your application behaves differently is reported where your file says it, with file, line
and column. ` + "`gantry explain PATH` tells of one attribute, with an example; `gantry check` tells of your file." + `
An attribute that is not listed goes with the nearest above it.

`)
	b.WriteString(counts(own))
	for _, s := range Sections() {
		b.WriteString(sectionPage(s, own))
	}
	return []byte(b.String()), nil
}

// counts returns the table of how many attributes have which outcome.
func counts(entries []Entry) string {
	var b strings.Builder
	b.WriteString("| Section |")
	for _, o := range rules.RowOutcomes() {
		fmt.Fprintf(&b, " %s |", o)
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|", len(rules.RowOutcomes())) + "\n")
	for _, s := range Sections() {
		fmt.Fprintf(&b, "| [%s](#%s) |", s, s)
		for _, o := range rules.RowOutcomes() {
			fmt.Fprintf(&b, " %d |", count(entries, s, o))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func count(entries []Entry, section string, outcome rules.Outcome) int {
	return len(Filter{Outcome: outcome, Section: section}.Select(entries))
}

// sectionPage returns the table of one section. What jobs and hooks have in
// common with services is named and not told again.
func sectionPage(section string, entries []Entry) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n## %s\n\n", section)
	told := map[string]Entry{}
	for _, e := range entries {
		if name, ok := strings.CutPrefix(e.Path, "services.*."); ok && e.Section != "pre_start" {
			told[name] = e
		}
	}
	var rows []Entry
	var same []string
	for _, e := range (Filter{Section: section}).Select(entries) {
		name := inContainer(e.Path)
		if before, ok := told[name]; ok && name != "" && before.Text == e.Text && before.Outcome == e.Outcome {
			same = append(same, fmt.Sprintf("[%s](#%s)", name, anchor(before.Path)))
			continue
		}
		rows = append(rows, e)
	}
	if len(same) > 0 {
		fmt.Fprintf(&b, "As for services: %s.\n\n", strings.Join(same, ", "))
	}
	b.WriteString("| Attribute | Outcome | What becomes of it | Kubernetes |\n|---|---|---|---|\n")
	for _, e := range rows {
		fmt.Fprintf(&b, "| <a id=%q></a>`%s` | %s | %s | %s |\n", anchor(e.Path), e.Path, e.Outcome, cell(e.Text), code(e.Fields))
	}
	return b.String()
}

// inContainer returns the part of a path below a job or a hook, or "".
func inContainer(path string) string {
	for _, home := range []string{"jobs.*.", "services.*.pre_start.[]."} {
		if name, ok := strings.CutPrefix(path, home); ok {
			return name
		}
	}
	return ""
}

// anchor returns what stands behind the # of a link to an attribute.
func anchor(path string) string {
	keys := slices.DeleteFunc(strings.Split(path, "."), func(k string) bool { return k == "*" || k == "[]" })
	return strings.Join(keys, "-")
}

// cell protects a text from being taken for the bounds of a table's cell.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + cell(text) + "`"
}
