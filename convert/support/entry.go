package support

import (
	"slices"
	"strings"

	"gantry/convert/rules"
)

// Entry is what there is to know of one attribute of Compose.
type Entry struct {
	// Path is the attribute's path in the notation of the support table: * stands
	// for any key and [] for the items of a list.
	Path    string        `json:"path"`
	Section string        `json:"section"`
	Outcome rules.Outcome `json:"outcome"`
	// Text says what becomes of the attribute, and Fields which fields of
	// Kubernetes it reaches.
	Text   string `json:"text"`
	Fields string `json:"fields,omitempty"`
	// Row is the path of the row of the table that says so: the attribute's own,
	// or the nearest above it.
	Row string `json:"row"`
	// Takes says what values the attribute takes, and Description what it is, both
	// by the schema of Compose. Values are the only ones, where the schema lists them.
	Takes       string   `json:"takes,omitempty"`
	Values      []string `json:"values,omitempty"`
	Description string   `json:"description,omitempty"`
}

// Own reports whether the attribute has a row of its own.
func (e *Entry) Own() bool { return e.Row == e.Path }

// Entries returns every attribute of Compose, sorted by path.
func Entries() ([]Entry, error) {
	found, err := attributes()
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, 0, len(found))
	for path, a := range found {
		keys := strings.Split(path, ".")
		if keys[len(keys)-1] == "[]" {
			continue // the items of a list are described with the list
		}
		row, _ := rules.RowOf(keys)
		entries = append(entries, Entry{
			Path: path, Section: section(keys), Outcome: row.Outcome, Text: row.Text, Fields: row.Fields, Row: row.Path,
			Takes: a.takes(), Values: a.values, Description: strings.TrimSuffix(a.description, "."),
		})
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	return entries, nil
}

// Sections returns the parts of a Compose file by which the attributes are
// grouped, in the order in which people meet them.
func Sections() []string {
	return []string{"project", "services", "deploy", "build", "develop", "pre_start", "jobs", "networks", "volumes", "configs", "secrets", "models"}
}

// section returns the part of a Compose file to which a path belongs.
func section(path []string) string {
	switch {
	case len(path) > 2 && path[0] == "services" && slices.Contains([]string{"deploy", "build", "develop", "pre_start"}, path[2]):
		return path[2]
	case slices.Contains(Sections(), path[0]):
		return path[0]
	default:
		return "project"
	}
}

// Filter chooses entries; its zero value takes all that have a row of their own.
type Filter struct {
	// Outcome and Section are those wanted; empty means any.
	Outcome rules.Outcome
	Section string
	// Word must be in the path, the text, the fields or the description, in
	// whichever case.
	Word string
}

// Select returns the entries with a row of their own that a filter takes.
func (f Filter) Select(entries []Entry) []Entry {
	word := strings.ToLower(f.Word)
	return slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool {
		text := strings.ToLower(strings.Join([]string{e.Path, e.Text, e.Fields, e.Description}, "\n"))
		return !e.Own() || f.Outcome != "" && e.Outcome != f.Outcome || f.Section != "" && e.Section != f.Section || !strings.Contains(text, word)
	})
}
