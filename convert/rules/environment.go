package rules

import (
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"

	"gantry/charts"
	"gantry/charts/pattern"
	"gantry/convert/workload"
)

// environment maps environment to env and env_file to ConfigMaps behind envFrom: env
// wins over envFrom, as environment wins over env_file. Values that are secret, or have
// a secret in them, go to a Secret.
func (u *unit) environment() {
	set := map[string]string{}
	for _, f := range u.files {
		maps.Copy(set, f.vars)
	}
	values := u.modelVariables()
	u.referred = u.passed(set, values)
	u.takeFromFiles(set, values)
	own := u.ownEnv("env")
	sources := u.envSources(own)
	for _, from := range sources {
		u.envFrom(from)
	}
	u.env(values, set, own.secret)
	source := "environment"
	if len(u.files) > 0 {
		source = "env_file"
	}
	for _, from := range append(sources, own) {
		u.addEnv(from, u.at(source))
	}
}

// takeFromFiles takes out of the env files what no ConfigMap is to hold: what environment
// takes away, what is no variable at all, and what only the container itself can have. set
// are the variables of all files.
func (u *unit) takeFromFiles(set map[string]string, values types.MappingWithEquals) {
	for _, key := range slices.Sorted(maps.Keys(set)) {
		keep := !u.takesAway(key) && u.variable(key, "env_file")
		if keep && isConfigKey(key) {
			continue
		}
		if _, overridden := values[key]; keep && !overridden {
			u.container.Env = append(u.container.Env, corev1.EnvVar{Name: key, Value: kubeletEscape(set[key])})
		}
		for _, f := range u.files {
			delete(f.vars, key)
		}
	}
}

// maxConfigKey is the length of a key of a ConfigMap or Secret.
const maxConfigKey = 253

// configKey is what such a key is made of. Its length is not a matter for the
// pattern: counting makes it slow to compile.
var configKey = pattern.Lazy(`^[-._a-zA-Z0-9]+$`)

func isConfigKey(key string) bool { return len(key) <= maxConfigKey && configKey().MatchString(key) }

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
	if u.opts.EnvSecrets == EnvSecretsNever {
		return false
	}
	return u.isSecret(key, value) && !u.mountsFile(value) || !isSwitch(value) && u.mentionsSecret(key)
}

// mountsFile reports whether a value is the name of a file that the unit mounts: some
// images look for their keys in a folder of theirs, by the names that they are told.
func (u *unit) mountsFile(name string) bool {
	if name == "" || strings.ContainsAny(name, `/\`) || u.opts.EnvSecrets == EnvSecretsAll {
		return false
	}
	return slices.ContainsFunc(u.mountsOf(u.in), func(m mount) bool {
		if m.Type != types.VolumeTypeBind || path.Base(m.Target) == name {
			return m.Type == types.VolumeTypeBind
		}
		info, err := u.project.Reach.Stat(filepath.Join(m.Source, name))
		return err == nil && !info.IsDir()
	})
}

// isSecret is isSecretVariable without what the files around a value tell of it.
func (a *app) isSecret(key, value string) bool {
	switch a.opts.EnvSecrets {
	case EnvSecretsAll:
		return true
	case EnvSecretsNever:
		return false
	case EnvSecretsAuto:
	}
	_, _, _, inAddress := charts.CutPassword(value)
	return !isSwitch(value) && (charts.IsSecretName(key) && !isPlace(value) || inAddress || hasSecretSetting(value) || isLogin(key, value))
}

// keyPlace is the path of a file: in one of the usual folders, or with the ending of a key.
// Other text with strokes in it may be random bytes.
var keyPlace = pattern.Lazy(`^file:|^(\.{1,2}/|~/|/(app|certs?|config|data|etc|home|keys?|mnt|opt|root|run|secrets?|srv|ssl|tls|tmp|usr|var|vault)/)[-_.@a-zA-Z0-9/]+$|` +
	`^[-_.@a-zA-Z0-9/]+\.(pem|key|crt|cer|jks|p12|pfx|keystore|keytab|json|ya?ml|conf|txt)$`)

// isPlace reports whether a value says where a secret is, as GOOGLE_APPLICATION_CREDENTIALS
// does. It is nothing that others must not see, and the program finds nothing by another.
func isPlace(value string) bool { return keyPlace().MatchString(value) }

// authName is the name of a variable that tells whom to let in, and login a user with a
// password, where a number behind a colon is a port.
var (
	authName = pattern.Lazy(`(?i)(^|_)AUTH$`)
	login    = pattern.Lazy(`^[^\s:/,;]+[:/][^\s:/]*[^\s:/0-9][^\s:/]*$`)
)

// isLogin reports whether a variable is a user with a password: NEO4J_AUTH=neo4j/hunter2.
func isLogin(key, value string) bool {
	return authName().MatchString(key) && login().MatchString(value)
}

// isSwitch tells what is switched on or off, as by ALLOW_EMPTY_PASSWORD=yes.
func isSwitch(value string) bool {
	return slices.Contains([]string{"true", "false", "yes", "no"}, strings.ToLower(value))
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
