package pattern

import (
	"regexp"
	"sync"
)

// Lazy returns a function that returns a regular expression, for a variable of a package:
//
//	var plainName = pattern.Lazy(`^[a-z]+$`)
//
//	if plainName().MatchString(text) {
//
// It is compiled once, at the first call, from any goroutine. As with
// [regexp.MustCompile], text is a constant that compiles.
func Lazy(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
