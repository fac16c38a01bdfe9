package diag

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// SyntaxError is YAML or JSON that cannot be read, and where reading ended.
type SyntaxError struct {
	// Line and Column count from 1; 0 means that it is not known.
	Line, Column int
	// Problem says what is wrong.
	Problem string
}

// Error prints the line and the problem.
func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return e.Problem
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Problem)
}

// Syntax reads the position out of an error of go.yaml.in/yaml/v4, whose error types are
// not exported. Its parser counts lines from 0, where its scanner counts from 1.
func Syntax(err error) *SyntaxError {
	place := regexp.MustCompile(`(?:line (\d+)(?:, column (\d+))?|<unknown position>): `)
	reading := regexp.MustCompile(`^(while .*?) at (?:line (\d+)(?:, column \d+)?|<unknown position>): `)
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	ahead := 0
	if strings.Contains(message, "did not find expected") {
		ahead = 1
	}
	e := &SyntaxError{}
	if at := place.FindAllStringSubmatch(message, -1); at != nil {
		last := at[len(at)-1]
		e.Line, e.Column = max(1, number(last[1])+ahead), max(1, number(last[2]))
	}
	context := reading.FindStringSubmatch(message)
	e.Problem = place.ReplaceAllString(strings.TrimPrefix(message, strings.Join(context[:min(1, len(context))], "")), "")
	switch {
	case strings.Contains(message, "unknown anchor"):
		e.Column-- // this one it counts from 2
	case context != nil:
		e.Problem += " " + context[1]
		if begin := number(context[2]) + ahead; begin > 0 && begin < e.Line {
			e.Problem += fmt.Sprintf(" that begins in line %d", begin)
		}
	}
	return e
}

// number reads digits; none are 0.
func number(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}
