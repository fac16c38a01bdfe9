package rules

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"

	"gantry/charts/pattern"
	"gantry/convert/compose"
	"gantry/convert/workload"
)

// configTarget are the places in an image where configuration is read from.
var configTarget = pattern.Lazy(`(?i)(^/etc/|conf|/docker-entrypoint|initdb|provisioning|templates?|/html|/www|rules|dashboards|certs?|ssl|scripts?|plugins?|\.d(/|$))`)

// keptTarget are places that sound so, and in which programs keep what they are told: many
// images have all of their state in /config, and clients of ACME their certificates and
// accounts in /etc/letsencrypt.
var keptTarget = pattern.Lazy(`^(/config|/etc/letsencrypt|.*/(acme(\.sh|\.d)?|letsencrypt))$`)

// writtenFile are the names of files that only a running program writes: a folder
// with one of them is written to.
var writtenFile = pattern.Lazy(`(?i)\.(db|db3|sqlite3?|log|pid)(-wal|-shm|-journal)?$`)

// rewrittenFile are settings that programs keep up to date themselves: certificates
// of an ACME client, and what members of a cluster learn.
var rewrittenFile = pattern.Lazy(`^(acme\.json|sentinel.*\.conf|nodes\.conf)$`)

// settingsFile are the names of files that hold settings, templateFile those of which a
// command makes such files, and initFile those that a database reads when it starts for
// the first time.
var (
	templateFile = pattern.Lazy(`(?i)\.(template|tmpl|tpl|j2|envsubst)$`)
	settingsFile = pattern.Lazy(`(?i)\.(ya?ml|toml|ini|conf(ig)?|cfg|cnf|properties|hcl|xml)$|(conf|setting|option)[^/]*\.json$`)
	initFile     = pattern.Lazy(`(?i)\.(sql|js|sh|csv|txt)(\.gz)?$`)
)

// writesTo reports whether a service keeps something in a folder of the project.
func (a *app) writesTo(in *types.ServiceConfig, m types.ServiceVolumeConfig) bool {
	source := filepath.Clean(m.Source)
	if m.ReadOnly || isSystemPath(source) || !a.project.Reach.IsDir(source) {
		return false
	}
	target := path.Clean(m.Target)
	files, _ := a.tree(source)
	switch {
	case slices.ContainsFunc(files, func(f treeFile) bool { return writtenFile().MatchString(f.name) }), savesIn(a.commandsOf(in), target):
		return true
	case keptTarget().MatchString(target):
		return true
	case isSite(files):
		return false
	case !configTarget().MatchString(target):
		return isDatastore(in.Image) || a.opts.SeedVolumes || !runs(in, target, files)
	default:
		return isDatastore(in.Image) && !strings.Contains(target, "entrypoint") && !strings.HasPrefix(target, "/etc/") && !areSettings(files)
	}
}

// saves is what stands before the path of a file that a command writes.
var saves = pattern.Lazy(`(?:>>?|\b(?:tee(?: -a)?|touch|mkdir(?: -p)?))\s*["']?$`)

// maxSaves is how much of a command is looked at before a path, in bytes.
const maxSaves = 32

// savesIn reports whether what a service runs writes to a file below a place, as in:
// envsubst < site.template > /etc/nginx/conf.d/site.conf.
func savesIn(told []string, target string) bool {
	below := strings.TrimSuffix(target, "/") + "/"
	return saved(told, below, func(string) bool { return true })
}

// savesFile reports whether what a service runs writes to a file.
func savesFile(told []string, file string) bool {
	return saved(told, file, func(rest string) bool { return rest == "" || notOfPath(rune(rest[0])) })
}

// saved reports whether one of the texts writes to what begins so, and goes on as asked for.
func saved(told []string, begin string, goesOn func(rest string) bool) bool {
	return slices.ContainsFunc(told, func(s string) bool {
		for at := 0; ; at += len(begin) {
			i := strings.Index(s[at:], begin)
			if i < 0 {
				return false
			}
			at += i
			if goesOn(s[at+len(begin):]) && saves().MatchString(s[max(0, at-maxSaves):at]) {
				return true
			}
		}
	})
}

// commandsOf returns what a service runs: its command, and the scripts of the project that the
// command names.
func (a *app) commandsOf(in *types.ServiceConfig) []string {
	told := slices.Concat(in.Entrypoint, in.Command)
	words := map[string]bool{}
	for _, s := range told {
		for word := range strings.FieldsFuncSeq(s, notOfPath) {
			words[word] = true
		}
	}
	for _, m := range in.Volumes {
		if m.Type != types.VolumeTypeBind || !words[path.Clean(m.Target)] {
			continue
		}
		if script, err := a.readFile(m.Source); err == nil { // its mount tells of what cannot be read
			told = append(told, string(script))
		}
	}
	return told
}

// notOfPath tells what ends a path in a command.
func notOfPath(r rune) bool { return strings.ContainsRune(" \t\n;&|\"'`()<>=", r) }

