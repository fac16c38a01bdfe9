package engine

import (
	"fmt"
	"math"
	"strings"
	"text/template"
)

// tooLarge returns an error when a function would make a text of n bytes.
func tooLarge(n int) error {
	if n > MaxText || n < 0 {
		return fmt.Errorf("%w: a text of more than %d bytes", ErrLimit, MaxText)
	}
	return nil
}

// product multiplies, and is negative when the result is too large for a number.
func product(a, b int) int {
	if a > 0 && b > math.MaxInt/a {
		return -1
	}
	return max(a, 0) * b
}

// The functions below put a check in front of a function of sprig. Where sprig's
// has another type, a test of the limits fails.

func check1[A, R any](funcs template.FuncMap, name string, check func(A) error) {
	if f, ok := funcs[name].(func(A) R); ok {
		funcs[name] = func(a A) (result R, err error) {
			if err := check(a); err != nil {
				return result, err
			}
			return f(a), nil
		}
	}
}

func check2[A, B, R any](funcs template.FuncMap, name string, check func(A, B) error) {
	if f, ok := funcs[name].(func(A, B) R); ok {
		funcs[name] = func(a A, b B) (result R, err error) {
			if err := check(a, b); err != nil {
				return result, err
			}
			return f(a, b), nil
		}
	}
}

func check3[A, B, C, R any](funcs template.FuncMap, name string, check func(A, B, C) error) {
	if f, ok := funcs[name].(func(A, B, C) R); ok {
		funcs[name] = func(a A, b B, c C) (result R, err error) {
			if err := check(a, b, c); err != nil {
				return result, err
			}
			return f(a, b, c), nil
		}
	}
}

// addMeasured makes the functions that could make something huge of next to
// nothing measure first. Those that put texts together can only double them.
func addMeasured(funcs template.FuncMap) {
	together := func(f func(...any) string) any {
		return func(args ...any) (string, error) {
			text := f(args...)
			return text, tooLarge(len(text))
		}
	}
	funcs["print"], funcs["println"] = together(fmt.Sprint), together(fmt.Sprintln)
	funcs["printf"] = func(format string, args ...any) (string, error) {
		text := fmt.Sprintf(format, args...)
		return text, tooLarge(len(text))
	}
	for _, name := range []string{"cat", "quote", "squote"} {
		if f, ok := funcs[name].(func(...any) string); ok {
			funcs[name] = together(f)
		}
	}
	if f, ok := funcs["join"].(func(string, any) string); ok {
		funcs["join"] = func(separator string, list any) (string, error) {
			text := f(separator, list)
			return text, tooLarge(len(text))
		}
	}
	check2[int, string, string](funcs, "repeat", func(count int, text string) error { return tooLarge(product(count, len(text))) })
	for _, name := range []string{"indent", "nindent"} {
		check2[int, string, string](funcs, name, func(spaces int, text string) error { return tooLarge(product(spaces, strings.Count(text, "\n")+1)) })
	}
	check3[string, string, string, string](funcs, "replace", func(from, to, text string) error {
		return tooLarge(product(strings.Count(text, from), len(to)))
	})
	for _, name := range []string{"regexReplaceAll", "regexReplaceAllLiteral"} {
		check3[string, string, string, string](funcs, name, func(_, text, to string) error {
			if n := product(len(text), len(to)); n < 0 || n > maxReplaced {
				return tooLarge(n)
			}
			return nil
		})
	}
	for _, name := range []string{"randAlphaNum", "randAlpha", "randAscii", "randNumeric"} {
		check1[int, string](funcs, name, func(count int) error { return tooLarge(max(count, 0)) })
	}
	if f, ok := funcs["randBytes"].(func(int) (string, error)); ok {
		funcs["randBytes"] = func(count int) (string, error) {
			if err := tooLarge(count); err != nil {
				return "", err
			}
			return f(count)
		}
	}
	addLists(funcs)
}

// maxReplaced is the length of a text times that of what replaces its parts: how
// many there are, only the regular expression knows.
const maxReplaced = 16 * MaxText

// addLists makes the functions that count measure first.
func addLists(funcs template.FuncMap) {
	check1[int, []int](funcs, "until", func(count int) error { return tooMany(0, count, 1) })
	check3[int, int, int, []int](funcs, "untilStep", tooMany)
	if f, ok := funcs["seq"].(func(...int) string); ok {
		funcs["seq"] = func(params ...int) (string, error) {
			from, to, step := 1, 1, 1
			switch len(params) {
			case 1:
				to = params[0]
			case 2:
				from, to = params[0], params[1]
			case 3:
				from, step, to = params[0], params[1], params[2]
			}
			if err := tooMany(from, to, step); err != nil {
				return "", err
			}
			return f(params...), nil
		}
	}
}

// tooMany returns an error when there are too many numbers from one to another.
func tooMany(from, to, step int) error {
	// As differences of large numbers do not fit into one.
	count := math.Abs(float64(to)-float64(from)) / math.Max(math.Abs(float64(step)), 1)
	if count > MaxItems || math.Abs(float64(to)) > math.MaxInt/2 || math.Abs(float64(step)) > math.MaxInt/2 {
		return fmt.Errorf("%w: a list of more than %d numbers", ErrLimit, MaxItems)
	}
	return nil
}

// addChangers makes the functions that change what they are given refuse to, when
// others see it, too. Of the context, the templates have copies: that is why it is
// not among the shared places.
func addChangers(funcs template.FuncMap, shared places, now *rootContext) {
	if shared == nil {
		return
	}
	refuse := func(seen bool) error {
		if seen {
			return errShared
		}
		return nil
	}
	type values = map[string]any
	check3[values, string, any, values](funcs, "set", func(m values, _ string, _ any) error { return refuse(shared.has(m) || now.is(m)) })
	check2[values, string, values](funcs, "unset", func(m values, _ string) error { return refuse(shared.has(m) || now.is(m)) })
	check1[any, []string](funcs, "sortAlpha", func(list any) error { return refuse(shared.touches(list)) })
	for _, name := range []string{"merge", "mergeOverwrite"} {
		if f, ok := funcs[name].(func(values, ...values) any); ok {
			funcs[name] = func(into values, from ...values) (any, error) {
				if err := refuse(shared.touches(into)); err != nil {
					return nil, err
				}
				return f(into, from...), nil
			}
		}
	}
	for _, name := range []string{"mustMerge", "mustMergeOverwrite"} {
		if f, ok := funcs[name].(func(values, ...values) (any, error)); ok {
			funcs[name] = func(into values, from ...values) (any, error) {
				if err := refuse(shared.touches(into)); err != nil {
					return nil, err
				}
				return f(into, from...)
			}
		}
	}
}
