package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"gantry/charts"
	"gantry/charts/diag"
	"gantry/charts/pattern"
	"gantry/convert/compose"
	"gantry/convert/workload"
)

// credentials are the variables of the Compose files that hold secrets, by the
// keys whose values mention them, and by what these keys lie in.
type credentials map[string][]compose.Variable

// shortestSecret is how many bytes the value of a secret has at least: what is
// shorter is in other words, too, and is not looked for.
const shortestSecret = 4

// plainPassword are the values that mean the same to a shell with quotes and without.
var plainPassword = pattern.Lazy(`^[-_.~A-Za-z0-9]+$`)

func findCredentials(project *compose.Project) credentials {
	found := credentials{}
	for _, v := range project.Variables {
		if !charts.IsSecretName(v.Name) || len(v.Value) < shortestSecret || isSwitch(v.Value) {
			continue
		}
		for n := range v.Path {
			at := found.key(v.Path[:n+1])
			found[at] = append(found[at], v)
		}
	}
	return found
}

func (credentials) key(path diag.Path) string { return strings.Join(path, "\x00") }

// at returns the variables that the value of a key mentions, each once, the longest
// value first: a shorter one may be a part of it.
func (c credentials) at(path diag.Path) []compose.Variable {
	byName := map[string]compose.Variable{}
	for _, v := range c[c.key(path)] {
		byName[v.Name] = v
	}
	return slices.SortedFunc(maps.Values(byName), func(a, b compose.Variable) int {
		return cmp.Or(cmp.Compare(len(b.Value), len(a.Value)), strings.Compare(a.Name, b.Name))
	})
}

// passed returns the secrets that the command line and the health check hold and that
// the container can be given as variables of its own, and adds them to its variables.
// Text can then refer to them in place of holding them.
func (u *unit) passed(files map[string]string, values types.MappingWithEquals) []compose.Variable {
	if u.opts.EnvSecrets == EnvSecretsNever {
		return nil
	}
	var out []compose.Variable
	take := func(key string, v compose.Variable) {
		value, isSet := values[v.Name]
		fromFile, inFile := files[v.Name]
		switch {
		case slices.ContainsFunc(out, func(o compose.Variable) bool { return o.Name == v.Name }):
		case isSet && (value == nil || *value != v.Value), inFile && !isSet && fromFile != v.Value:
			u.warnClear(v, "its container has another value of this name", key)
		default:
			if !isSet && !inFile {
				values[v.Name] = &v.Value
			}
			out = append(out, v)
		}
	}
	for _, in := range []struct {
		key   string
		words []string
	}{{"entrypoint", u.in.Entrypoint}, {"command", u.in.Command}} {
		for _, v := range u.credentialsIn(in.key, in.words, files, values) {
			take(in.key, v)
		}
	}
	if check := u.in.HealthCheck; check != nil {
		u.checked = u.credentialsIn("healthcheck", check.Test, files, values)
		for _, v := range u.checked {
			if u.readByShell() {
				take("healthcheck", v)
			}
		}
	}
	return out
}

// warnClear tells of a secret that stands in the clear where everybody reads it who
// may see the object.
func (u *unit) warnClear(v compose.Variable, why string, key ...string) {
	u.warn(finding{
		code:    "secret-in-clear",
		summary: fmt.Sprintf("holds the value of %s in the clear: %s", v.Name, why),
		hint:    fmt.Sprintf("give it to the container in environment, and write $${%s} where a shell reads it", v.Name),
	}, key...)
}

// arguments writes a command line for the kubelet, which fills in $(NAME) what it
// knows from the container's variables.
func (u *unit) arguments(list []string) []string {
	var out []string
	places := placesOf(u.referred, list)
	for _, s := range list {
		out = append(out, argument(s, places))
	}
	return out
}

func argument(s string, places []place) string {
	var out strings.Builder
	for i, p := range places {
		for at := p.in(s); at >= 0; at = p.in(s) {
			before := s[:at]
			out.WriteString(argument(before, places[i+1:])) // those of the places before this one are out of the way
			if strings.HasSuffix(before, "$") && !strings.HasSuffix(before, "$$") {
				out.WriteByte('$') // or else it would escape what follows
			}
			out.WriteString("$(" + p.Name + ")")
			s = s[at+len(p.Value):]
		}
	}
	out.WriteString(kubeletEscape(s))
	return out.String()
}

// readByShell reports whether a shell reads the test of a health check, or can be made
// to: the images of databases have one.
func (u *unit) readByShell() bool {
	test := u.in.HealthCheck.Test
	return len(test) > 1 && (test[0] == "CMD-SHELL" || test[0] == "CMD" && isDatastore(u.in.Image))
}

