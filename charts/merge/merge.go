package merge

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gantry/charts"
	"gantry/charts/diag"
)

// Choice says what becomes of conflicts.
type Choice string

// The choices.
const (
	// Refuse decides nothing: the result is not to be written.
	Refuse Choice = "refuse"
	// Markers writes both sides into the file, between conflict markers.
	Markers Choice = "markers"
	// Mine keeps what the person wrote.
	Mine Choice = "mine"
	// Theirs takes what is generated now.
	Theirs Choice = "generated"
)

// Choices returns all of them.
func Choices() []Choice { return []Choice{Refuse, Markers, Mine, Theirs} }

// Side is who a change comes from.
type Side string

// The sides.
const (
	Yours     Side = "yours"
	Generated Side = "generated"
	Both      Side = "both"
)

// What is what happened to a file or a key.
type What string

// What can happen.
const (
	Added   What = "added"
	Altered What = "changed"
	Removed What = "removed"
	Renamed What = "renamed"
	// Kept holds for what a person took away or worded anew, where the other side
	// had something to say as well: it stays as the person wants it.
	Kept What = "kept"
)

// Change is one thing of the merged chart that is not as it was generated last
// time.
type Change struct {
	File string `json:"file"`
	// Path is the key, in files that are merged by keys.
	Path diag.Path `json:"path,omitempty"`
	From Side      `json:"from"`
	What What      `json:"what"`
	// Places is in how many places of a text something changed.
	Places int `json:"places,omitempty"`
	// Was is the name that a file or key had before it was renamed.
	Was string `json:"was,omitempty"`
	// Note says what a reader would not expect.
	Note string `json:"note,omitempty"`
}

// Conflict is something that both sides changed, and not alike.
type Conflict struct {
	File string    `json:"file"`
	Path diag.Path `json:"path,omitempty"`
	// Line is where it stands in the person's file, from 1; 0 is the whole file.
	Line int    `json:"line,omitempty"`
	Why  string `json:"why"`
	// NoBase holds where nothing is known of what was generated last time.
	NoBase bool `json:"noBase,omitempty"`
	// Base, Yours and Generated are the three versions, as text.
	Base      string `json:"base"`
	Yours     string `json:"yours"`
	Generated string `json:"generated"`
}

// Input is three versions of a chart.
type Input struct {
	// Base is what was generated last time. Where it lacks a file that both sides have,
	// keys that one side alone has are taken over, and what differs is a conflict.
	Base      *Record
	Yours     []charts.File
	Generated []charts.File
	// Foreign are the names of what stands at the place of a file and is none, such
	// as a link: it is the person's, and nothing is merged into it.
	Foreign []string
	// Conflicts says what becomes of conflicts; default [Refuse].
	Conflicts Choice
	// Asked are keys of Chart.yaml that the person has just asked for: they are
	// taken even where Chart.yaml was edited. Otherwise an edited version stays.
	Asked []string
}

// Result is a merged chart.
type Result struct {
	// Files are those of the chart after the merge, by name. Files that neither
	// version generated are among them, unchanged.
	Files []charts.File
	// Changes say what came from whom, sorted by file.
	Changes []Change
	// Conflicts are all there were, decided or not.
	Conflicts []Conflict
	// Renames are Compose services that have another name now.
	Renames []Rename
}

// Edited reports whether a person changed anything.
func (r *Result) Edited() bool {
	return len(r.Conflicts) > 0 || slices.ContainsFunc(r.Changes, func(c Change) bool { return c.From != Generated })
}

