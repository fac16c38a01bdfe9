package rules

import (
	"iter"

	"gantry/charts/diag"
	"gantry/convert/compose"
	"gantry/convert/extension"
)

// codeUnclaimed is the code of a key that no row of the table answers for.
const codeUnclaimed = "unclaimed-key"

// KeyOutcome is what the support table says of one key of the user's files.
type KeyOutcome struct {
	compose.Key
	// Row is the row that answers for the key. Its zero value means that none
	// does, which is a mistake in the table.
	Row Row
	// Exact tells that the row is the key's own, and not that of a key above it.
	Exact bool
	// Inactive tells that the key belongs to a service or job that no active
	// profile selects: nothing becomes of it.
	Inactive bool
}

// Claimed reports whether a row answers for the key.
func (k *KeyOutcome) Claimed() bool { return k.Row.Path != "" }

// Outcomes returns every key that somebody wrote, with the row that answers for
// it, in the order of files and lines. What a rule found out about the key's value is
// among the diagnostics of the conversion.
func Outcomes(project *compose.Project) iter.Seq[KeyOutcome] {
	return func(yield func(KeyOutcome) bool) {
		for key := range project.Origins.Keys() {
			k := KeyOutcome{Key: key, Inactive: inactive(project, key.Path)}
			k.Row, k.Exact = RowOf(key.Path)
			if row, ok := chartRow(project, key.Path); ok {
				k.Row, k.Exact = row, len(key.Path) == 3
			}
			if i := extensionIn(key.Path); i >= 0 {
				k.Row, k.Exact = extensionRow(key.Path[i]), false
			}
			if !yield(k) {
				return
			}
		}
	}
}

// extensionRow answers for extensions, which the schema leaves open.
func extensionRow(key string) Row {
	if key == extension.Key {
		return Row{Path: extension.Key, Outcome: Converted, Report: Silent, Text: "says of Kubernetes what Compose has no word for"}
	}
	return Row{Path: "x-*", Outcome: Ignored, Report: Silent, Text: "is an extension: it means nothing to Compose, and nothing to gantry"}
}

// inactive reports whether a key belongs to a service or job that no active
// profile selects.
func inactive(project *compose.Project, path diag.Path) bool {
	if len(path) < 2 {
		return false
	}
	switch path[0] {
	case "services":
		_, disabled := project.DisabledServices[path[1]]
		return disabled
	case "jobs":
		_, disabled := project.DisabledJobs[path[1]]
		return disabled
	default:
		return false
	}
}
