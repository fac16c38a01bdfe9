package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"gantry/charts"
	"gantry/charts/archive"
	"gantry/charts/diag"
	"gantry/charts/lint"
	"gantry/charts/merge"
)

// choiceNames are the values of --conflicts.
func choiceNames() []string {
	var names []string
	for _, c := range merge.Choices() {
		names = append(names, string(c))
	}
	return names
}

// putChart writes a chart into a folder, merged with what somebody changed there.
func (a *app) putChart(ctx context.Context, there *chartFolder, files []charts.File, o *chartCreateOptions) error {
	record := (&merge.Record{Files: files}).Bytes()
	takeOver := o.force || o.adopt && there.isChart()
	if there.record == nil && (len(there.files) == 0 || !takeOver) {
		if err := there.replaceable(); err != nil {
			return err
		}
		if !o.dryRun {
			return writeDir(there.dir, append(slices.Clone(files), charts.File{Name: markerFile, Data: record}), false)
		}
		there.files, there.contents = nil, nil // objects that gantry wrote, for example: they are replaced
	}
	in := there.input(files, o)
	if err := there.mergeable(in, o.force); err != nil {
		return err
	}
	merged := merge.Merge(in)
	todo := newRewrite(there, merged.Files)
	written := !o.dryRun && (len(merged.Conflicts) == 0 || o.conflicts != string(merge.Refuse))
	if err := a.tellMerge(merged, todo, written, o); err != nil {
		return err
	}
	a.checkMerged(ctx, there, in, merged)
	if o.dryRun {
		return nil
	}
	if err := todo.apply(record); err != nil {
		return err
	}
	if ignored, ok := contentsOf(merged.Files)[".helmignore"]; ok && !bytes.Contains(ignored, []byte(markerFile)) {
		fmt.Fprintf(a.Err, "add a line with %s to %s, or helm packs that file with the chart\n", markerFile, filepath.Join(there.dir, ".helmignore"))
	}
	return nil
}

// input is what is to be merged. By force, what is there counts as generated.
func (c *chartFolder) input(files []charts.File, o *chartCreateOptions) merge.Input {
	in := merge.Input{Base: c.record, Yours: c.files, Generated: files, Conflicts: merge.Choice(o.conflicts)}
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
	}
	if c.record != nil {
		names = append(names, c.record.Names()...)
	} else {
		in.Base = &merge.Record{}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if o.force {
		in.Base = &merge.Record{}
		for _, name := range names {
			if data, ok := c.contents[name]; ok {
				in.Base.Files = append(in.Base.Files, charts.File{Name: name, Data: data})
			}
		}
	}
	in.Foreign = c.behindLinks(names)
	if o.version != "" {
		in.Asked = append(in.Asked, "version")
	}
	if o.appVersion != "" {
		in.Asked = append(in.Asked, "appVersion")
	}
	return in
}

// replaceable refuses to write a chart over what is not gantry's.
func (c *chartFolder) replaceable() error {
	if c.isChart() {
		return withHint(fmt.Errorf("%s holds a chart without the file %s, which would tell edits of yours from what is generated: nothing was written", c.dir, markerFile),
			"restore the file from your version control; or pass --adopt to keep what is there and add what it lacks (--adopt --dry-run shows it), or --force to lose it")
	}
	return mayReplace(c.dir, false)
}

// mergeable refuses a chart with files that cannot be merged: in which markers of a
// conflict were left, or which are no YAML or JSON. By force, they are replaced.
func (c *chartFolder) mergeable(in merge.Input, force bool) error {
	var list diag.List
	base := contentsOf(in.Base.Files)
	for name := range contentsOf(slices.Concat(in.Base.Files, in.Generated)) {
		data, ok := c.contents[name]
		if !ok || bytes.Equal(data, base[name]) {
			continue
		}
		if line := merge.Marked(data); line > 0 {
			list.Add(diag.Diagnostic{
				Severity: diag.Error, Pos: diag.Pos{File: filepath.Join(c.dir, name), Line: line}, Code: "conflict-marker",
				Summary: "a conflict of an earlier merge is not resolved",
				Hint:    "choose one of the sides, or write what is right, and delete the lines with the markers",
			})
			continue
		}
		if broken, ok := errors.AsType[*archive.Error](archive.Check(charts.File{Name: name, Data: data})); ok && !force {
			d := broken.Diagnostic()
			d.Pos.File = filepath.Join(c.dir, name)
			d.Summary = "your edit cannot be merged, because the file cannot be read: " + d.Summary
			d.Hint = "mend the file, and make the chart again; nothing was written"
			list.Add(d)
		}
	}
	list.Sort()
	return list.Err()
}

// mergeReport is what --format json prints.
type mergeReport struct {
	Chart     string           `json:"chart"`
	Written   bool             `json:"written"`
	Changes   []merge.Change   `json:"changes"`
	Conflicts []merge.Conflict `json:"conflicts"`
	Renames   []merge.Rename   `json:"renames"`
}

