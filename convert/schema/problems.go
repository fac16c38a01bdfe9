package schema

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"gantry/charts/diag"
)

// Codes of the problems. They are stable: people search for them and filter by
// them.
const (
	// CodeUnknown: the schema has no such key.
	CodeUnknown = "unknown-key"
	// CodeType: a value has the wrong type or form.
	CodeType = "wrong-type"
	// CodeValue: a value has the right type and means nothing.
	CodeValue = "invalid-value"
	// CodeIncomplete: something is missing that must be there.
	CodeIncomplete = "incomplete"
)

// Problem is one thing that is wrong with a value.
type Problem struct {
	// Path leads from the value to what is wrong in it.
	Path                []string
	Code, Summary, Hint string
}

// Words says what a schema is of.
type Words struct {
	// Unknown says that a key is not part of the schema.
	Unknown string
	// Known returns the keys that the schema has below a path.
	Known func(path []string) []string
	// Otherwise is the hint for an unknown key below a path that is like no other.
	Otherwise func(path []string, key string) string
	// Formats are examples of the formats of the schema, by name.
	Formats map[string]string
}

// Problems explains the error of a validation. It is empty for nil, and for
// errors that are none of a validation.
func Problems(err error, words Words) []Problem {
	invalid, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return nil
	}
	var problems []Problem
	for _, leaf := range leaves(invalid) {
		problems = append(problems, words.explain(leaf)...)
	}
	return problems
}

// explain turns one error of the library into problems.
func (w Words) explain(e *jsonschema.ValidationError) []Problem {
	path := slices.Clip(e.InstanceLocation)
	one := func(code, summary, hint string) []Problem { return []Problem{{path, code, summary, hint}} }
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		var problems []Problem
		for _, key := range k.Properties {
			problems = append(problems, Problem{append(path, key), CodeUnknown, w.Unknown, w.instead(path, key)})
		}
		return problems
	case *kind.FalseSchema:
		// Where one attribute is wrong, the schema refuses all its neighbours too.
		last := len(path) - 1
		if last < 0 || slices.Contains(w.Known(path[:last]), path[last]) {
			return nil
		}
		return one(CodeUnknown, w.Unknown, w.instead(path[:last], path[last]))
	case *kind.Type:
		return one(CodeType, fmt.Sprintf("must be %s, and is %s", typeNames(k.Want), typeNames([]string{k.Got})), "")
	case *kind.Required:
		return one(CodeIncomplete, "lacks "+strings.Join(k.Missing, ", "), "add it")
	case *kind.Enum:
		var want []string
		for _, v := range k.Want {
			want = append(want, fmt.Sprint(v))
		}
		return one(CodeValue, fmt.Sprintf("%q is none of %s", fmt.Sprint(k.Got), strings.Join(want, ", ")), diag.DidYouMean(fmt.Sprint(k.Got), want))
	case *kind.Minimum:
		return one(CodeValue, fmt.Sprintf("%s is below %s", k.Got.RatString(), k.Want.RatString()), "")
	case *kind.Maximum:
		return one(CodeValue, fmt.Sprintf("%s is above %s", k.Got.RatString(), k.Want.RatString()), "")
	case *kind.Format:
		return one(CodeValue, fmt.Sprintf("%q is no %s", fmt.Sprint(k.Got), k.Want), w.Formats[k.Want])
	default:
		return one(CodeValue, e.ErrorKind.LocalizedString(message.NewPrinter(language.English)), "")
	}
}

// instead names the key that is nearest to one that the schema does not know.
func (w Words) instead(path []string, key string) string {
	if hint := diag.DidYouMean(key, w.Known(path)); hint != "" {
		return hint
	}
	return w.Otherwise(path, key)
}

// leaves returns the errors that say something. Of the alternatives of a value
// only the ones that the value comes nearest to are of use: those that are wrong
// deepest inside it.
func leaves(err *jsonschema.ValidationError) []*jsonschema.ValidationError {
	if len(err.Causes) == 0 {
		return []*jsonschema.ValidationError{err}
	}
	var all []*jsonschema.ValidationError
	for _, cause := range err.Causes {
		all = append(all, leaves(cause)...)
	}
	switch err.ErrorKind.(type) {
	case *kind.OneOf, *kind.AnyOf:
	default:
		return all
	}
	deepest := slices.MaxFunc(all, func(a, b *jsonschema.ValidationError) int { return len(a.InstanceLocation) - len(b.InstanceLocation) })
	all = slices.DeleteFunc(all, func(e *jsonschema.ValidationError) bool {
		return len(e.InstanceLocation) < len(deepest.InstanceLocation)
	})
	return oneType(all)
}

// oneType puts "must be a string" and "must be a mapping" of one value together.
func oneType(all []*jsonschema.ValidationError) []*jsonschema.ValidationError {
	var want []string
	for _, e := range all {
		t, ok := e.ErrorKind.(*kind.Type)
		if !ok || !slices.Equal(e.InstanceLocation, all[0].InstanceLocation) {
			return slices.DeleteFunc(all, func(e *jsonschema.ValidationError) bool {
				_, isType := e.ErrorKind.(*kind.Type)
				return isType && len(want) > 0
			})
		}
		want = append(want, t.Want...)
	}
	slices.Sort(want)
	first := *all[0]
	got := first.ErrorKind.(*kind.Type).Got
	first.ErrorKind = &kind.Type{Got: got, Want: slices.Compact(want)}
	return []*jsonschema.ValidationError{&first}
}

func typeNames(types []string) string {
	var names []string
	for _, t := range types {
		switch t {
		case "object":
			t = "a mapping"
		case "array":
			t = "a list"
		case "null":
			t = "empty"
		case "string":
			t = "text"
		case "integer", "number":
			t = "a number"
		case "boolean":
			t = "true or false"
		}
		if !slices.Contains(names, t) {
			names = append(names, t)
		}
	}
	return strings.Join(names, " or ")
}
