package lint

import (
	"regexp"
	"strings"

	"gantry/charts/diag"
)

// position returns where a template makes an object, and in it the keys that a
// problem is about, as far as they can be told: a template has no positions of what
// it renders to. The document is the one that says the kind, and the name as well
// where several do; each key is the next of its name. Where that is not clear, the
// position is the file.
func (o object) position(keys ...string) diag.Pos {
	pos := diag.Pos{File: o.Source}
	lines := strings.Split(o.text, "\n")
	from, to := document(lines, o.Kind, o.Name)
	for _, key := range append([]string{"kind"}, keys...) {
		word := regexp.MustCompile(`(?:^|[\s{,])(` + regexp.QuoteMeta(key) + `)\s*:`)
		found := false
		for i := from; i < to && !found; i++ {
			// On the line of the key above, it stands behind that.
			after := 0
			if i+1 == pos.Line {
				after = pos.Column
			}
			if at := word.FindStringSubmatchIndex(lines[i][min(after, len(lines[i])):]); at != nil {
				found, from = true, i
				pos.Line, pos.Column = i+1, after+at[2]+1
			}
		}
		if !found {
			break
		}
	}
	return pos
}

// document returns the lines of the one document of a template that makes an
// object; none where that is not clear.
func document(lines []string, kind, name string) (from, to int) {
	kinds := regexp.MustCompile(`^\s*kind:\s*["']?` + regexp.QuoteMeta(kind) + `["']?\s*$`)
	names := regexp.MustCompile(`\bname:\s*["']?` + regexp.QuoteMeta(name) + `["']?\s*(?:$|[,}])`)
	type span struct{ from, to int }
	var all, named []span
	begin := 0
	for end := 0; end <= len(lines); end++ {
		if end < len(lines) && !strings.HasPrefix(lines[end], "---") {
			continue
		}
		s, ok, says := span{begin, end}, false, false
		for _, line := range lines[begin:end] {
			ok, says = ok || kinds.MatchString(line), says || names.MatchString(line)
		}
		if ok {
			all = append(all, s)
		}
		if ok && says {
			named = append(named, s)
		}
		begin = end + 1
	}
	switch {
	case len(all) == 1:
		return all[0].from, all[0].to
	case len(named) == 1:
		return named[0].from, named[0].to
	default:
		return 0, 0
	}
}