// tellMerge says what came from whom, and fails when there are conflicts that
// nobody decided.
func (a *app) tellMerge(merged *merge.Result, todo *rewrite, written bool, o *chartCreateOptions) error {
	refused := len(merged.Conflicts) > 0 && o.conflicts == string(merge.Refuse)
	switch {
	case o.format == "json":
		report := mergeReport{
			Chart: todo.dir, Written: written, Changes: append([]merge.Change{}, merged.Changes...),
			Conflicts: []merge.Conflict{}, Renames: append([]merge.Rename{}, merged.Renames...),
		}
		for _, c := range merged.Conflicts {
			report.Conflicts = append(report.Conflicts, masked(c))
		}
		enc := json.NewEncoder(a.Out)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		if err := enc.Encode(report); err != nil {
			return err
		}
	case refused:
		a.printConflicts(todo.dir, merged.Conflicts)
	default:
		if o.dryRun {
			a.printRewrite(todo)
		}
		a.printMerge(merged, o)
	}
	if !refused {
		return nil
	}
	return withHint(
		&exitError{exitInput, fmt.Errorf("%s between your edits of %s and what is generated now: nothing was written", countOf(len(merged.Conflicts), "conflict"), todo.dir)},
		"with gantry chart create, --conflicts=markers writes both sides to choose from by hand, --conflicts=mine keeps what you wrote there, and --conflicts=generated loses it",
	)
}

// printMerge lists what came from whom, one line each. Files that nobody edited
// are only counted.
func (a *app) printMerge(merged *merge.Result, o *chartCreateOptions) {
	for _, r := range merged.Renames {
		fmt.Fprintf(a.Err, "service %s is called %s now: your edits follow it\n", r.From, r.To)
	}
	if !merged.Edited() {
		return
	}
	edited := map[string]bool{}
	for _, c := range merged.Changes {
		alike := c.From == merge.Both && len(c.Path) == 0
		edited[c.File] = edited[c.File] || c.From != merge.Generated && !alike || c.What == merge.Renamed
	}
	for _, c := range merged.Conflicts {
		edited[c.File] = true
	}
	fmt.Fprintln(a.Err, "merged your edits with what is generated now:")
	tab := tabwriter.NewWriter(a.Err, 0, 0, 2, ' ', 0)
	fresh := map[string]int{}
	for _, c := range merged.Changes {
		if !edited[c.File] {
			what := string(c.What)
			if c.From == merge.Both {
				what += " by you alike"
			}
			fresh[what]++
			continue
		}
		fmt.Fprintf(tab, "  %s\t%s\t%s\n", c.From, c.What, describe(c))
	}
	for _, c := range merged.Conflicts {
		fmt.Fprintf(tab, "  %s\tconflict\t%s\n", o.conflicts, place(c.File, c.Path))
	}
	_ = tab.Flush() // a.Err remembers nothing: what cannot be told is not worth failing
	if len(fresh) > 0 {
		var parts []string
		for _, what := range slices.Sorted(maps.Keys(fresh)) {
			parts = append(parts, fmt.Sprintf("%d %s", fresh[what], what))
		}
		fmt.Fprintf(a.Err, "files that you had not edited: %s\n", strings.Join(parts, ", "))
	}
}

func place(file string, path diag.Path) string {
	if len(path) == 0 {
		return file
	}
	return file + ": " + path.String()
}

// describe says where something changed, and what a reader would not expect.
func describe(c merge.Change) string {
	text := place(c.File, c.Path)
	if c.Places > 1 {
		text += fmt.Sprintf(", in %d places", c.Places)
	}
	if c.Was != "" {
		text += ", formerly " + c.Was
	}
	if c.Note != "" {
		text += " (" + c.Note + ")"
	}
	return text
}

// printConflicts prints what both sides did in each place.
func (a *app) printConflicts(dir string, conflicts []merge.Conflict) {
	for _, c := range conflicts {
		a.printDiagnostics(a.Err, nil, diag.List{{
			Severity: diag.Error, Pos: diag.Pos{File: filepath.Join(dir, c.File), Line: c.Line}, Path: c.Path, Code: "edit-conflict", Summary: c.Why,
		}})
		c = masked(c)
		if c.NoBase {
			a.printSide("  from yours to what is generated now:", c.Yours, c.Generated)
			continue
		}
		if c.Yours != "" || c.Base != "" {
			a.printSide("  your change:", c.Base, c.Yours)
		}
		if c.Generated != "" {
			a.printSide("  what is generated now:", c.Base, c.Generated)
		}
	}
}

// hides reports whether the value of a key is not for the screen.
func hides(path diag.Path) bool {
	if len(path) > 0 && path[0] == "secrets" {
		return len(path) > 3
	}
	return len(path) > 0 && charts.IsSecretName(path[len(path)-1])
}

// masked leaves the values of secrets out of a conflict.
func masked(c merge.Conflict) merge.Conflict {
	if hides(c.Path) {
		for _, text := range []*string{&c.Base, &c.Yours, &c.Generated} {
			if *text != "" {
				*text = "(hidden)\n"
			}
		}
		return c
	}
	within := func(path diag.Path) bool { return hides(slices.Concat(c.Path[:max(0, len(c.Path)-1)], path)) }
	c.Base, c.Yours, c.Generated = merge.Mask(c.File, c.Base, within), merge.Mask(c.File, c.Yours, within), merge.Mask(c.File, c.Generated, within)
	return c
}