// siteFile are the names of files of which sites are made.
var siteFile = pattern.Lazy(`(?i)\.(html?|css|[cm]?js|map|json|svg|png|jpe?g|gif|webp|ico|woff2?|ttf|txt|xml|webmanifest)$`)

// isSite reports whether a folder is what a web server shows.
func isSite(files []treeFile) bool {
	return slices.ContainsFunc(files, func(f treeFile) bool { return f.name == "index.html" }) &&
		!slices.ContainsFunc(files, func(f treeFile) bool { return !siteFile().MatchString(f.name) })
}

// areSettings reports whether a folder has nothing but what people write for a database to
// read: settings, and what fills it.
func areSettings(files []treeFile) bool {
	return len(files) > 0 && !slices.ContainsFunc(files, func(f treeFile) bool {
		return !settingsFile().MatchString(f.name) && !initFile().MatchString(f.name) && path.Base(f.name)[0] != '.'
	})
}

// reads returns the files of a folder that a service is told to read, by what it runs or
// by its variables.
func (a *app) reads(in *types.ServiceConfig, target string, files []treeFile) []treeFile {
	told := a.commandsOf(in)
	for _, value := range in.Environment {
		if value != nil {
			told = append(told, *value)
		}
	}
	var read []treeFile
	for _, f := range files {
		if slices.ContainsFunc(told, func(s string) bool { return strings.Contains(s, path.Join(target, f.name)) }) {
			read = append(read, f)
		}
	}
	return read
}

// program is a file that is run: by itself, or by an interpreter.
var program = pattern.Lazy(`(?i)\.(sh|bash|py|[cm]?[jt]s|rb|php|pl|lua|exs?|r|jar)$`)

// runs reports whether the command of a service is a program of a folder, which an empty
// claim would not have.
func runs(in *types.ServiceConfig, target string, files []treeFile) bool {
	programs := map[string]bool{}
	for _, f := range files {
		programs[path.Join(target, f.name)] = f.mode != nil || program().MatchString(f.name)
	}
	for _, s := range slices.Concat(in.Entrypoint, in.Command) {
		for word := range strings.FieldsFuncSeq(s, notOfPath) {
			if !path.IsAbs(word) && in.WorkingDir != "" {
				word = path.Join(in.WorkingDir, word)
			}
			if programs[path.Clean(word)] {
				return true
			}
		}
	}
	return false
}

// bindDir mounts a folder of the project: by a ConfigMap where it is small and only read,
// and as a claim otherwise.
func (u *unit) bindDir(m types.ServiceVolumeConfig, source string, key []string) {
	files, err := u.tree(source)
	if u.folders[m.Source].written {
		in := standIn{why: "is a folder that the service may write to", files: files}
		if m.ReadOnly {
			in.why = "is a folder that another service may write to"
		}
		if u.opts.SeedVolumes && err != nil {
			in.why += " and " + err.Error()
		}
		u.bindClaim(m, source, in, key)
		u.settingsAmongData(m, source, files, key)
		return
	}
	if errors.Is(err, compose.ErrOutside) {
		u.fail(finding{"file-outside", fmt.Sprintf("%s %v: it is not read", u.shown(source), err), "replace the link by what it leads to, or allow that with --allow-file PATH"}, key...)
		return
	}
	if err != nil {
		u.bindClaim(m, source, standIn{why: err.Error()}, key)
		return
	}
	if !m.ReadOnly {
		secret := !slices.ContainsFunc(files, func(f treeFile) bool { return !u.isSecretAt(f.source) })
		u.warn(finding{
			code:    "bind-read-only",
			summary: fmt.Sprintf("%s becomes a %s, which the service cannot write to", u.shown(source), kindOf(secret)),
			hint:    "add :ro to say that this is right, or use a named volume",
		}, key...)
	}
	u.mount(u.filesVolume(m, source, "", files, key), corev1.VolumeMount{MountPath: m.Target, ReadOnly: true})
}

// settingsAmongData mounts settings over the claim of their folder, which starts without
// them, where the service is told to read some of them: those may name the others.
func (u *unit) settingsAmongData(m types.ServiceVolumeConfig, source string, files []treeFile, key []string) {
	told := u.commandsOf(u.in)
	isSettings := func(f treeFile) bool {
		known := settingsFile().MatchString(f.name) || templateFile().MatchString(f.name)
		return known && !rewrittenFile().MatchString(path.Base(f.name)) && !savesFile(told, path.Join(m.Target, f.name))
	}
	if u.opts.SeedVolumes || !slices.ContainsFunc(u.reads(u.in, path.Clean(m.Target), files), isSettings) {
		return // they are in the claim, or nobody asks for them
	}
	var names []string
	for _, f := range files {
		if !isSettings(f) {
			continue
		}
		at := m
		at.Source, at.Target = filepath.Join(source, f.name), path.Join(m.Target, f.name)
		u.folders[at.Source] = u.folders[m.Source] // who mounts the folder mounts the file
		u.mountData(at, f.data, f.mode, key)
		names = append(names, f.name)
	}
	u.note(finding{
		code:    "bind-settings",
		summary: fmt.Sprintf("has settings that the service is told to read: they are mounted over the claim, read-only (%s)", strings.Join(names, ", ")),
		hint:    "pass --seed-volumes to have them in the claim, where the service can write to them",
	}, key...)
}

