package rules

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"gantry/charts/pattern"
	"gantry/convert/compose"
	"gantry/convert/workload"
)

// bind maps a folder or file of the machine where Compose runs. A cluster has no
// such machine: small files of the project become ConfigMaps, system folders the
// node's own, and everything else a claim that somebody must fill.
func (u *unit) bind(m types.ServiceVolumeConfig, key []string) {
	source := filepath.Clean(m.Source)
	if u.bindAs(m, source, key) {
		return
	}
	switch {
	case strings.HasSuffix(source, "docker.sock"):
		u.warn(finding{
			code:    "bind-docker-socket",
			summary: "mounts Docker's socket, and nodes have none: it is left out",
			hint:    "use the Kubernetes API with a ServiceAccount instead",
		}, key...)
	case zoneOf(m) != "":
		u.timeZone(zoneOf(m), source, key)
	case source == "/dev/shm" && u.in.Ipc != "host":
		u.ownMemory(m.Target, key)
	case isSystemPath(source):
		u.hostPath(m, source, key)
	case u.project.Reach.Has(source):
		u.projectBind(m, source, key)
		u.lostOptions(m, key)
	default:
		u.foreignBind(m, source, key)
		u.lostOptions(m, key)
	}
}

// lostOptions tells of options that only a folder of the node can have.
func (u *unit) lostOptions(m types.ServiceVolumeConfig, key []string) {
	if m.Bind == nil {
		return
	}
	const why = "has no effect: what is mounted is no folder of the node"
	if strings.TrimPrefix(m.Bind.Propagation, "r") != "private" && m.Bind.Propagation != "" {
		u.note(finding{code: "bind-propagation", summary: why}, below(key, "bind", "propagation")...)
	}
	if m.Bind.Recursive != "" && m.Bind.Recursive != "enabled" {
		u.note(finding{code: "bind-recursive", summary: why}, below(key, "bind", "recursive")...)
	}
}

// systemPaths exist on every node and describe the node.
func systemPaths() []string {
	return []string{
		"/sys", "/proc", "/dev", "/etc/localtime", "/etc/timezone", "/etc/machine-id", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/etc/os-release",
		"/etc/ssl/certs", "/etc/passwd", "/etc/group", "/var/log", "/var/lib/docker", "/var/run", "/run", "/lib/modules", "/usr/src", "/usr/share/zoneinfo", "/boot", "/cgroup",
	}
}

func isSystemPath(source string) bool {
	return source == "/" || slices.ContainsFunc(systemPaths(), func(p string) bool {
		return source == p || strings.HasPrefix(source, p+"/")
	})
}

// projectBind mounts a file or folder of the project.
func (u *unit) projectBind(m types.ServiceVolumeConfig, source string, key []string) {
	info, err := u.project.Reach.Stat(source)
	switch {
	case err != nil && looksLikeFile(source):
		u.expectedFile(m, source, u.unreadable(source, fs.ErrNotExist), key)
	case err != nil:
		u.bindClaim(m, source, "does not exist yet", key)
	case info.IsDir():
		u.bindDir(m, source, key)
	default:
		u.bindFile(m, source, key)
	}
}

// bindFile mounts one file by a ConfigMap, or by a Secret if its name says so.
func (u *unit) bindFile(m types.ServiceVolumeConfig, source string, key []string) {
	data, err := u.readFile(source)
	if errors.Is(err, compose.ErrTooLarge) {
		u.bindClaim(m, source, tooLarge, key)
		return
	}
	if err != nil {
		u.expectedFile(m, source, u.unreadable(source, err), key)
		return
	}
	file := u.bindObject(source)
	out := &workload.Data{Name: file.object, Service: u.service(), Secret: file.secret}
	setData(out, file.key, data)
	u.addData(out, u.at(key...))
	if !m.ReadOnly {
		u.note(finding{code: "bind-read-only", summary: "is mounted read-only: its content comes from the project when it is converted"}, key...)
	}
	file.target = m.Target
	if mode := u.executable(source); mode != nil {
		file.mode = mode
	}
	u.mountFile(file)
}

