package hosts

import (
	"slices"
	"strings"
)

// Renames are the new names of hosts, by their old ones.
type Renames map[string]string

// Mentions are the old names that a text has: where they are hosts, where something else
// stands, and where nobody can tell. Each is there once, in the order of the text.
type Mentions struct{ Hosts, Others, Unknown []string }

func (m *Mentions) add(name string, place Place) {
	list := &m.Unknown
	switch place {
	case Host:
		list = &m.Hosts
	case Other:
		list = &m.Others
	case Unknown:
	}
	if !slices.Contains(*list, name) {
		*list = append(*list, name)
	}
}

// Rewrite returns a text with the new names where only a host can stand. variable is the
// name of the variable whose value it is, or "".
func (r Renames) Rewrite(variable, text string) (string, Mentions) {
	var found Mentions
	if len(r) == 0 {
		return text, found
	}
	before := inVariable(variable)
	edits := r.edits(before+text, len(before), len(before)+len(text), &found)
	return rewritten(text, edits, len(before)), found
}

// RewriteWords is Rewrite for a command line, with the mentions in each of its words. They
// are read together: what follows a flag is its value.
func (r Renames) RewriteWords(words []string) ([]string, []Mentions) {
	out, found := slices.Clone(words), make([]Mentions, len(words)) // nil stays nil
	if len(r) == 0 {
		return out, found
	}
	from, text := 0, strings.Join(words, " ")
	for i, word := range words {
		edits := r.edits(text, from, from+len(word), &found[i])
		out[i] = rewritten(word, edits, from)
		from += len(word) + len(" ")
	}
	return out, found
}

// Everywhere returns a text with the new names wherever an old one is a word.
func (r Renames) Everywhere(text string) string {
	var edits []edit
	for start, end := range Words(text) {
		if name, known := r[text[start:end]]; known {
			edits = append(edits, edit{start, end, name})
		}
	}
	return rewritten(text, edits, 0)
}

// edit puts a name in the place of another.
type edit struct {
	start, end int
	name       string
}

// edits returns what is to be changed in a part of a text, and notes what it meets there.
func (r Renames) edits(text string, from, to int, found *Mentions) []edit {
	var edits []edit
	for start, end := range Words(text[from:to]) {
		start, end = start+from, end+from
		name, known := r[text[start:end]]
		if !known {
			continue
		}
		place := PlaceOf(text, start, end)
		found.add(text[start:end], place)
		if place == Host {
			edits = append(edits, edit{start, end, name})
		}
	}
	return edits
}

// rewritten returns a text with edits, whose places are those of a longer one in which it
// begins at from.
func rewritten(text string, edits []edit, from int) string {
	if len(edits) == 0 {
		return text
	}
	var b strings.Builder
	done := 0
	for _, e := range edits {
		b.WriteString(text[done:e.start-from] + e.name)
		done = e.end - from
	}
	return b.String() + text[done:]
}

// inVariable is what stands before the value of a variable, for [PlaceOf].
func inVariable(name string) string {
	if name == "" {
		return ""
	}
	return name + "="
}

// Leads reports whether a text has one of some names where only a host can stand. variable
// is the name of the variable whose value it is, or "".
func Leads(named func(word string) bool, variable, text string) bool {
	before := inVariable(variable)
	whole := before + text
	for start, end := range Words(text) {
		if named(text[start:end]) && PlaceOf(whole, start+len(before), end+len(before)) == Host {
			return true
		}
	}
	return false
}
