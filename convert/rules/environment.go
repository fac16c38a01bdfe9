package rules

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"

	"gantry/charts"
	"gantry/charts/pattern"
	"gantry/convert/compose"
	"gantry/convert/workload"
)

// environment maps environment to env and env_file to a ConfigMap behind
// envFrom: env wins over envFrom, as environment wins over env_file. Values that
// are secret, or have a secret in them, go to a Secret.
func (u *unit) environment() {
	files := u.envFiles()
	values := u.modelVariables()
	u.referred = u.passed(files, values)
	plain := &workload.Data{Name: u.madeUp("ConfigMap", "env"), Service: u.service(), Text: map[string]string{}}
	secret := &workload.Data{Name: u.madeUp("Secret", "env"), Service: u.service(), Secret: true, Text: map[string]string{}}
	for _, key := range slices.Sorted(maps.Keys(files)) {
		value, overridden := values[key]
		switch {
		case overridden && value == nil: // of which env tells
		case !u.variable(key, "env_file"):
		case u.isSecretVariable(key, files[key]):
			secret.Text[key] = files[key]
		case !isConfigKey(key):
			if !overridden {
				u.container.Env = append(u.container.Env, corev1.EnvVar{Name: key, Value: kubeletEscape(files[key])})
			}
		default:
			plain.Text[key] = files[key]
		}
	}
	u.envFrom(plain, secret)
	u.env(values, files, secret)
	source := "environment"
	if len(files) > 0 {
		source = "env_file"
	}
	if len(plain.Text) > 0 {
		u.addData(plain, u.at(source))
	}
	if len(secret.Text) > 0 {
		u.addData(secret, u.at(source))
	}
}

// maxConfigKey is the length of a key of a ConfigMap or Secret.
const maxConfigKey = 253

// configKey is what such a key is made of. Its length is not a matter for the
// pattern: counting makes it slow to compile.
var configKey = pattern.Lazy(`^[-._a-zA-Z0-9]+$`)

func isConfigKey(key string) bool { return len(key) <= maxConfigKey && configKey().MatchString(key) }

// envFrom takes over what the env files set.
func (u *unit) envFrom(plain, secret *workload.Data) {
	if len(plain.Text) > 0 {
		u.container.EnvFrom = append(u.container.EnvFrom, corev1.EnvFromSource{
			ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: plain.Name}},
		})
	}
	if len(secret.Text) > 0 {
		u.container.EnvFrom = append(u.container.EnvFrom, corev1.EnvFromSource{
			SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: secret.Name}},
		})
	}
}

// env sets the variables of environment in the order of their names, as Compose
// keeps none, with those that refer to a Secret behind the others: a chart reads
// the others from one mapping.
func (u *unit) env(values types.MappingWithEquals, files map[string]string, secret *workload.Data) {
	var refs []corev1.EnvVar
	for _, key := range slices.Sorted(maps.Keys(values)) {
		value := values[key]
		if value != nil && u.project.FromShell(key) && u.project.Origins.Bare(*value, u.at("environment", key)...) {
			u.warn(finding{
				code: "value-baked", summary: "has no value here: the one that it has on this machine is written down",
				hint: fmt.Sprintf("write %s: value, if it is the same everywhere", key),
			}, "environment", key)
		}
		switch {
		case value == nil:
			f := finding{
				code:    "variable-unset",
				summary: "has no value and is not set in the environment either: the container does not get it",
				hint:    fmt.Sprintf("write %s: value, or set it in the shell or an --env-file", key),
			}
			if _, set := files[key]; set {
				f.summary += ", nor the value in env_file, as in Compose"
				f.hint = "take the key away to let the value in env_file count"
			}
			u.warn(f, "environment", key)
		case !u.variable(key, "environment", key):
		case u.isSecretVariable(key, *value) && isConfigKey(key):
			secret.Text[key] = *value
			refs = append(refs, corev1.EnvVar{Name: key, ValueFrom: &corev1.EnvVarSource{
				SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: secret.Name}, Key: key},
			}})
		default:
			u.container.Env = append(u.container.Env, corev1.EnvVar{Name: key, Value: kubeletEscape(*value)})
		}
	}
	slices.SortStableFunc(u.container.Env, func(a, b corev1.EnvVar) int { return strings.Compare(a.Name, b.Name) })
	u.container.Env = append(u.container.Env, refs...)
}

// plainVariable is the name of a variable that every version of Kubernetes takes.
var plainVariable = pattern.Lazy(`^[-._a-zA-Z][-._a-zA-Z0-9]*$`)

// anyVariable is the name of a variable that the newest version takes: whatever can be
// printed, but the sign that ends a name.
var anyVariable = pattern.Lazy(`^[ -<>-~]+$`)

// variable reports whether a container may have a variable of this name, and tells
// of one that it may not have.
func (u *unit) variable(name string, key ...string) bool {
	if !anyVariable().MatchString(name) {
		u.warn(finding{
			code: "variable-name", summary: fmt.Sprintf("%q is no name for a variable of a pod: it is left out", name), hint: "use a name of letters, digits and _",
		}, key...)
		return false
	}
	return plainVariable().MatchString(name) || u.needs(variableNames, key...)
}

// isSecretVariable reports whether a variable is kept in a Secret.
func (u *unit) isSecretVariable(key, value string) bool {
	switch u.opts.EnvSecrets {
	case EnvSecretsAll:
		return true
	case EnvSecretsNever:
		return false
	case EnvSecretsAuto:
	}
	return !isSwitch(value) && (charts.IsSecretName(key) || u.mentionsSecret(key, value))
}

// isSwitch tells what is switched on or off, as by ALLOW_EMPTY_PASSWORD=yes.
func isSwitch(value string) bool {
	return slices.Contains([]string{"", "true", "false", "yes", "no"}, strings.ToLower(value))
}

// envFiles reads the env files; the last that sets a variable wins. Variables in
// their values are filled as Compose does: from the environment, then from that of
// the unit, then from what was set before.
func (u *unit) envFiles() map[string]string {
	vars := map[string]string{}
	for i, file := range u.in.EnvFiles {
		path := u.at("env_file", strconv.Itoa(i))[len(u.path):]
		data, err := u.readFile(file.Path)
		if errors.Is(err, fs.ErrNotExist) && !bool(file.Required) {
			u.note(finding{code: "env-file-missing", summary: u.shown(file.Path) + " does not exist and is not required: skipped"}, path...)
			continue
		}
		if err != nil {
			u.unread(file.Path, err, u.at(path...))
			continue
		}
		parse := compose.ParseEnv
		if file.Format == "raw" {
			parse = compose.ParseRawEnv
		}
		u.diags = append(u.diags, parse(u.project.Reach.Shown(file.Path), data, vars, u.inEnvFile)...)
	}
	return vars
}

// inEnvFile looks up what an env file of the unit mentions and does not set.
func (u *unit) inEnvFile(name string) (string, bool) {
	if v, ok := u.project.Environment.Resolve(name); ok {
		return v, true
	}
	if v := u.in.Environment[name]; v != nil {
		return *v, true
	}
	return "", false
}

// shown returns a path as the user would write it: from the project directory,
// unless it is far from there.
func (a *app) shown(name string) string {
	far := filepath.Join("..", "..", "..")
	if rel, err := filepath.Rel(a.project.WorkingDir, name); err == nil && !strings.HasPrefix(rel, far) {
		return filepath.ToSlash(rel)
	}
	return filepath.ToSlash(name)
}
