package report

import (
	"fmt"
	"slices"
	"strings"

	"gantry/charts"
	"gantry/charts/diag"
	"gantry/charts/pattern"
	"gantry/convert"
	"gantry/convert/extension"
)

// hidden stands for what is not shown.
const hidden = "•••"

// mask hides secrets in the user's own text before it is shown. It reads lines,
// not YAML: it must work on a file that is no YAML, and would rather hide too
// much than too little.
type mask struct {
	// values are secrets that the conversion knows, wherever they stand.
	values *strings.Replacer
}

// newMask returns the mask for a conversion. Its result may be unfinished.
func newMask(result *convert.Result) *mask {
	var pairs []string
	if result != nil && result.App != nil {
		for _, d := range result.App.Data {
			if !d.Secret {
				continue
			}
			for key, value := range d.Text {
				for _, value := range []string{value, written(result, d.Service, key)} {
					if value = strings.TrimSpace(value); isTelling(value) {
						pairs = append(pairs, value, hidden)
					}
				}
			}
		}
	}
	return &mask{values: strings.NewReplacer(sortPairs(pairs)...)}
}

// written is a variable of a service as its file has it: in the Secret, hosts may have other
// names.
func written(result *convert.Result, service, variable string) string {
	if result.Project == nil {
		return ""
	}
	if value := result.Project.Services[service].Environment[variable]; value != nil {
		return *value
	}
	return ""
}

// minTelling is how long a value must be to be hidden wherever it stands.
const minTelling = 8

// isTelling reports whether a value is like no word of an ordinary file: the
// password "postgres" must not hide the image of that name.
func isTelling(value string) bool {
	return len(value) >= minTelling && !strings.Contains(value, "\n") &&
		strings.ContainsAny(value, "0123456789") && strings.IndexFunc(value, func(r rune) bool { return r < '0' || r > '9' }) >= 0
}

