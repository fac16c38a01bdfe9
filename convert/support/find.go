package support

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gantry/charts/diag"
)

// Answer is what a question for a path comes to.
type Answer struct {
	// Entry is the attribute itself, and Below are those below it.
	Entry Entry
	Below []Entry
	// Also are the paths of other attributes of this name.
	Also []string
}

// NotFoundError says that no attribute has a path.
type NotFoundError struct {
	Path string
	// Similar are paths that may have been meant, the likeliest first.
	Similar []string
}

// Error names the path.
func (e *NotFoundError) Error() string { return fmt.Sprintf("Compose has no attribute %q", e.Path) }

// Find returns the attribute at a path as people write it: with * or with names
// (services.web.ports), with or without the numbers of items (ports.0.target,
// ports.target), and without what goes without saying (healthcheck, web.ports).
// The error is a [*NotFoundError] when there is none.
func Find(entries []Entry, path string) (*Answer, error) {
	want := strings.FieldsFunc(strings.ReplaceAll(path, "[", ".["), func(r rune) bool { return r == '.' })
	if len(want) == 0 {
		return nil, &NotFoundError{Path: path}
	}
	var paths []string
	for _, prefix := range prefixes(len(want)) {
		if i := slices.IndexFunc(entries, func(e Entry) bool { return matches(strings.Split(e.Path, "."), slices.Concat(prefix, want)) }); i >= 0 {
			paths = append(paths, entries[i].Path)
		}
	}
	if len(paths) == 0 {
		return nil, &NotFoundError{Path: path, Similar: similar(entries, want)}
	}
	answer := &Answer{Also: paths[1:]}
	for _, e := range entries {
		switch {
		case e.Path == paths[0]:
			answer.Entry = e
		case strings.HasPrefix(e.Path, paths[0]+"."):
			answer.Below = append(answer.Below, e)
		}
	}
	return answer, nil
}

// prefixes are what people leave out, the likeliest first.
func prefixes(words int) [][]string {
	all := [][]string{nil, {"services", "*"}, {"services", "*", "deploy"}, {"jobs", "*"}, {"networks", "*"}, {"volumes", "*"}, {"configs", "*"}, {"secrets", "*"}, {"models", "*"}}
	if words > 1 {
		all = append(all, []string{"services"}) // web.ports
	}
	return all
}

// matches reports whether a path of the schema is the one that is asked for. The
// items of a list may be left out.
func matches(path, want []string) bool {
	if len(path) == 0 {
		return len(want) == 0
	}
	if len(want) > 0 && (path[0] == want[0] || path[0] == "*" || path[0] == "[]" && isItem(want[0])) && matches(path[1:], want[1:]) {
		return true
	}
	return path[0] == "[]" && matches(path[1:], want)
}

// isItem reports whether a key stands for an item of a list.
func isItem(key string) bool {
	return key == "*" || strings.Trim(key, "[]0123456789") == ""
}

// mostSimilar is how many paths are suggested.
const mostSimilar = 5

// similar returns the paths whose last key is the one that is asked for, or is
// spelt nearly so, as short as they may be written; those of services first.
func similar(entries []Entry, want []string) []string {
	paths := map[string][]string{}
	for _, e := range entries {
		last := e.Path[strings.LastIndex(e.Path, ".")+1:]
		paths[last] = append(paths[last], strings.TrimPrefix(e.Path, "services.*."))
	}
	var found []string
	for _, name := range diag.Nearest(want[len(want)-1], slices.Sorted(maps.Keys(paths))) {
		slices.SortStableFunc(paths[name], func(a, b string) int { return strings.Count(a, ".") - strings.Count(b, ".") })
		found = append(found, paths[name]...)
	}
	return found[:min(len(found), mostSimilar)]
}

// Completions returns the paths that people may type, sorted: all of the schema,
// and those of services without their section.
func Completions(entries []Entry) []string {
	var paths []string
	for _, e := range entries {
		paths = append(paths, e.Path)
		if short, ok := strings.CutPrefix(e.Path, "services.*."); ok {
			paths = append(paths, short)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}
