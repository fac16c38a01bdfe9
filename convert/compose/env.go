package compose

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/dotenv"
)

// environment is a set of variables. It is never changed, only extended.
type environment map[string]string

func (e environment) lookup(name string) (string, bool) {
	v, ok := e[name]
	return v, ok
}

// with returns the environment with the variables of an env file below its own.
func (e environment) with(data []byte) (environment, error) {
	vars, err := ParseEnv(data, e.lookup)
	if err != nil {
		return e, err
	}
	merged := environment(vars)
	maps.Copy(merged, e)
	return merged, nil
}

// parseEnviron reads KEY=value strings; the last of a name wins.
func parseEnviron(environ []string) environment {
	env := environment{}
	for _, entry := range environ {
		if key, value, ok := strings.Cut(entry, "="); ok && key != "" {
			env[key] = value
		}
	}
	return env
}

// ParseEnv reads the KEY=value lines of an env file. Variables in the values are
// looked up, and those of lines above. The error says which line is wrong, and
// quotes none: env files hold secrets.
func ParseEnv(data []byte, lookup func(string) (string, bool)) (map[string]string, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if err := checkText(data); err != nil {
		return nil, err
	}
	vars, err := dotenv.ParseWithLookup(bytes.NewReader(data), lookup)
	if err != nil {
		return nil, envProblem(err.Error())
	}
	return vars, nil
}

// ParseRawEnv reads the format of docker run --env-file: no quotes, no variables.
// A name alone is looked up.
func ParseRawEnv(data []byte, lookup func(string) (string, bool)) (map[string]string, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if err := checkText(data); err != nil {
		return nil, err
	}
	vars := map[string]string{}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimLeft(strings.TrimRight(line, "\r\n"), " \t")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, found := strings.Cut(line, "=")
		if !found {
			if value, found = lookup(key); !found {
				continue
			}
		}
		vars[key] = value
	}
	return vars, nil
}

// checkText wants UTF-8 without NUL: no variable can hold anything else.
func checkText(data []byte) error {
	at := bytes.IndexByte(data, 0)
	if at < 0 {
		at = notUTF8(data)
	}
	if at < 0 {
		return nil
	}
	return fmt.Errorf("line %d: is no UTF-8 text", bytes.Count(data[:at], []byte("\n"))+1)
}

// notUTF8 returns where the first byte lies that is not UTF-8, or -1.
func notUTF8(data []byte) int {
	for at := 0; at < len(data); {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return -1
}

// envLine finds the line in a message of the dotenv parser, which has no types
// for its errors.
var envLine = regexp.MustCompile(`^line \d+: `)

func envProblem(message string) error {
	line := envLine.FindString(message)
	what := "a ${VARIABLE} in a value cannot be read"
	switch {
	case strings.Contains(message, "unterminated quoted value"):
		what = "quotes are not closed"
	case strings.Contains(message, "cannot contain a space"), strings.Contains(message, "unexpected character"):
		what = "is not KEY=value"
	}
	return errors.New(line + what)
}