// executable returns the mode of a script, which a ConfigMap would lose.
func (a *app) executable(name string) *int32 {
	if info, err := a.project.Reach.Stat(name); err == nil && info.Mode()&0o111 != 0 {
		return ptr.To[int32](0o755)
	}
	return nil
}

// expectedFile mounts a file that gantry could not take over from an object that
// somebody has to create.
func (u *unit) expectedFile(m types.ServiceVolumeConfig, source string, why finding, key []string) {
	file := u.bindObject(source)
	u.warn(finding{
		code:    why.code,
		summary: why.awaited(kindOf(file.secret), file.object),
		hint: fmt.Sprintf("%s, or kubectl create %s %s --from-file=%s=%s", why.hint, createArgument(file.secret), file.object, file.key,
			path.Base(filepath.ToSlash(source))),
	}, key...)
	file.target = m.Target
	u.mountFile(file)
}

// bindObject names the ConfigMap or Secret of one file.
func (u *unit) bindObject(source string) dataFile {
	base := path.Base(filepath.ToSlash(source))
	f := dataFile{key: fileKey(base), secret: secretFile().MatchString(base)}
	f.object = u.madeUp(kindOf(f.secret), base, u.shown(source))
	return f
}

// secretFile are the names of files that hold keys and passwords.
var secretFile = pattern.Lazy(`(?i)(^\.env|\.key$|\.pem$|\.p12$|\.pfx$|\.jks$|^id_(rsa|dsa|ecdsa|ed25519)$|passw|secret|credential|htpasswd|\.token$|^token)`)

// looksLikeFile tells a missing file from a missing folder by its extension.
func looksLikeFile(name string) bool {
	ext := path.Ext(filepath.ToSlash(name))
	return len(ext) > 1 && ext != ".d" && path.Base(filepath.ToSlash(name)) != ext
}

// bindClaim mounts a claim in place of a folder: it starts empty. Services that
// share the folder share the claim.
func (u *unit) bindClaim(m types.ServiceVolumeConfig, source, why string, key []string) {
	shared := u.folders[m.Source]
	pods := sortedSet(shared.pods)
	base := path.Base(filepath.ToSlash(source))
	wanted, becomes := u.names[u.podOf(u.name)]+"-"+base, ""
	if n := u.in.GetScale(); n > 1 && !u.group.runsOnce() {
		becomes = fmt.Sprintf(" and is shared by %d replicas, which must run on one node", n)
	}
	if len(pods) > 1 {
		wanted = base
		becomes = fmt.Sprintf(" and is shared by %s: its storage must be one that many nodes can mount", strings.Join(pods, ", "))
	}
	name := u.kindNames("PersistentVolumeClaim").unique(objectName(wanted), "bind "+u.shown(source))
	if u.bound[name] != nil {
		u.note(finding{code: "bind-claim", summary: fmt.Sprintf("%s is the PersistentVolumeClaim %s here as well", u.shown(source), name)}, key...)
	} else {
		u.warn(finding{
			code:    "bind-claim",
			summary: fmt.Sprintf("%s %s: it becomes the PersistentVolumeClaim %s, which starts empty%s", u.shown(source), why, name, becomes),
			hint:    bindHint(why, base),
		}, key...)
		c := u.newClaim(name)
		if len(pods) > 1 {
			c.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}
		} else {
			c.Service = u.podOf(u.name)
		}
		if u.ext.Storage != nil {
			shape(c, *u.ext.Storage)
		}
		u.bound[name] = c
		u.out.Claims = append(u.out.Claims, c)
	}
	mount := corev1.VolumeMount{MountPath: m.Target, ReadOnly: m.ReadOnly}
	switch {
	case why == tooLarge:
		mount.SubPath = base
	case shared.database:
		mount.SubPath = objectName(base)
	}
	u.mount(claimVolume(base, name), mount)
}

// bindHint says what to do about a folder or file that a claim stands in for.
func bindHint(why, base string) string {
	if why == tooLarge {
		return fmt.Sprintf("copy it into the claim as %s before the pod starts, which makes a folder otherwise; or build it into the image", base)
	}
	return "copy what the service needs into the image or into the claim"
}

