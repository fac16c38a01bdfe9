package convert

import (
	"iter"
	"slices"
	"strings"

	"gantry/charts/diag"
	"gantry/convert/rules"
)

// Key is a key of the user's files, and what became of it.
type Key struct {
	rules.KeyOutcome
	// Diagnostics are what the conversion has to say of this key, and of parts of its value
	// that are no keys of their own.
	Diagnostics diag.List
}

// Outcome returns what became of the key: what the support table says, unless
// its value was refused or left out.
func (k *Key) Outcome() rules.Outcome {
	outcome := k.Row.Outcome
	for _, d := range k.Diagnostics {
		switch {
		case d.Severity == diag.Error:
			return rules.Refused
		case d.Severity == diag.Warning && outcome == rules.Converted:
			outcome = rules.Approximated
		}
	}
	return outcome
}

// Keys returns every key that somebody wrote, once, in the order of files and
// lines, with what became of it. There are none when the files could not be loaded.
func (r *Result) Keys() iter.Seq[Key] {
	return func(yield func(Key) bool) {
		if r.Project == nil {
			return
		}
		outcomes := slices.Collect(rules.Outcomes(r.Project))
		about := r.byKey(outcomes)
		for _, k := range outcomes {
			if !yield(Key{KeyOutcome: k, Diagnostics: about[keyID(k.Path)]}) {
				return
			}
		}
	}
}

// byKey groups the diagnostics by the key that they are about: the nearest one
// above their path that somebody wrote.
func (r *Result) byKey(outcomes []rules.KeyOutcome) map[string]diag.List {
	written := make(map[string]bool, len(outcomes))
	for _, k := range outcomes {
		written[keyID(k.Path)] = true
	}
	about := map[string]diag.List{}
	for _, d := range r.Diagnostics {
		for path := d.Path; len(path) > 0; path = path[:len(path)-1] {
			if key := keyID(path); written[key] {
				about[key] = append(about[key], d)
				break
			}
		}
	}
	return about
}

// keyID tells paths apart, whatever the keys hold.
func keyID(path diag.Path) string { return strings.Join(path, "\x00") }
