package hosts

import (
	"slices"
	"strings"
)

// tail is a text that is read from its end: what decides of a word stands directly before
// it. A regular expression that ends in $ would look at the whole text instead, once for
// each of its words.
type tail string

// Characters that read alike.
const (
	blanks    = " \t\n\f\r"
	quotes    = `"'`
	digits    = "0123456789"
	letters   = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	wordRunes = digits + letters + "_"
	nameRunes = wordRunes + "-."
	itemRunes = nameRunes + ":@"
)

// cut takes a text from the end, and reports whether it was there.
func (t *tail) cut(end string) bool {
	rest, found := strings.CutSuffix(string(*t), end)
	*t = tail(rest)
	return found
}

// one takes a character from the end if it is one of some, and reports whether it was.
func (t *tail) one(of string) bool {
	last := len(*t) - 1
	if last < 0 || strings.IndexByte(of, (*t)[last]) < 0 {
		return false
	}
	*t = (*t)[:last]
	return true
}

// run takes from the end all that is made of some characters.
func (t *tail) run(of string) string {
	whole := string(*t)
	for t.one(of) {
	}
	return whole[len(*t):]
}

// quote takes a sign of quotation from the end, as strings in strings have it, too: \".
func (t *tail) quote() {
	t.one(quotes)
	t.cut(`\`)
}

// begins reports whether nothing is before what was read, or one of some characters.
func (t tail) begins(after string) bool { return t == "" || t.one(after) }

// list takes the items of a list from the end that are before its last, in quotes or
// without: host=a,"b", before c.
func (t *tail) list() {
	for at := *t; ; {
		at.quote()
		at.run(blanks)
		if !at.one(",;") {
			return
		}
		at.one(blanks)
		at.quote()
		if at.run(itemRunes) == "" {
			return
		}
		*t = at
		t.quote()
	}
}

// flag reads a flag whose value follows: --host=, -h, or -h of -hdb.
func (t tail) flag() (name string, ok bool) {
	glued := t
	if glued.cut("-h") && glued.begins(blanks) {
		return "h", true
	}
	t.one(quotes)
	if t.run(blanks) == "" {
		if !t.one("=") {
			return "", false
		}
		t.run(blanks)
	}
	word := t.run(nameRunes)
	name = strings.TrimPrefix(strings.TrimPrefix(word, "-"), "-")
	return name, name != "" && len(name) < len(word) && strings.Contains(letters, name[:1]) && t.begins(blanks+quotes)
}

// key reads a name or the field of an object whose value follows: DB_HOST=, "hosts": [,
// and whether it is the first in its line.
func (t tail) key() (name string, alone, ok bool) {
	t.cut("tcp:")
	t.quote()
	t.run(blanks)
	t.one("[")
	t.run(blanks)
	if !t.one("=:") {
		return "", false, false
	}
	t.run(blanks)
	t.quote()
	whole := t.run(nameRunes)
	name = fromLetter(whole)
	if at := t; strings.EqualFold(name, "source") && name == whole && (at.cut("Data ") || at.cut("data ")) && !at.one(wordRunes) {
		return "data source", at.begins("\n"), true
	}
	return name, name == whole && t.begins("\n"), name != ""
}

// fromLetter returns a name from where one of its parts begins with a letter.
func fromLetter(name string) string {
	for i := range len(name) {
		if strings.IndexByte(letters, name[i]) >= 0 && (i == 0 || strings.IndexByte(wordRunes, name[i-1]) < 0) {
			return name[i:]
		}
	}
	return ""
}

// network reads what a network is before, whichever its version: tcp4:.
func (t tail) network(sign string, networks ...string) bool {
	if !t.cut(sign) {
		return false
	}
	name := tail(strings.ToLower(t.run(wordRunes)))
	if !slices.Contains(networks, string(name)) {
		name.one("46")
	}
	return slices.Contains(networks, string(name))
}

// argument reports whether an argument of a program follows, behind its options. Both
// functions get the word that was just read, and may read on.
func (t tail) argument(program, option func(word string, t *tail) bool) bool {
	t.one(quotes)
	for t.run(blanks) != "" {
		word := t.run(nameRunes)
		if program(word, &t) {
			return t.begins(blanks + `;&|(!"'/`)
		}
		if !option(word, &t) {
			return false
		}
	}
	return false
}

// dials reads a program whose argument is a host.
func dials(word string, t *tail) bool {
	if slices.Contains([]string{"hosts", "ahosts", "ahostsv4", "ahostsv6"}, word) {
		t.run(blanks)
		return t.run(nameRunes) == "getent"
	}
	return slices.Contains([]string{
		"ping", "nslookup", "nc", "ncat", "netcat", "telnet", "dig", "traceroute",
		"wait-for", "wait-for.sh", "wait-for-it", "wait-for-it.sh",
	}, word)
}

// dialOption reads an option of theirs, with its number or without.
func dialOption(word string, t *tail) bool {
	if strings.Trim(word, digits) == "" && t.run(blanks) != "" {
		word = t.run(nameRunes)
	}
	flag, ok := strings.CutPrefix(word, "-")
	return ok && flag != "" && strings.Trim(flag, digits+letters) == ""
}

// fetches reads a program whose argument is an address, with its scheme or without.
func fetches(word string, _ *tail) bool { return word == "curl" || word == "wget" }

// fetchOption reads an option of theirs after which the address follows.
func fetchOption(word string, t *tail) bool {
	if word == "-" { // -O -
		return t.run(blanks) != "" && t.run(nameRunes) == "-O"
	}
	if long, ok := strings.CutPrefix(word, "--"); ok {
		return slices.Contains([]string{"fail", "silent", "show-error", "insecure", "spider", "quiet", "location"}, long)
	}
	flags, ok := strings.CutPrefix(word, "-")
	flags, output := strings.CutSuffix(flags, "O-")
	return ok && (flags != "" || output) && strings.Trim(flags, "sSfkLvIqNi") == ""
}
