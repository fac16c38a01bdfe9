package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"gantry/charts/diag"
)

// Outcome is what becomes of a key of the Compose file.
type Outcome string

// The outcomes. Nothing else happens to a key, and none of them is silent where
// the result behaves differently.
const (
	// Converted keys mean the same in Kubernetes.
	Converted Outcome = "converted"
	// Approximated keys mean nearly the same.
	Approximated Outcome = "approximated"
	// Ignored keys have no counterpart.
	Ignored Outcome = "ignored"
	// Refused keys have a value of which nothing can be made: the diagnostics say
	// what to write instead.
	Refused Outcome = "refused"
)

// RowOutcomes are the outcomes that a row of the table may have: whether a key is
// refused, its value decides.
func RowOutcomes() []Outcome { return []Outcome{Converted, Approximated, Ignored} }

// Row is one row of the support table.
type Row struct {
	// Path is a path of the Compose schema; * stands for any key and [] for the
	// items of a list. A row answers for everything below its path that has no
	// row of its own.
	Path    string
	Outcome Outcome
	// Report is how a use of the key is reported: silent, a note or a warning.
	// Where the rules say it better themselves, the row is silent.
	Report Report
	// Fields are the Kubernetes fields that the key reaches.
	Fields string
	// Text says in one sentence what becomes of the key.
	Text string
}

// Report says whether a row is reported where its key is used.
type Report int

// The levels of a report.
const (
	Silent Report = iota
	Note
	Warn
)

// Table returns the support table, in the order of the paths: a row for every
// attribute of the Compose Specification.
func Table() []Row {
	rows := slices.Concat(
		under("services.*.", containerRows(), workloadRows(), buildRows(), serviceRows()),
		under("jobs.*.", containerRows(), workloadRows(), buildRows(), jobRows()),
		under("services.*.pre_start.[].", hookContainerRows(), hookRows()),
		topRows(),
	)
	slices.SortFunc(rows, func(a, b Row) int { return strings.Compare(a.Path, b.Path) })
	return rows
}

// under returns the rows of a section of the schema that occurs in several
// places, at one of them.
func under(prefix string, sections ...[]Row) []Row {
	rows := slices.Concat(sections...)
	for i := range rows {
		rows[i].Path = prefix + rows[i].Path
	}
	return rows
}

// sections are the rows that stand for a mapping of named things. They answer for
// nothing below: a new attribute of a service must not pass for a known one.
func sections() []string {
	return []string{"services", "services.*", "jobs", "jobs.*", "configs", "secrets", "networks", "networks.*", "services.*.pre_start", "volumes", "models"}
}

// branch is the table as a tree, to find the row of a key by walking down once.
type branch struct {
	row *Row
	// section tells that the row answers for itself alone.
	section bool
	next    map[string]*branch
}

// tableTree returns the table as a tree. It is built once: the table never
// changes.
//
//nolint:gochecknoglobals // an immutable value that is expensive to compute
var tableTree = sync.OnceValue(func() *branch {
	root := &branch{}
	for _, row := range Table() {
		b := root
		for part := range strings.SplitSeq(row.Path, ".") {
			if b.next == nil {
				b.next = map[string]*branch{}
			}
			if b.next[part] == nil {
				b.next[part] = &branch{}
			}
			b = b.next[part]
		}
		b.row, b.section = &row, slices.Contains(sections(), row.Path)
	}
	return root
})

// RowOf returns the row that answers for a key, and whether the key is exactly
// the row's and not one below it. The row is the nearest above the key; its zero
// value means that none answers.
func RowOf(path diag.Path) (row Row, exact bool) {
	b := tableTree()
	section := false
	for i, key := range path {
		next := b.next[key]
		if next == nil {
			next = b.next["*"]
		}
		if next == nil {
			next = b.next["[]"]
		}
		if next == nil {
			if section {
				return Row{}, false
			}
			return row, false
		}
		b = next
		exact = false
		if b.row != nil {
			row, exact, section = *b.row, i == len(path)-1, b.section
		}
	}
	return row, exact
}

// reportKeys reports every key that somebody wrote and whose row says that the
// result behaves differently, and every key that has no row: that is a mistake of
// ours, and the user must hear of it rather than lose the key.
func (a *app) reportKeys() {
	for key := range Outcomes(a.project) {
		d := diag.Diagnostic{Pos: key.Pos, Path: key.Path, Code: strings.ReplaceAll(string(key.Row.Outcome), " ", "-"), Summary: key.Row.Text}
		switch {
		case !key.Claimed():
			d.Severity, d.Code, d.Summary = diag.Error, codeUnclaimed, "is a key of Compose that gantry does not know: this is a mistake in gantry, not in the file"
			d.Hint = "remove the key to go on without it"
		case key.Inactive || !key.Exact || key.Row.Report == Silent:
			continue
		case key.Row.Report == Warn:
			d.Severity = diag.Warning
		default:
			d.Severity = diag.Note
		}
		a.diags.Add(d)
	}
}

// extensionIn returns where in a path an extension begins, x-*, or -1. Where keys are
// the user's own names, x- begins a name like any other.
func extensionIn(path diag.Path) int {
	isName := false
	for i, key := range path {
		if !isName && strings.HasPrefix(key, "x-") {
			return i
		}
		isName = !isName && slices.Contains(named(), key)
	}
	return -1
}

// named are the mappings whose keys are names, of services or of variables.
func named() []string {
	return []string{
		"services", "networks", "volumes", "configs", "secrets", "depends_on",
		"environment", "labels", "annotations", "sysctls", "args", "driver_opts",
	}
}

// reportInactive names the services and jobs that no active profile selects.
func (a *app) reportInactive() {
	skipped := func(section, name string, profiles []string) {
		a.report(diag.Note, finding{
			code:    "profile-inactive",
			summary: fmt.Sprintf("is not converted: its profiles (%s) are not active", strings.Join(profiles, ", ")),
			hint:    "activate them with --profile",
		}, diag.Path{section, name})
	}
	for _, name := range slices.Sorted(maps.Keys(a.project.DisabledServices)) {
		skipped("services", name, a.project.DisabledServices[name].Profiles)
	}
	for _, name := range slices.Sorted(maps.Keys(a.project.DisabledJobs)) {
		skipped("jobs", name, a.project.DisabledJobs[name].Profiles)
	}
}
