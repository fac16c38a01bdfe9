package engine

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gantry/charts"
)

// hidden stands for what could be a secret.
const hidden = "(hidden)"

// snippet returns two lines around one, numbered, without the values of Secrets and of
// variables whose names say that they are secret. The text is not YAML, or else nobody
// would want to see it, so it is read line by line.
func snippet(text string, line int) []string {
	lines := strings.Split(text, "\n")
	secret := regexp.MustCompile(`(?m)^["']?kind["']?:\s*["']?Secret\b`).MatchString(text)
	variable := regexp.MustCompile(`\bname["']?:\s*["']?(\w+)`)
	secretVariable := func(i int) (named, isSecret bool) {
		m := variable.FindStringSubmatch(lines[max(i, 0)])
		return m != nil, m != nil && charts.IsSecretName(m[1])
	}
	var out []string
	for i := max(line-2, 1); i <= min(line+1, len(lines)); i++ {
		shown := lines[i-1]
		named, hide := secretVariable(i - 1)
		if !named {
			_, hide = secretVariable(i - 2)
		}
		switch {
		case secret:
			shown = withoutValue(shown)
		case hide:
			shown = regexp.MustCompile(`(\bvalue["']?:\s).*`).ReplaceAllString(shown, "${1}"+hidden)
		}
		out = append(out, fmt.Sprintf("%4d | %s", i, shown))
	}
	return out
}

// withoutValue hides the value on a line of a Secret, and all of a line that has no key.
func withoutValue(line string) string {
	body := strings.TrimLeft(line, " ")
	key, value, found := strings.Cut(body, ":")
	indent := line[:len(line)-len(body)]
	switch {
	case strings.TrimSpace(body) == "", strings.HasPrefix(body, "#"):
		return line
	case !found:
		return indent + hidden
	case strings.TrimSpace(value) == "", slices.Contains([]string{"apiVersion", "kind", "name", "namespace", "type"}, key):
		return line
	}
	return indent + key + ": " + hidden
}

// withoutInstance hides the value that a message about a schema repeats, when the names
// on the way to it say that it is secret.
func withoutInstance(path []string, problem string) string {
	if !slices.ContainsFunc(path, charts.IsSecretName) {
		return problem
	}
	return regexp.MustCompile(`(?s)^'.*' (does not match|is not valid)`).ReplaceAllString(problem, hidden+" $1")
}
