package report

import "strings"

// Rule is what code hosts show of a kind of finding, beside its findings: a heading, what is
// found and why that matters, and what to do.
type Rule struct{ Short, Full, Help string }

// RuleOf describes a code of the converter's diagnostics. Most codes are about one thing, and
// their messages say what becomes of it; those that many keys share have words of their own.
func RuleOf(code string) Rule {
	const (
		explain = "gantry explain KEY says what becomes of a key of Compose, and docs/compose-support.md has all of them."
		mend    = "Mend the Compose file as the message says: nothing is converted before."
	)
	heading := strings.ReplaceAll(code, "-", " ")
	switch code {
	case "ignored":
		return Rule{"a key is left out", "Kubernetes has no counterpart for the key, or decides such things elsewhere; the message says which. The application runs without it.", explain}
	case "approximated":
		return Rule{"a key is converted, and not exactly", "Kubernetes has something near to the key. The message says what is different, which is worth a look before the application moves.", explain}
	case "refused":
		return Rule{"a key is refused", "What the key asks for would change what the application is, and cannot be had on Kubernetes.", explain + " Take the key out, or say under x-kubernetes what you want instead."}
	case "unknown-key":
		return Rule{"a key that Compose does not have here", "The key is misspelt, or stands at another level than it should; docker compose refuses it, too.", mend}
	case "wrong-type", "invalid-value":
		return Rule{heading, "The value is not one that Compose takes for this key.", mend}
	case "undefined", "cycle", "conflict", "incomplete", "duplicate-key", "yaml-syntax":
		return Rule{heading, "The Compose files are not consistent, or cannot be read; docker compose would refuse them as well.", mend}
	default:
		return Rule{heading, "This is about \"" + heading + "\": the message of each finding says what becomes of the key on Kubernetes, and why.", explain}
	}
}
