package rules

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"gantry/charts/diag"
	"gantry/convert/compose"
	"gantry/convert/workload"
)

// envFile is an env file of a unit, with the variables that it sets there.
type envFile struct {
	id   envFileID
	vars map[string]string
}

// envFileID tells apart env files, and what they set: their lines may mention variables
// that services have of their own, and environment may take some away.
type envFileID struct{ path, vars string }

// envSource is where a container has variables from: what is secret, and the rest.
type envSource struct{ plain, secret *workload.Data }

// envFiles reads the env files. Variables in their values are filled as Compose does:
// from the environment, then from that of the unit, then from what was set before.
func (u *unit) envFiles() []envFile {
	var files []envFile
	earlier := map[string]string{}
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
		name := u.project.Reach.Shown(file.Path)
		var list diag.List
		f := envFile{id: envFileID{path: file.Path}}
		if file.Format == "raw" {
			f.vars, list = compose.ParseRawEnv(name, data, u.inEnvFile)
		} else {
			f.vars, list = compose.ParseEnv(name, data, earlier, u.inEnvFile)
		}
		u.diags = append(u.diags, list...)
		maps.Copy(earlier, f.vars)
		u.renameInFile(f.vars, name, data, u.at(path...))
		left := maps.Clone(f.vars)
		maps.DeleteFunc(left, func(key, _ string) bool { return u.takesAway(key) })
		set, _ := json.Marshal(left) // is sorted, and text is never refused
		f.id.vars = string(set)
		files = append(files, f)
	}
	return files
}

// takesAway reports whether environment takes a variable of the files away, by a key
// without a value.
func (u *unit) takesAway(key string) bool {
	value, set := u.in.Environment[key]
	return set && value == nil
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

// envSources returns where the variables of the files are, in the order of the files: of
// two that set one variable, the last counts, for Compose and for Kubernetes. What no
// other service shares is in own, or in another source of the unit's own where a shared
// one stands in between.
func (u *unit) envSources(own envSource) []envSource {
	var sources []envSource
	last, count := own, 0
	for _, f := range u.files {
		if shared := u.sharedEnv[f.id]; shared != nil {
			u.fill(*shared, f.vars)
			sources = append(sources, *shared)
			continue
		}
		if len(sources) == 0 || sources[len(sources)-1] != last {
			if count++; count > 1 {
				last = u.ownEnv(fmt.Sprintf("env-%d", count))
			}
			sources = append(sources, last)
		}
		u.fill(last, f.vars)
	}
	return sources
}

// ownEnv returns a source for the unit alone.
func (u *unit) ownEnv(suffix string) envSource {
	return envSource{
		plain:  &workload.Data{Name: u.madeUp("ConfigMap", suffix), Service: u.service(), Text: map[string]string{}},
		secret: &workload.Data{Name: u.madeUp("Secret", suffix), Service: u.service(), Secret: true, Text: map[string]string{}},
	}
}

// fill adds variables to a source, or replaces those of an earlier file.
func (a *app) fill(to envSource, vars map[string]string) {
	for key, value := range vars {
		delete(to.plain.Text, key)
		delete(to.secret.Text, key)
		if a.isSecret(key, value) {
			to.secret.Text[key] = value
		} else {
			to.plain.Text[key] = value
		}
	}
}

// envFrom gives the variables of a source to the container.
func (u *unit) envFrom(from envSource) {
	if len(from.plain.Text) > 0 {
		u.container.EnvFrom = append(u.container.EnvFrom, corev1.EnvFromSource{
			ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: from.plain.Name}},
		})
	}
	if len(from.secret.Text) > 0 {
		u.container.EnvFrom = append(u.container.EnvFrom, corev1.EnvFromSource{
			SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: from.secret.Name}},
		})
	}
}

// addEnv adds the objects of a source to the application, but for empty ones. path is
// the key that asks for it.
func (a *app) addEnv(from envSource, path diag.Path) {
	for _, d := range []*workload.Data{from.plain, from.secret} {
		if len(d.Text) > 0 {
			a.addData(d, path)
		}
	}
}

// findSharedEnv makes a source of each env file that sets the same for several units.
// Their names come before those of what units have alone.
func (a *app) findSharedEnv(units []*unit) {
	first := map[envFileID]*unit{}
	for _, u := range units {
		for _, f := range u.files {
			if first[f.id] == nil {
				first[f.id] = u
			}
			if first[f.id] == u || a.sharedEnv[f.id] != nil {
				continue
			}
			name, owner := nameOfEnv(f.id.path), "env_file\x00"+a.shown(f.id.path)+"\x00"+f.id.vars
			a.sharedEnv[f.id] = &envSource{
				plain:  &workload.Data{Name: a.kindNames("ConfigMap").unique(name, owner), Text: map[string]string{}},
				secret: &workload.Data{Name: a.kindNames("Secret").unique(name, owner), Secret: true, Text: map[string]string{}},
			}
		}
	}
}

// nameOfEnv is what the objects of an env file are called that several services have:
// web.env and .env.web make web-env, and a .env for all is common.
func nameOfEnv(path string) string {
	stem := strings.TrimPrefix(strings.TrimSuffix(filepath.Base(path), ".env"), ".env")
	return objectName(cmp.Or(strings.Trim(stem, "."), "common") + "-env")
}
