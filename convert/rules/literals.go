package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/compose-spec/compose-go/v2/types"

	"gantry/charts"
	"gantry/charts/pattern"
	"gantry/convert/compose"
)

// A password may stand in a command line as it is: redis-server --requirepass hunter2.
// It is taken for the value of a variable, which a Secret can hold.

// literal is a secret in a command line, with the name of the flag or the variable that
// it is given to; "" says that the flag is called by a letter.
type literal struct{ name, value string }

var (
	// secretFlag gives a value to a flag or a variable.
	secretFlag = pattern.Lazy(`(?:^|[\s"'(;&|])(?:--?([A-Za-z][A-Za-z0-9_.-]*)(?:=|\s+)|([A-Za-z_][A-Za-z0-9_]*)=)["']?([^-\s"'$;&|()<>][^\s"'$;&|()<>]*)`)
	// secretEnd is how names end of flags that take a secret. Others have such a word in
	// them and take a number or a file, as --token-limit.
	secretEnd = pattern.Lazy(`(?i:(?:^|[-_.])(?:password|passwd|pass|passphrase|requirepass|masterauth|secret|token|(?:api|secret|access)[-_]?key)$|^PGPASSWORD$)|` +
		`[a-z0-9](?:Password|Passwd|Passphrase|Secret|Token|(?:Api|Secret|Access)Key)$`)
	// secretLetter gives a password to a client by a letter.
	secretLetter = pattern.Lazy(`\b(?:redis-cli|valkey-cli|keydb-cli)\b[^;&|\n]*?\s-a\s+["']?([^\s"'$;&|()<>]+)|` +
		`\b(?:mysql|mysqladmin|mysqldump|mariadb|mariadb-admin|mariadb-dump)\b[^;&|\n]*?\s-p["']?([^\s"'$;&|()<>]+)|` +
		`\b(?:mongo|mongosh|mongodump)\b[^;&|\n]*?\s-p\s+["']?([^\s"'$;&|()<>]+)`)
	// elsewhere begins a word that says where the secret is.
	elsewhere = pattern.Lazy(`^(?:[-/.~@%{]|file:|env:)`)
)

// setting is a line of a document, as one of YAML or of properties, that gives a value to
// a key.
var setting = pattern.Lazy(`(?m)(?:^|[{,])\s*["']?([A-Za-z][-_.A-Za-z0-9]*)["']?[ \t]*[:=][ \t]*["']?([^\s"'#,{}\[\]$]{4,})`)

// element is an element of XML with a value, or an attribute, and directive a line of
// Redis and its like, which give a value behind a space.
var (
	element   = pattern.Lazy(`<([A-Za-z][-_.A-Za-z0-9]*)>\s*([^\s<>$]{4,})\s*</|\s([A-Za-z][-_.A-Za-z0-9]*)=["']([^\s"'<>$]{4,})["']`)
	directive = pattern.Lazy(`(?m)^[ \t]*(requirepass|masterauth|sentinel[ \t]+auth-pass[ \t]+\S+)[ \t]+["']?([^\s"'$]{4,})["']?;?[ \t]*$`)
)

// hasSecretSetting reports whether a value of several lines, or of JSON, is a document with
// a secret in it: INVIDIOUS_CONFIG holds all of the settings of its program.
func hasSecretSetting(value string) bool {
	if !isDocument(value) {
		return false
	}
	isSecret := func(name, value string) bool {
		return secretEnd().MatchString(name) && isSecretText(value)
	}
	return slices.ContainsFunc(setting().FindAllStringSubmatch(value, -1), func(m []string) bool { return isSecret(m[1], m[2]) }) ||
		slices.ContainsFunc(element().FindAllStringSubmatch(value, -1), func(m []string) bool { return isSecret(m[1]+m[3], m[2]+m[4]) }) ||
		slices.ContainsFunc(directive().FindAllStringSubmatch(value, -1), func(m []string) bool { return isSecretText(m[2]) })
}

// isSecretText reports whether a value is more than a switch, a number or a place.
func isSecretText(value string) bool {
	return !isSwitch(value) && !elsewhere().MatchString(value) && strings.Trim(value, "0123456789*") != ""
}

// isDocument reports whether a text is no mere word or sentence.
func isDocument(text string) bool {
	return strings.Contains(text, "\n") || strings.HasPrefix(strings.TrimSpace(text), "{")
}

// maxLiterals is how many secrets are looked for in one command line. No program takes
// so many: what is beyond that is data.
const maxLiterals = 64

// literals returns the secrets that a command line holds as they are, each once.
func literals(words []string) []literal {
	text := strings.Join(words, " ")
	var found []literal
	add := func(name string, from, to int) {
		value := text[from:to]
		known := slices.ContainsFunc(found, func(l literal) bool { return l.value == value })
		if !known && len(found) < maxLiterals && len(value) >= shortestSecret && ends(text, from, to) && !isSwitch(value) && !elsewhere().MatchString(value) {
			found = append(found, literal{name, value})
		}
	}
	for _, m := range secretFlag().FindAllStringSubmatchIndex(text, -1) {
		name := text[max(m[2], m[4]):max(m[3], m[5])]
		if secretEnd().MatchString(name) {
			add(strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(name)), m[6], m[7])
		}
	}
	for _, m := range secretLetter().FindAllStringSubmatchIndex(text, -1) {
		add("", max(m[2], m[4], m[6]), m[1])
	}
	for at := 0; ; {
		before, password, _, ok := charts.CutPassword(text[at:])
		if !ok {
			return found
		}
		from := at + len(before)
		at = from + len(password)
		if !strings.Contains(password, "$") {
			add("", from, at)
		}
	}
}