// foreignBind mounts what lies outside of the project and is not the system's: as
// something that somebody has to fill. A link of the project that leads to a file
// out there is refused: it looks like a file to be taken over.
func (u *unit) foreignBind(m types.ServiceVolumeConfig, source string, key []string) {
	rel, err := filepath.Rel(u.project.WorkingDir, source)
	inside := err == nil && filepath.IsLocal(rel)
	switch {
	case inside && !u.project.Reach.IsDir(source):
		u.unread(source, compose.ErrOutside, u.at(key...))
	case !inside && looksLikeFile(source):
		u.expectedFile(m, source, u.unreadable(source, compose.ErrOutside), key)
	default:
		u.bindClaim(m, source, compose.ErrOutside.Error(), key)
	}
}

// configTarget are the places in an image where configuration is read from.
var configTarget = pattern.Lazy(`(?i)(^/etc/|conf|/docker-entrypoint|initdb|provisioning|templates?|/html|/www|rules|dashboards|certs?|ssl|scripts?|plugins?|\.d(/|$))`)

// bindDir mounts a folder of the project: as a ConfigMap where it is small and
// only read, and as a claim otherwise.
func (u *unit) bindDir(m types.ServiceVolumeConfig, source string, key []string) {
	if !m.ReadOnly && (!configTarget().MatchString(m.Target) || isDatastore(u.in.Image) && !strings.Contains(m.Target, "entrypoint") && !strings.HasPrefix(m.Target, "/etc/")) {
		u.bindClaim(m, source, "is a folder that the service may write to", key)
		return
	}
	files, err := u.tree(source)
	if errors.Is(err, compose.ErrOutside) {
		u.fail(finding{"file-outside", fmt.Sprintf("%s %v: it is not read", u.shown(source), err), "replace the link by what it leads to, or allow that with --allow-file PATH"}, key...)
		return
	}
	if err != nil {
		u.bindClaim(m, source, err.Error(), key)
		return
	}
	base := path.Base(filepath.ToSlash(source))
	name := u.madeUp("ConfigMap", base, u.shown(source))
	out := &workload.Data{Name: name, Service: u.service()}
	volume := &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}}
	for _, f := range files {
		k := fileKey(strings.ReplaceAll(f.name, "/", "."))
		if _, taken := out.Text[k]; taken || out.Binary[k] != nil {
			k = fileKey(hashOf(f.name) + "." + path.Base(f.name))
		}
		setData(out, k, f.data)
		volume.Items = append(volume.Items, corev1.KeyToPath{Key: k, Path: f.name, Mode: f.mode})
		if secretFile().MatchString(path.Base(f.name)) {
			u.warn(finding{
				code:    "bind-secret-file",
				summary: f.name + " looks like a secret and lies in a folder that becomes a ConfigMap",
				hint:    "declare it under secrets:",
			}, key...)
		}
	}
	u.addData(out, u.at(key...))
	if !m.ReadOnly {
		u.warn(finding{
			code:    "bind-read-only",
			summary: u.shown(source) + " becomes a ConfigMap, which the service cannot write to",
			hint:    "add :ro to say that this is right, or use a named volume",
		}, key...)
	}
	u.mount(corev1.Volume{Name: "config-" + name, VolumeSource: corev1.VolumeSource{ConfigMap: volume}}, corev1.VolumeMount{MountPath: m.Target, ReadOnly: true})
}

// treeFile is one file of a folder that becomes a ConfigMap.
type treeFile struct {
	name string // slash-separated, below the folder
	data []byte
	mode *int32
}

// tree reads a folder, in the order of names, or says why it is no ConfigMap.
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
			case errors.Is(err, compose.ErrTooLarge), total > maxConfigBytes, len(files) >= maxConfigFiles:
				return errors.New(tooLarge)
			case err != nil:
				return fmt.Errorf("has %s, which %w", name, readError(err))
			}
			files = append(files, treeFile{name, data, a.executable(filepath.Join(root, name))})
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
