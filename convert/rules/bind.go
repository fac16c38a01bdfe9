package rules

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
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
	case strings.HasSuffix(source, "/bin/docker"):
		u.warn(finding{
			code: "bind-docker-socket", summary: "mounts Docker's client, and nodes have none: it is left out", hint: "use an image that has the client, and give it a Docker to talk to",
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
		u.bindClaim(m, source, standIn{why: "does not exist yet"}, key)
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
		u.bindClaim(m, source, standIn{why: tooLarge, file: true}, key)
		return
	}
	if err != nil {
		u.expectedFile(m, source, u.unreadable(source, err), key)
		return
	}
	mode := u.executable(source)
	file := u.mountData(m, data, mode, key)
	u.reportUnwritable(m, source, key)
	if mode == nil && file.secret {
		u.reportOpened(source, m.Target, key)
	}
}

// mountData mounts one file of which the content is known.
func (u *unit) mountData(m types.ServiceVolumeConfig, data []byte, mode *int32, key []string) dataFile {
	file := u.bindObject(m, filepath.Clean(m.Source))
	out := &workload.Data{Name: file.object, Service: u.soleUser(m), Secret: file.secret}
	setData(out, file.key, data)
	u.addFiles(out, map[string]string{file.key: filepath.Clean(m.Source)}, u.at(key...))
	file.target, file.mode = m.Target, mode
	u.mountFile(file)
	return file
}

// reportOpened tells of a key that only its owner may read in the project. Whose it is in the
// container nobody knows here, so there everybody may.
func (u *unit) reportOpened(source, target string, key []string) {
	info, err := u.project.Reach.Stat(source)
	if err != nil || info.Mode()&0o077 != 0 {
		return
	}
	u.warn(finding{
		code:    "file-mode",
		summary: fmt.Sprintf("has mode %#o in the project and 0644 in the pod: programs that want their keys to be private refuse it", info.Mode().Perm()),
		hint:    fmt.Sprintf("make it a top-level secret, and mount that: secrets: [{source: NAME, target: %s, mode: 0400, gid: \"NUMBER OF THE GROUP\"}]", target),
	}, key...)
}

// reportUnwritable tells of a file that cannot be written to here: it is a warning where
// the program does that.
func (u *unit) reportUnwritable(m types.ServiceVolumeConfig, source string, key []string) {
	const why = "is mounted read-only: its content comes from the project when it is converted"
	base := path.Base(filepath.ToSlash(source))
	switch {
	case m.ReadOnly:
	case writtenFile().MatchString(base), rewrittenFile().MatchString(base):
		u.warn(finding{
			code: "bind-read-only", summary: why + ", and programs write to such a file",
			hint: "let the program keep it on a named volume, which an init container of x-kubernetes.initContainers may fill",
		}, key...)
	default:
		u.note(finding{code: "bind-read-only", summary: why}, key...)
	}
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
	file := u.bindObject(m, source)
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
func (u *unit) bindObject(m types.ServiceVolumeConfig, source string) dataFile {
	base := path.Base(filepath.ToSlash(source))
	f := dataFile{key: fileKey(base), secret: u.isSecretAt(source)}
	f.object = u.bindName(m, source, f.secret)
	return f
}

// bindName names the object that holds a file or folder of the project: one for all pods
// that mount it.
func (u *unit) bindName(m types.ServiceVolumeConfig, source string, secret bool) string {
	kind, base, shown := kindOf(secret), path.Base(filepath.ToSlash(source)), u.shown(source)
	if u.soleUser(m) != "" {
		return u.madeUp(kind, base, shown)
	}
	return u.kindNames(kind).unique(objectName(base), "bind\x00"+shown)
}

// soleUser returns the service that alone mounts a file or folder of the project, or "".
func (u *unit) soleUser(m types.ServiceVolumeConfig) string {
	if c := u.folders[m.Source]; c != nil && len(c.pods) > 1 {
		return ""
	}
	return u.service()
}

// secretFile are the names of files that hold keys and passwords, and shownFile those
// of files that are shown or run or are for others, whatever they are called.
var (
	secretFile = pattern.Lazy(`(?i)(^\.env|\.key$|\.pem$|\.p12$|\.pfx$|\.jks$|\.keystore$|\.kdbx?$|\.ppk$|\.ovpn$|\.keytab$|` +
		`^key-?file$|(^|[-_.])key(\.(txt|hex|json|bin|b64))?$|^(node|private|jwt)key$|^jwt\.(hex|txt)$|mnemonic|seed[-_]?phrase|service[-_]?account[^/]*\.json$|^id_(rsa|dsa|ecdsa|ed25519)$|passw|secret|cred(s$|ential)|^\.?(htpasswd|pgpass|netrc)|\.token$|^token|^userlist\.txt$|^\.?erlang\.cookie$|^kubeconfig$)`)
	shownFile = pattern.Lazy(`(?i)public[-_.]?key|\.(html?|css|[cm]?jsx?|tsx?|vue|php|py|rb|erb|go|java|twig|md|svg|png|ico|pub)$`)
)

func isSecretFile(base string) bool {
	return secretFile().MatchString(base) && !shownFile().MatchString(base)
}

// secretFolder are the names of folders in which people put nothing else.
var secretFolder = pattern.Lazy(`(?i)(^|/)(secrets?|credentials|creds)/[^/]+(/|$)`)

// isSecretAt reports whether a file of this machine is one with keys and passwords, by its
// name or by the folders that it lies in.
func (a *app) isSecretAt(source string) bool {
	base := path.Base(filepath.ToSlash(source))
	return isSecretFile(base) || secretFolder().MatchString(a.shown(source)) && !shownFile().MatchString(base)
}

// bareFile are the names of files that have no extension.
var bareFile = pattern.Lazy(`^(id_(rsa|dsa|ecdsa|ed25519)|key-?file|(secret|private|node|host)[-_]?key|[A-Z][a-z]+file|known_hosts|authorized_keys|\.?(htpasswd|pgpass|netrc|npmrc|gitconfig|env))$`)

// version is the end of a name that only looks like an extension: meili_data_v1.12.
var version = pattern.Lazy(`^\.[0-9]+$`)

// looksLikeFile tells a missing file from a missing folder by its name.
func looksLikeFile(name string) bool {
	base := path.Base(filepath.ToSlash(name))
	ext := path.Ext(base)
	return len(ext) > 1 && ext != ".d" && !version().MatchString(ext) && base != ext || bareFile().MatchString(base)
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
		u.bindClaim(m, source, standIn{why: compose.ErrOutside.Error()}, key)
	}
}
