package compose

import (
	"maps"
	"strings"
)

// environment is a set of variables. It is never changed, only extended.
type environment map[string]string

func (e environment) lookup(name string) (string, bool) {
	v, ok := e[name]
	return v, ok
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

// withFiles returns the environment with the variables of env files below its own.
// Of the files, the last that sets a variable wins, and it may mention what those
// before it set. read reports what it cannot read.
func (d *disk) withFiles(env environment, files []string, read func(file string) ([]byte, bool)) environment {
	vars := environment{}
	for _, f := range files {
		if data, ok := read(f); ok {
			set, list := ParseEnv(d.shown(f), data, vars, env.lookup)
			*d.list = append(*d.list, list...)
			maps.Copy(vars, set)
		}
	}
	maps.Copy(vars, env)
	return vars
}