// maxSide is how many lines of a difference are shown for a conflict.
const maxSide = 30

// printSide prints what one side made of a place.
func (a *app) printSide(title, before, after string) {
	fmt.Fprintln(a.Err, title)
	lines := strings.Split(strings.TrimSuffix(merge.Diff(before, after), "\n"), "\n")
	switch {
	case lines[0] == "":
		lines = []string{" (hidden)"}
	case strings.HasPrefix(lines[0], "@@"):
		lines = lines[1:] // it counts from the place, not from the file
	}
	for _, line := range lines[:min(len(lines), maxSide)] {
		a.printDiffLine(a.Err, "    "+line, line)
	}
	if more := len(lines) - maxSide; more > 0 {
		fmt.Fprintf(a.Err, "    … %s more\n", countOf(more, "line"))
	}
}

// printDiffLine prints a line, coloured by the first letter of the diff.
func (a *app) printDiffLine(w io.Writer, text, line string) {
	colour := map[byte]string{'+': "\x1b[32m", '-': "\x1b[31m", '@': "\x1b[36m"}
	if line != "" && colour[line[0]] != "" && a.colorful(w) {
		text = colour[line[0]] + text + "\x1b[0m"
	}
	fmt.Fprintln(w, text)
}

// printRewrite prints what would change in the folder.
func (a *app) printRewrite(todo *rewrite) {
	a.printDiff(todo)
	if len(todo.write)+len(todo.remove) == 0 {
		fmt.Fprintf(a.Err, "nothing would change in %s\n", todo.dir)
		return
	}
	fmt.Fprintf(a.Err, "%s would be written in %s, and %s deleted\n", countOf(len(todo.write), "file"), todo.dir, countOf(len(todo.remove), "file"))
}

// printDiff prints changes of files as a unified diff.
func (a *app) printDiff(todo *rewrite) {
	show := func(name string, before, after []byte) {
		from, to := filepath.Join(todo.dir, name), filepath.Join(todo.dir, name)
		if before == nil {
			from = "/dev/null"
		}
		if after == nil {
			to = "/dev/null"
		}
		fmt.Fprintf(a.Out, "--- %s\n+++ %s\n", from, to)
		for line := range strings.Lines(merge.Diff(merge.Mask(name, string(before), hides), merge.Mask(name, string(after), hides))) {
			line = strings.TrimSuffix(line, "\n")
			a.printDiffLine(a.Out, line, line)
		}
	}
	for _, f := range todo.write {
		show(f.Name, todo.contents[f.Name], f.Data)
	}
	for _, name := range todo.remove {
		show(name, todo.contents[name], nil)
	}
}

// checkMerged lints a merged chart: a text can be merged without a conflict and be
// wrong. It tells what the chart that is generated now has not, and whether the
// one that was there had it before.
func (a *app) checkMerged(ctx context.Context, there *chartFolder, in merge.Input, merged *merge.Result) {
	if !merged.Edited() || slices.ContainsFunc(merged.Files, func(f charts.File) bool { return merge.Marked(f.Data) > 0 }) {
		return
	}
	found := serious(ctx, there.dir, merged.Files)
	if len(found) == 0 {
		return
	}
	generated, before := serious(ctx, there.dir, in.Generated), serious(ctx, there.dir, there.files)
	var list diag.List
	for _, d := range found {
		if slices.ContainsFunc(generated, same(d)) {
			continue
		}
		d.Severity = diag.Warning
		if slices.ContainsFunc(before, same(d)) {
			d.Summary += " (as before)"
		}
		list.Add(d)
	}
	if len(list) == 0 {
		return
	}
	fmt.Fprintln(a.Err, "the merged chart has problems:")
	a.printDiagnostics(a.Err, nil, list)
	fmt.Fprintf(a.Err, "mend them by hand, and try: gantry lint %s\n", there.dir)
}

// serious returns what lint warns of. Charts that are not fetched yet are none of
// its business here.
func serious(ctx context.Context, dir string, files []charts.File) diag.List {
	if c, err := archive.FromFiles(files); err == nil && len(archive.MissingDependencies(c)) > 0 {
		return nil
	}
	list, err := lint.Files(ctx, dir, files, lint.Options{})
	if err != nil {
		return nil // the chart is written all the same, and gantry lint tells
	}
	return slices.DeleteFunc(list, func(d diag.Diagnostic) bool { return d.Severity < diag.Warning })
}

// same finds a diagnostic that says the same, wherever lines have moved.
func same(d diag.Diagnostic) func(diag.Diagnostic) bool {
	return func(other diag.Diagnostic) bool {
		return d.Code == other.Code && d.Pos.File == other.Pos.File && d.Summary == other.Summary && slices.Equal(d.Path, other.Path)
	}
}