// filesVolume has the files of a folder, below another one unless that is "": those that
// hold keys and passwords come from a Secret, the others from a ConfigMap.
func (u *unit) filesVolume(m types.ServiceVolumeConfig, source, below string, files []treeFile, key []string) corev1.Volume {
	held := map[bool][]treeFile{}
	for _, f := range files {
		secret := u.isSecretAt(f.source)
		held[secret] = append(held[secret], f)
	}
	names, items := map[bool]string{}, map[bool][]corev1.KeyToPath{}
	for _, secret := range []bool{false, true} {
		if len(held[secret]) > 0 {
			names[secret] = u.bindName(m, source, secret)
			items[secret] = u.folderData(&workload.Data{Name: names[secret], Service: u.soleUser(m), Secret: secret}, below, held[secret], key)
		}
	}
	config := &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: names[false]}, Items: items[false]}
	secret := &corev1.SecretVolumeSource{SecretName: names[true], Items: items[true]}
	switch {
	case len(held[true]) == 0:
		return corev1.Volume{Name: "config-" + names[false], VolumeSource: corev1.VolumeSource{ConfigMap: config}}
	case len(held[false]) == 0:
		return corev1.Volume{Name: "secret-" + names[true], VolumeSource: corev1.VolumeSource{Secret: secret}}
	default:
		return corev1.Volume{Name: "files-" + names[false], VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
			{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: config.LocalObjectReference, Items: config.Items}},
			{Secret: &corev1.SecretProjection{LocalObjectReference: corev1.LocalObjectReference{Name: secret.SecretName}, Items: secret.Items}},
		}}}}
	}
}

// folderData fills the object that holds files of a folder, and returns where each of
// its keys goes.
func (u *unit) folderData(out *workload.Data, below string, files []treeFile, key []string) []corev1.KeyToPath {
	var items []corev1.KeyToPath
	sources := map[string]string{}
	for _, f := range files {
		k := fileKey(strings.ReplaceAll(f.name, "/", "."))
		if _, taken := out.Text[k]; taken || out.Binary[k] != nil {
			k = fileKey(hashOf(f.name) + "." + path.Base(f.name))
		}
		setData(out, k, f.data)
		sources[k] = f.source
		items = append(items, corev1.KeyToPath{Key: k, Path: path.Join(below, f.name), Mode: f.mode})
	}
	u.addFiles(out, sources, u.at(key...))
	return items
}

// treeFile is one file of a folder of the project.
type treeFile struct {
	name   string // slash-separated, below the folder
	source string // on this machine
	data   []byte
	mode   *int32
}

// tree reads a folder, in the order of names, or says why no object can hold it.
func (a *app) tree(root string) ([]treeFile, error) {
	var files []treeFile
	total := 0
	var walk func(dir string, depth int) error
	walk = func(dir string, depth int) error {
		entries, err := a.project.Reach.ReadDir(filepath.Join(root, dir))
		if err != nil || depth > maxConfigDepth {
			return errors.New("cannot be read")
		}
		for _, e := range entries {
			name := path.Join(dir, e.Name())
			if e.IsDir() {
				if err := walk(name, depth+1); err != nil {
					return err
				}
				continue
			}
			data, err := a.readFile(filepath.Join(root, name))
			total += len(data)
			switch {
			case errors.Is(err, compose.ErrTooLarge), total > maxConfigBytes:
				return errors.New(tooLarge)
			case len(files) >= maxConfigFiles:
				return fmt.Errorf("has more than %d files", maxConfigFiles)
			case err != nil:
				return fmt.Errorf("has %s, which %w", name, readError(err))
			}
			files = append(files, treeFile{name, filepath.Join(root, name), data, a.executable(filepath.Join(root, name))})
		}
		return nil
	}
	if err := walk("", 0); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(files, func(f treeFile) bool { return !strings.HasPrefix(path.Base(f.name), ".") }) {
		return nil, errors.New("is empty")
	}
	return files, nil
}

// setData stores a file: as text where every reader would see the same bytes.
func setData(out *workload.Data, key string, data []byte) {
	if utf8.Valid(data) && !slices.Contains(data, 0) {
		if out.Text == nil {
			out.Text = map[string]string{}
		}
		out.Text[key] = string(data)
		return
	}
	if out.Binary == nil {
		out.Binary = map[string][]byte{}
	}
	out.Binary[key] = data
}