// probeSecrets has a shell fill in the secrets of a probe, where that gives the same
// text, and tells of what stays: the kubelet fills in none there.
func (u *unit) probeSecrets(command []string) []string {
	isText := u.in.HealthCheck.Test[0] == "CMD-SHELL"
	words, filled := slices.Clone(command), map[int]bool{}
	for _, v := range placesOf(u.checked, command) {
		referred := slices.ContainsFunc(u.referred, func(o compose.Variable) bool { return o.Name == v.Name })
		for i := range words {
			text, ok := shellFills(words[i], v)
			plain := isText || !strings.ContainsAny(command[i], "'\"`$\\")
			switch {
			case text == words[i] && ok:
			case ok && referred && plain && plainPassword().MatchString(v.Value):
				words[i], filled[i] = text, true
			case u.opts.EnvSecrets != EnvSecretsNever:
				u.warn(finding{
					code: "secret-in-clear", summary: fmt.Sprintf("holds the value of %s in the clear: nothing but a shell fills in secrets", v.Name),
					hint: "write the command as one text, without single quotes and backslashes",
				}, "healthcheck", "test")
			}
		}
	}
	if len(filled) == 0 || isText {
		return words
	}
	for i, word := range words {
		switch {
		case filled[i]:
			words[i] = `"` + word + `"`
		case !plainPassword().MatchString(word):
			words[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return []string{"/bin/sh", "-c", strings.Join(words, " ")}
}

// shellFills puts a variable in the place of its value in a text that a shell reads, and
// reports whether the shell fills it in everywhere: between single quotes it does not.
func shellFills(text string, v place) (filled string, ok bool) {
	for rest := text; ; {
		at := v.in(rest)
		if at < 0 {
			return filled + rest, true
		}
		if literally(text[:len(text)-len(rest)+at]) {
			return text, false
		}
		filled += rest[:at] + "${" + v.Name + "}"
		rest = rest[at+len(v.Value):]
	}
}

// literally reports whether a shell takes what follows a text as it is: after an open
// single quote, or a backslash.
func literally(before string) bool {
	var quote rune
	escaped := false
	for _, r := range before {
		switch {
		case escaped:
			escaped = false
		case r == '\\' && quote != '\'':
			escaped = true
		case quote == 0 && (r == '\'' || r == '"'):
			quote = r
		case r == quote:
			quote = 0
		}
	}
	return escaped || quote == '\''
}

// mentionsSecret reports whether the value of a variable of the container has a
// secret in it by a variable of the files.
func (u *unit) mentionsSecret(name string) bool {
	path := u.at("environment", name)
	if u.isHook() && !u.project.Origins.Has(path...) {
		path = below(u.path[:2:2], "environment", name)
	}
	return len(u.secretVariables.at(path)) > 0
}

// reportClearFiles tells of files with secrets in them that a ConfigMap holds.
func (a *app) reportClearFiles(d *workload.Data, path diag.Path) {
	if d.Secret || a.opts.EnvSecrets == EnvSecretsNever || len(a.secretVariables.at(below(path, "content"))) > 0 { // of which reportClear tells
		return
	}
	var found []string
	for _, name := range slices.Sorted(maps.Keys(d.Text)) {
		text := d.Text[name]
		_, password, _, inAddress := charts.CutPassword(text)
		if !isDocument(text) || shownFile().MatchString(name) {
			continue
		}
		if hasSecretSetting(text) || inAddress && !strings.Contains(password, "$") || len(a.knownIn([]string{text})) > 0 {
			found = append(found, name)
		}
	}
	if len(found) == 0 {
		return
	}
	a.report(diag.Warning, finding{
		code:    "secret-in-clear",
		summary: fmt.Sprintf("has a password in %s, as it seems: everybody may read a ConfigMap who may read the namespace", strings.Join(found, ", ")),
		hint:    "make it a secret: a top-level secret with file, and its target in secrets: of the service",
	}, path)
}

// reportClear tells of secrets in places that are no Secret.
func (a *app) reportClear() {
	if a.opts.EnvSecrets == EnvSecretsNever {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(a.units)) {
		u := a.units[name]
		for _, key := range []string{"labels", "annotations"} {
			for _, v := range a.secretVariables.at(u.at(key)) {
				u.warnClear(v, "annotations are not secret", key)
			}
		}
		u.reportClearLabels(u.in.Labels, "labels")
		u.reportClearLabels(u.in.Annotations, "annotations")
		u.reportClearLabels(u.deploy().Labels, "deploy", "labels")
	}
	for _, name := range slices.Sorted(maps.Keys(a.project.Configs)) {
		path := diag.Path{"configs", name, "content"}
		for _, v := range a.secretVariables.at(path) {
			a.report(diag.Warning, finding{
				code:    "secret-in-clear",
				summary: fmt.Sprintf("holds the value of %s in the clear: everybody may read a ConfigMap who may read the namespace", v.Name),
				hint:    "make it a secret: a top-level secret with environment or file, in secrets: of the service",
			}, path)
		}
	}
}

// reportClearLabels tells of passwords that labels hold as they are, as those do that are
// the command lines of a scheduler.
func (u *unit) reportClearLabels(labels map[string]string, key ...string) {
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		text := []string{labels[name]}
		at := append(slices.Clip(key), name)
		if !validKey(name) || len(u.secretVariables.at(u.at(at...))) > 0 || len(literals(text)) == 0 && len(u.knownIn(text)) == 0 {
			continue
		}
		u.warn(finding{
			code: "secret-in-clear", summary: "has a password in it, as it seems: annotations are not secret", hint: "write the name of a variable in its place, where a shell reads it",
		}, at...)
	}
}