// Merge brings the three versions together.
func Merge(in Input) *Result {
	m := &merger{Input: in, yours: byName(in.Yours), generated: byName(in.Generated), result: &Result{}}
	m.Conflicts = cmp.Or(m.Conflicts, Refuse)
	m.base, m.lost = in.Base.resolve(m.yours, m.generated)
	m.result.Renames = findRenames(m.base, m.generated)
	names := map[string]bool{}
	for _, side := range []map[string][]byte{m.base, m.yours, m.generated, m.lost} {
		for name := range side {
			names[name] = true
		}
	}
	m.destinations = m.moves()
	for _, name := range slices.Sorted(maps.Keys(names)) {
		m.file(name)
	}
	slices.SortStableFunc(m.result.Changes, func(a, b Change) int { return cmp.Compare(a.File, b.File) })
	slices.SortFunc(m.result.Files, func(a, b charts.File) int { return cmp.Compare(a.Name, b.Name) })
	return m.result
}

// merger is a merge at work.
type merger struct {
	Input
	base, yours, generated map[string][]byte
	// lost are the files whose base is not known: an older gantry kept checksums only.
	lost map[string][]byte
	// destinations are the new names of edited files, where their service has another
	// name now.
	destinations map[string]string
	result       *Result
}

func byName(files []charts.File) map[string][]byte {
	m := make(map[string][]byte, len(files))
	for _, f := range files {
		m[f.Name] = f.Data
	}
	return m
}

// version is a file of one version of a chart, or its absence.
type version struct {
	data []byte
	ok   bool
}

func of(files map[string][]byte, name string) version {
	data, ok := files[name]
	return version{data, ok}
}

// is reports whether two versions are the same. Line ends do not count: git may
// change them on its way to another system.
func (v version) is(w version) bool {
	if v.ok != w.ok || bytes.Equal(v.data, w.data) {
		return v.ok == w.ok
	}
	a, _ := withoutCR(v.data)
	b, _ := withoutCR(w.data)
	return a == b
}

// file decides what becomes of one file.
func (m *merger) file(name string) {
	base, yours, generated := of(m.base, name), of(m.yours, name), of(m.generated, name)
	if old, ok := m.origin(name); ok {
		m.rename(old, name)
		return
	}
	_, lost := m.lost[name]
	switch {
	case m.deletedAs(name) != "":
		m.report(Change{File: name, From: Yours, What: Kept, Was: m.deletedAs(name), Note: "you deleted it, and it stays deleted under its new name"})
	case m.destinations[name] != "":
		// It is merged under its new name.
	case slices.Contains(m.Foreign, name):
		m.foreign(name, base, generated)
	case lost:
		m.unknown(name, yours, generated)
	case yours.is(base):
		m.take(name, base, generated)
	case generated.is(base), yours.is(generated):
		m.keep(name, base, yours, generated)
	case !yours.ok:
		m.report(Change{File: name, From: Yours, What: Kept, Note: "you deleted it, and it stays deleted, though what is generated has changed"})
	case !generated.ok:
		m.whole(Conflict{
			File: name, Base: string(base.data), Yours: string(yours.data),
			Why: "you changed it, and it is not generated any more: " + m.reason(name),
		}, yours, generated)
	default:
		m.contents(name, base, yours.data, generated.data)
	}
}

// take takes what is generated for a file that nobody edited.
func (m *merger) take(name string, base, generated version) {
	switch {
	case generated.ok:
		m.write(name, generated.data)
		if !base.ok {
			m.report(Change{File: name, From: Generated, What: Added})
		} else if !generated.is(base) {
			m.report(Change{File: name, From: Generated, What: Altered})
		}
	case base.ok:
		m.report(Change{File: name, From: Generated, What: Removed})
	}
}

// keep keeps a file that only the person changed, or both alike.
func (m *merger) keep(name string, base, yours, generated version) {
	from := Yours
	if yours.is(generated) && !generated.is(base) {
		from = Both
	}
	switch {
	case !yours.ok:
		m.report(Change{File: name, From: from, What: Removed})
		return
	case !base.ok:
		m.report(Change{File: name, From: from, What: Added})
	case from == Yours && isText(base.data) && isText(yours.data):
		m.contents(name, base, yours.data, base.data)
		return
	default:
		m.report(Change{File: name, From: from, What: Altered})
	}
	m.write(name, yours.data)
}

