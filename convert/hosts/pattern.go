package hosts

import (
	"regexp"
	"strings"
)

// Replacement is what a template puts in the place of what [Pattern] matches, but for the
// %s: that is what comes before the name.
const Replacement = "${1}${4}%s${2}${5}${3}${6}"

// Pattern returns a regular expression for a template that puts something before names of
// hosts, in values of variables of which [Leads] says that they have one. Neighbours in a
// list share their comma, so it takes two turns. A template can look at a text only so far:
// where such a name is that of a user as well, as in postgres://db:1234@db, both change.
// It is as short as that, because people read it.
func Pattern(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = regexp.QuoteMeta(name)
	}
	name := "(" + strings.Join(quoted, "|") + ")"
	return `(^|//|@|[,;(] ?|(?i:host|server|addr|address|url|uri|source)s?"?\s?[=:]\s?"?)` + name + `([/?,;)\s"&]|:[0-9$]|$)` +
		`|([\s="'[]|tcp:)` + name + `([:,][0-9])`
}
