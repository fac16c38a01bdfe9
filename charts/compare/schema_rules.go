package compare

import (
	"reflect"
	"slices"
)

// schemaRule weighs a change of one keyword.
type schemaRule struct {
	name string
	// weigh returns the effect, or "" when it has none. had and has tell whether
	// the keyword is there at all.
	weigh func(before, after any, had, has bool) Effect
}

// valueRules are the keywords that say something of the value itself, in the
// order in which they are told.
func valueRules() []schemaRule {
	return []schemaRule{
		{"$ref", unclear},
		{"type", types},
		{"enum", choices},
		{"const", presence},
		{"minimum", floor},
		{"exclusiveMinimum", floor},
		{"minLength", floor},
		{"minItems", floor},
		{"minProperties", floor},
		{"maximum", ceiling},
		{"exclusiveMaximum", ceiling},
		{"maxLength", ceiling},
		{"maxItems", ceiling},
		{"maxProperties", ceiling},
		{"multipleOf", presence},
		{"pattern", presence},
		{"format", presence},
		{"uniqueItems", flag},
		{"allOf", allOf},
		{"anyOf", anyOf},
		{"oneOf", unclear},
		{"not", presence},
		{"if", unclear},
		{"then", unclear},
		{"else", unclear},
		{"contains", presence},
		{"patternProperties", presence},
		{"dependencies", presence},
		{"dependentRequired", presence},
		{"dependentSchemas", presence},
		{"unevaluatedProperties", presence},
	}
}

// presence weighs rules that are either there or not: a new one narrows, one that
// goes widens, and of two nobody can tell.
func presence(_, _ any, had, has bool) Effect {
	switch {
	case !had:
		return Narrower
	case !has:
		return Wider
	default:
		return Unclear
	}
}

func unclear(any, any, bool, bool) Effect { return Unclear }

// flag weighs a rule that is on or off.
func flag(before, after any, _, _ bool) Effect {
	switch {
	case before != true && after == true:
		return Narrower
	case before == true && after != true:
		return Wider
	default:
		return ""
	}
}

// types weighs the kinds of values that are accepted; every integer is a number.
func types(before, after any, had, has bool) Effect {
	if !had || !has {
		return presence(before, after, had, has)
	}
	covered := func(kind string, by []string) bool {
		return slices.Contains(by, kind) || kind == "integer" && slices.Contains(by, "number")
	}
	was, now := texts(before), texts(after)
	for _, kind := range was {
		if !covered(kind, now) {
			return Narrower
		}
	}
	for _, kind := range now {
		if !covered(kind, was) {
			return Wider
		}
	}
	return ""
}

// choices weighs lists of values of which one must be given.
func choices(before, after any, had, has bool) Effect {
	if effect := anyOf(before, after, had, has); effect != Unclear {
		return effect
	}
	return Narrower
}

// anyOf weighs lists of schemas of which a value must meet one.
func anyOf(before, after any, had, has bool) Effect {
	fewer, more := subset(after, before), subset(before, after)
	switch {
	case !had || !has:
		return presence(before, after, had, has)
	case fewer && more:
		return ""
	case more:
		return Wider
	case fewer:
		return Narrower
	default:
		return Unclear
	}
}

// allOf weighs lists of schemas of which a value must meet all.
func allOf(before, after any, had, has bool) Effect {
	if !had || !has {
		return presence(before, after, had, has)
	}
	switch effect := anyOf(before, after, had, has); effect {
	case Wider:
		return Narrower
	case Narrower:
		return Wider
	default:
		return effect
	}
}

// subset reports whether every element of one list is in another.
func subset(small, big any) bool {
	within, _ := big.([]any)
	list, _ := small.([]any)
	for _, e := range list {
		if !slices.ContainsFunc(within, func(other any) bool { return reflect.DeepEqual(e, other) }) {
			return false
		}
	}
	return true
}

// floor weighs the least that is accepted, and ceiling the most.
func floor(before, after any, had, has bool) Effect {
	return bound(before, after, had, has, func(a, b float64) bool { return b > a })
}

func ceiling(before, after any, had, has bool) Effect {
	return bound(before, after, had, has, func(a, b float64) bool { return b < a })
}

func bound(before, after any, had, has bool, narrows func(a, b float64) bool) Effect {
	was, okWas := before.(float64)
	now, okNow := after.(float64)
	switch {
	case !had || !has || !okWas || !okNow:
		return presence(before, after, had, has)
	case narrows(was, now):
		return Narrower
	default:
		return Wider
	}
}