// texts are the versions of a file that is merged, as text.
type texts struct {
	name                   string
	base, yours, generated string
	// noBase holds where nothing is known of what was generated last time.
	noBase bool
}

// otherwise says why versions without a common base are a conflict.
const otherwise = "differs from what is generated now, and nothing says which of the two is newer"

// contents merges two edits of a file, of which there may be no base.
func (m *merger) contents(name string, base version, yours, generated []byte) {
	if !isText(base.data) || !isText(yours) || !isText(generated) {
		m.whole(Conflict{File: name, NoBase: !base.ok, Why: "you changed it, and so does what is generated now; it is no text that could be merged"},
			version{yours, true}, version{generated, true})
		return
	}
	t := texts{name: name, noBase: !base.ok}
	t.base, _ = withoutCR(base.data)
	var crlf bool
	t.yours, crlf = withoutCR(yours)
	t.generated, _ = withoutCR(generated)
	merged, ok := m.keys(t)
	if !ok {
		merged = m.text(t)
	}
	if crlf {
		merged = strings.ReplaceAll(merged, "\n", "\r\n")
	}
	m.write(name, []byte(merged))
}

// whole is a conflict about a file as such, which may not exist on one side.
func (m *merger) whole(c Conflict, yours, generated version) {
	m.result.Conflicts = append(m.result.Conflicts, c)
	switch m.Conflicts {
	case Markers:
		if !isText(yours.data) || !isText(generated.data) {
			m.write(c.File, yours.data) // markers would break it
			return
		}
		m.write(c.File, []byte(marked(c.Yours, c.Base, c.Generated)))
	case Theirs:
		if generated.ok {
			m.write(c.File, generated.data)
		}
	default:
		m.write(c.File, yours.data)
	}
}

// conflict notes a conflict within a file, and returns what is written in its
// place.
func (m *merger) conflict(c Conflict, marked string) string {
	m.result.Conflicts = append(m.result.Conflicts, c)
	switch m.Conflicts {
	case Markers:
		return marked
	case Theirs:
		return c.Generated
	default:
		return c.Yours
	}
}

// unknown is a file that was edited since an older gantry generated it, and of
// which that gantry kept a checksum only.
func (m *merger) unknown(name string, yours, generated version) {
	if yours.is(generated) || !yours.ok {
		m.keep(name, version{}, yours, generated)
		return
	}
	if !generated.ok {
		m.whole(Conflict{File: name, NoBase: true, Yours: string(yours.data), Why: "you changed it, and it is not generated any more: " + m.reason(name)}, yours, generated)
		return
	}
	m.contents(name, version{}, yours.data, generated.data)
}

// foreign is what is no file: it stays, unless there is something new to write.
func (m *merger) foreign(name string, base, generated version) {
	m.report(Change{File: name, From: Yours, What: Altered, Note: "it is a link or no plain file, and stays as it is"})
	if generated.ok && !generated.is(base) {
		m.result.Conflicts = append(m.result.Conflicts, Conflict{
			File: name, Base: string(base.data), Generated: string(generated.data),
			Why: "a link, or what is no plain file, stands where a new version of this file would be written",
		})
		if m.Conflicts == Theirs {
			m.write(name, generated.data)
		}
	}
}

// reason explains why a file is not generated any more.
func (m *merger) reason(name string) string {
	if service, _, ok := strings.Cut(strings.TrimPrefix(name, "templates/"), "/"); ok && strings.HasPrefix(name, "templates/") {
		below := "templates/" + service + "/"
		if !slices.ContainsFunc(slices.Collect(maps.Keys(m.generated)), func(n string) bool { return strings.HasPrefix(n, below) }) {
			return fmt.Sprintf("the Compose files have no service %s now", service)
		}
	}
	return "nothing in the Compose files asks for it now"
}

func (m *merger) write(name string, data []byte) {
	m.result.Files = append(m.result.Files, charts.File{Name: name, Data: data})
}

func (m *merger) report(c Change) { m.result.Changes = append(m.result.Changes, c) }
