package helm

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// keyring gives names keys that a template can read with a dot: the name itself
// where it is an identifier, and otherwise in camelCase.
type keyring struct {
	keys  map[string]string // by name
	taken map[string]bool
}

// newKeyring hands out keys for all names at once, so that they do not depend on
// the order: names that are identifiers keep their own, the others give way.
func newKeyring(names, reserved []string) keyring {
	k := keyring{keys: map[string]string{}, taken: map[string]bool{}}
	for _, r := range reserved {
		k.taken[r] = true
	}
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	for _, exact := range []bool{true, false} {
		for _, name := range names {
			if identifier().MatchString(name) == exact {
				k.take(name)
			}
		}
	}
	return k
}

// of returns the key of a name, taking one where the name is new.
func (k keyring) of(name string) string {
	if key, ok := k.keys[name]; ok {
		return key
	}
	return k.take(name)
}

func (k keyring) take(name string) string {
	base := camelCase(name)
	key := base
	for n := 2; k.taken[key]; n++ {
		key = base + strconv.Itoa(n)
	}
	k.taken[key] = true
	k.keys[name] = key
	return key
}

// camelCase returns a name as an identifier.
func camelCase(name string) string {
	if identifier().MatchString(name) {
		return name
	}
	var b strings.Builder
	upper := false
	for _, r := range name {
		switch {
		case r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r):
			upper = b.Len() > 0
		case upper:
			b.WriteRune(unicode.ToUpper(r))
			upper = false
		default:
			b.WriteRune(r)
		}
	}
	key := b.String()
	if !identifier().MatchString(key) {
		return "_" + key
	}
	return key
}

// chartName returns a name that Helm takes for a chart: lower case, digits and
// hyphens, beginning with a letter or a digit.
func chartName(name string) string {
	const limit = 50 // Helm adds a version of up to 12 characters in a label of 63
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		default:
			return '-'
		}
	}, name)
	clean = strings.Trim(clean, "-")
	if len(clean) > limit {
		clean = strings.TrimRight(clean[:limit], "-")
	}
	if clean == "" {
		return "app"
	}
	return clean
}