// sortPairs puts longer values first, which may contain shorter ones.
func sortPairs(pairs []string) []string {
	values := slices.Collect(func(yield func(string) bool) {
		for i := 0; i < len(pairs); i += 2 {
			if !yield(pairs[i]) {
				return
			}
		}
	})
	slices.SortFunc(values, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	sorted := make([]string, 0, len(pairs))
	for _, v := range slices.Compact(values) {
		sorted = append(sorted, v, hidden)
	}
	return sorted
}

var (
	// named is a name and what sets it apart from its value: KEY: or KEY=.
	named = pattern.Lazy(`[A-Za-z_][\w.-]*(?:["']\s*:\s*|["']?(?:\s*=|\s*:(?:\s+|$)))`)
	// defaulted is a variable with a default.
	defaulted = pattern.Lazy(`\$\{(\w+)(:?[-+])([^{}]+)\}`)
	// reference is a value that is nothing but a variable.
	reference = pattern.Lazy(`^\$(\w+|\{\w+(:?[-+]` + hidden + `|:?[-+]|:?\?[^{}]*)?\})$`)
	// inURL is the password of a URL.
	inURL = pattern.Lazy(`(://[^/\s:"']*:)([^\s"'/]+)@`)
	// flag is an option of a command whose argument is a secret.
	flag = pattern.Lazy(`(?i)(--?[a-z0-9-]*(?:passw(?:or)?d|passphrase|requirepass|secret|token|api-?key)[a-z0-9-]*)((?:=|\s+|["']?\s*,\s*)["']?)([^\s"',\]]+)`)
	// bareFlag is such an option as a list item of its own.
	bareFlag = pattern.Lazy(`(?i)^\s*- +["']?--?[a-z0-9-]*(?:passw(?:or)?d|passphrase|requirepass|secret|token|api-?key)[a-z0-9-]*["']?\s*$`)
	// hash is a password's hash, as htpasswd writes it.
	hash = pattern.Lazy(`\$\$?(?:2[aby]|apr1|argon2id?|[156])\$\$?[^\s"',]+`)
	// tlsFlow is an open mapping below tls.
	tlsFlow = pattern.Lazy(`(?:^|[\s{,])tls:\s*\{[^{}]*$`)
	// anchored is an anchor and its value.
	anchored = pattern.Lazy(`&([\w.-]+)\s+(\S.*)`)
)

// text hides what is secret in a piece of the user's text whatever stands around
// it.
func (m *mask) text(s string) string {
	s = flag().ReplaceAllStringFunc(m.prose(s), func(v string) string {
		parts := flag().FindStringSubmatch(v)
		if reference().MatchString(parts[3]) {
			return v
		}
		return parts[1] + parts[2] + hidden
	})
	return hash().ReplaceAllString(s, hidden)
}

// prose hides what is secret in our own words, in which options are ours.
func (m *mask) prose(s string) string {
	s = m.values.Replace(s)
	s = defaulted().ReplaceAllStringFunc(s, func(v string) string {
		parts := defaulted().FindStringSubmatch(v)
		if !charts.IsSecretName(parts[1]) {
			return v
		}
		return "${" + parts[1] + parts[2] + hidden + "}"
	})
	return inURL().ReplaceAllStringFunc(s, func(v string) string {
		parts := inURL().FindStringSubmatch(v)
		if reference().MatchString(parts[2]) {
			return v
		}
		return parts[1] + hidden + "@"
	})
}

// diagnostic hides what a diagnostic quotes of a secret variable's value.
func (m *mask) diagnostic(d diag.Diagnostic) diag.Diagnostic {
	d.Summary, d.Hint = m.prose(d.Summary), m.prose(d.Hint)
	if n := len(d.Path); n > 1 && slices.Contains([]string{"environment", "args", "labels", "driver_opts"}, d.Path[n-2]) && charts.IsSecretName(d.Path[n-1]) {
		d.Summary = quoted().ReplaceAllString(d.Summary, `"`+hidden+`"`)
	}
	return d
}

var quoted = pattern.Lazy(`"(?:[^"\\]|\\.)*"`)

// lines returns the lines of a file as they may be shown.
func (m *mask) lines(lines []string) []string {
	s := scan{mask: m, below: -1, tls: -1}
	aliases := s.aliases(lines)
	out := make([]string, len(lines))
	for i, line := range lines {
		if len(line) > maxSource {
			out[i] = fmt.Sprintf("%s (a line of %d bytes)", hidden, len(line))
			continue
		}
		out[i] = s.line(hideAnchors(line, aliases))
	}
	return out
}

// maxSource is how many bytes a line may have to be shown: nobody reads more, and
// a whole application on one line would take for ever.
const maxSource = 16 << 10

// hideAnchors hides the values that secret variables take by their anchors.
func hideAnchors(line string, aliases map[string]bool) string {
	if len(aliases) == 0 {
		return line
	}
	return anchored().ReplaceAllStringFunc(line, func(v string) string {
		parts := anchored().FindStringSubmatch(v)
		if !aliases[parts[1]] {
			return v
		}
		return "&" + parts[1] + " " + hidden
	})
}

// scan is where a mask stands between two lines.
type scan struct {
	*mask
	// below is the column of a key whose value goes on in the lines that are
	// indented deeper; -1 for none. unsure tells that these lines may be keys of
	// their own as well.
	below  int
	unsure bool
	// quote ends a quoted value that began on a line before; 0 for none.
	quote byte
	// item tells that the next item of the list is a secret.
	item bool
	// tls is the column of a key tls above, below which secret: names a Secret; -1
	// for none.
	tls int
}

// aliases returns the anchors whose values are those of secret variables.
func (s *scan) aliases(lines []string) map[string]bool {
	found := map[string]bool{}
	for _, line := range lines {
		if !strings.Contains(line, "*") || len(line) > maxSource {
			continue
		}
		for _, at := range named().FindAllStringIndex(line, -1) {
			name := nameOf(line[at[0]:at[1]])
			if rest, ok := strings.CutPrefix(line[at[1]:], "*"); ok && charts.IsSecretName(name) {
				found[strings.TrimRight(strings.Fields(rest + " ")[0], ",}]")] = true
			}
		}
	}
	return found
}

// nameOf takes the separator off a match of named.
func nameOf(match string) string { return strings.TrimRight(match, "\"'=: \t") }

// line hides what is secret in the next line of a file.
func (s *scan) line(line string) string {
	indent := len(line) - len(strings.TrimLeft(line, " \t"))
	bare := strings.TrimSpace(line)
	if bare != "" && indent <= s.tls {
		s.tls = -1
	}
	if bare == "tls:" {
		s.tls = indent
	}
	switch {
	case bare == "":
		return line
	case s.quote != 0:
		end := closing(line, s.quote)
		if end < 0 {
			return line[:indent] + hidden
		}
		q := s.quote
		s.quote = 0
		return line[:indent] + hidden + string(q) + s.text(s.pairs(line[end+1:]))
	case s.below >= 0 && indent > s.below && (!s.unsure || !isKey(line)):
		return line[:indent] + hidden
	case s.item && strings.HasPrefix(line[indent:], "- "):
		s.item = false
		return line[:indent] + "- " + hidden
	}
	s.below, s.unsure = -1, false
	s.item = bareFlag().MatchString(line)
	return s.text(s.pairs(line))
}

// isKey reports whether a line begins a key or an item.
func isKey(line string) bool {
	line = strings.TrimSpace(line)
	return strings.HasPrefix(line, "- ") || strings.HasPrefix(line, "#") || strings.HasSuffix(line, ":") || strings.Contains(line, ": ")
}

// pairs hides the values of secret variables in a line.
func (s *scan) pairs(line string) string {
	var b strings.Builder
	at := 0
	for at < len(line) {
		match := named().FindStringIndex(line[at:])
		if match == nil {
			break
		}
		start, end := at+match[0], at+match[1]
		b.WriteString(line[at:end])
		at = end
		if name := nameOf(line[start:end]); !charts.IsSecretName(name) || isSection(name) || name == "secret" && s.inTLS(line[:start]) {
			continue
		}
		length := s.value(line, start, end)
		value := line[end : end+length]
		at += length
		switch bare := strings.Trim(value, `"' `); {
		case value == "" || isPublic(bare) || strings.HasPrefix(bare, "*"):
			b.WriteString(value)
		case defaulted().ReplaceAllString(bare, "") == "":
			b.WriteString(defaulted().ReplaceAllString(value, "${$1$2"+hidden+"}"))
		default:
			b.WriteString(hiddenLike(value))
		}
	}
	b.WriteString(line[at:])
	return b.String()
}

// hiddenLike keeps the quotes of a value, so that the line stays YAML.
func hiddenLike(value string) string {
	if q := value[0]; q == '"' || q == '\'' {
		if len(value) > 1 && value[len(value)-1] == q {
			return string(q) + hidden + string(q)
		}
		return string(q) + hidden
	}
	if value[0] == '|' || value[0] == '>' {
		return value
	}
	return hidden
}

// isSection reports whether a name is a key that sounds like a secret and is none:
// one of Compose, or a label of kompose, which names a Secret.
func isSection(name string) bool {
	return name == "secrets" || name == "credential_spec" || strings.HasPrefix(name, extension.LabelPrefix)
}

// inTLS reports whether a key behind a part of a line belongs to tls of
// x-kubernetes, which says who has the certificate.
func (s *scan) inTLS(before string) bool { return s.tls >= 0 || tlsFlow().MatchString(before) }

// isPublic reports whether a value tells nothing: a switch, or a variable.
func isPublic(value string) bool {
	switch strings.ToLower(value) {
	case "", "true", "false", "yes", "no", "on", "off", "null", "~":
		return true
	}
	return reference().MatchString(value)
}

// value returns how long the value is that begins behind a name, and notes
// whether it goes on in the lines below.
func (s *scan) value(line string, start, end int) int {
	rest := line[end:]
	before := line[:start]
	open := strings.ContainsAny(before, "{[")
	var around byte // the quote in which name and value stand: "KEY=value"
	if start > 0 && (line[start-1] == '"' || line[start-1] == '\'') && strings.HasSuffix(line[start:end], "=") {
		around = line[start-1]
	}
	switch {
	case strings.TrimSpace(rest) == "":
		if !open {
			s.below, s.unsure = start, true
		}
		return 0
	case rest[0] == '{' || rest[0] == '[':
		return 0
	case rest[0] == '|' || rest[0] == '>':
		s.below = start
		return len(rest)
	case rest[0] == '"' || rest[0] == '\'':
		if n := closing(rest[1:], rest[0]); n >= 0 {
			return n + 2
		}
		s.quote = rest[0]
		return len(rest)
	case around != 0:
		if n := closing(rest, around); n >= 0 {
			return n
		}
		s.quote = around
		return len(rest)
	case open:
		if n := strings.IndexAny(rest, ",}]"); n >= 0 && !strings.Contains(rest[:n], "${") {
			return n
		}
		return len(rest)
	default:
		s.below = start
		return len(rest)
	}
}

// closing returns where a quoted text ends, or -1.
func closing(s string, quote byte) int {
	for i := 0; i < len(s); i++ {
		switch {
		case quote == '"' && s[i] == '\\':
			i++
		case s[i] == quote && quote == '\'' && i+1 < len(s) && s[i+1] == '\'':
			i++
		case s[i] == quote:
			return i
		}
	}
	return -1
}