// ends reports whether a secret ends where it seems to, and nothing makes up the rest of
// it: a variable, or a quote in its middle.
func ends(text string, from, to int) bool {
	if to == len(text) || strings.ContainsAny(text[to:to+1], " \t\n;&|)@") {
		return true
	}
	return strings.ContainsAny(text[to:to+1], `"'`) && from > 0 && text[from-1] == text[to]
}

// findKnownSecrets notes the secrets among the variables of all units, as far as they are
// no words that stand anywhere: a letter and a digit tell a password from a word.
func (a *app) findKnownSecrets(units []*unit) {
	add := func(name, value string) {
		if charts.IsSecretName(name) && len(value) >= 2*shortestSecret && strings.ContainsAny(value, "0123456789") && strings.ContainsFunc(value, unicode.IsLetter) {
			a.knownSecrets[value] = true
		}
	}
	for _, u := range units {
		for name, value := range u.in.Environment {
			if value != nil {
				add(name, *value)
			}
		}
		for _, f := range u.files {
			for name, value := range f.vars {
				add(name, value)
			}
		}
	}
}

// knownIn returns the secrets of the application that stand in a command line as words,
// as in: mc alias set store http://minio:9000 minio minio123.
func (a *app) knownIn(words []string) []literal {
	var found []literal
	for _, text := range words {
		for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(wordEnds, r) }) {
			if a.knownSecrets[word] && len(found) < maxLiterals {
				found = append(found, literal{"", word})
			}
		}
	}
	return found
}

// wordEnds are the signs around words.
const wordEnds = " \t\n\"'=:@,;()&|"

// credentialsIn returns the secrets in the words of a key: the values of variables that
// it mentions, and what stands there as it is. Their names are those of variables that
// the container has, or can be given.
func (u *unit) credentialsIn(key string, words []string, files map[string]string, values types.MappingWithEquals) []compose.Variable {
	out := u.secretVariables.at(u.at(key))
	taken := func(name string) bool {
		_, inValues := values[name]
		_, inFiles := files[name]
		return inValues || inFiles || slices.ContainsFunc(out, func(v compose.Variable) bool { return v.Name == name })
	}
	for _, l := range append(literals(words), u.knownIn(words)...) {
		if !slices.ContainsFunc(out, func(v compose.Variable) bool { return strings.Contains(l.value, v.Value) }) {
			out = append(out, compose.Variable{Name: u.nameOf(l, taken), Value: l.value})
		}
	}
	for i, v := range out {
		if name, ok := holder(v.Value, files, values); ok {
			out[i].Name = name
		}
	}
	return out
}

// holder returns the secret variable of a container that has a value.
func holder(value string, files map[string]string, values types.MappingWithEquals) (name string, ok bool) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if v := values[name]; v != nil && *v == value && charts.IsSecretName(name) {
			return name, true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if _, overridden := values[name]; !overridden && files[name] == value && charts.IsSecretName(name) {
			return name, true
		}
	}
	return "", false
}

// nameOf returns a name for the variable that a literal is the value of: that of the
// flag, or of the service, and none that is taken.
func (u *unit) nameOf(l literal, taken func(name string) bool) string {
	name := strings.TrimLeft(strings.ToUpper(strings.ReplaceAll(u.object, "-", "_"))+"_PASSWORD", "_0123456789")
	if strings.Contains(l.name, "_") && charts.IsSecretName(l.name) {
		name = l.name
	}
	free := name
	for n := 2; taken(free); n++ {
		free = fmt.Sprintf("%s_%d", name, n)
	}
	return free
}

// place is a secret that is looked for in a command line: as a word of its own, and
// elsewhere only if no text of the line has it as a word. The password redis is not in
// redis-server.
type place struct {
	compose.Variable

	word bool
}

func placesOf(secrets []compose.Variable, texts []string) []place {
	var places []place
	for _, v := range secrets {
		word := slices.ContainsFunc(texts, func(t string) bool { return wordIndex(t, v.Value) >= 0 })
		places = append(places, place{v, word})
	}
	return places
}

// in returns where the secret stands in a text.
func (p place) in(text string) int {
	if p.word {
		return wordIndex(text, p.Value)
	}
	return strings.Index(text, p.Value)
}

// wordIndex returns where a secret stands in a text as a word.
func wordIndex(text, secret string) int {
	for start := 0; ; {
		i := strings.Index(text[start:], secret)
		if i < 0 {
			return -1
		}
		before, after := text[:start+i], text[start+i+len(secret):]
		opens := before == "" || strings.ContainsAny(before[len(before)-1:], " \t\n\"'=:@,(") || before == "-p" || strings.HasSuffix(before, " -p")
		if opens && (after == "" || strings.ContainsAny(after[:1], " \t\n\"'@,;)&|")) {
			return start + i
		}
		start += i + 1
	}
}
