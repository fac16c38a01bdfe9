package hosts_test

import (
	"slices"
	"strings"
	"testing"

	"gantry/convert/hosts"
)

// FuzzRewrite holds rewriting to what people rely on: only whole old names change, a second
// time changes nothing, and a command line is read as its text is.
func FuzzRewrite(f *testing.F) {
	for _, form := range slices.Concat(values(), commands()) {
		f.Add(form.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		names, back := renames(), map[string]string{}
		for old := range names {
			names[old] = "new-" + names[old]
			back[names[old]] = old
		}
		got, mentions := names.Rewrite("", text)
		if len(mentions.Hosts) == 0 && got != text {
			t.Fatalf("%q becomes %q without a host", text, got)
		}
		if again, left := names.Rewrite("", got); again != got || len(left.Hosts) > 0 {
			t.Errorf("%q becomes %q, and that %q", text, got, again)
		}
		if !sameButFor(text, got, back) {
			t.Errorf("%q becomes %q: more than names changed", text, got)
		}
		words := strings.Split(text, " ")
		if rewritten, _ := names.RewriteWords(words); strings.Join(rewritten, " ") != got {
			t.Errorf("%q becomes %q as a text, and %q as words", text, got, rewritten)
		}
	})
}

// sameButFor reports whether two texts have the same words, but for those that were
// renamed, and the same signs between them.
func sameButFor(before, after string, back map[string]string) bool {
	a, b := split(before), split(after)
	return slices.EqualFunc(a, b, func(x, y string) bool {
		for _, glue := range []string{"", "-h"} {
			if old, renamed := back[strings.TrimPrefix(y, glue)]; renamed && glue+old == x {
				return true
			}
		}
		return x == y
	})
}

// split returns the words of a text and what stands between them.
func split(text string) []string {
	var parts []string
	for text != "" {
		n := strings.IndexFunc(text, func(r rune) bool { return r > 127 || !hosts.IsByte(byte(r)) })
		if n < 0 {
			n = len(text)
		}
		n = max(n, 1)
		parts, text = append(parts, text[:n]), text[n:]
	}
	return parts
}
