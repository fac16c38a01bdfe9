package rules

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"gantry/charts/pattern"
)

// hostPath mounts a folder or file of the node.
func (u *unit) hostPath(m types.ServiceVolumeConfig, source string, key []string) {
	u.warn(finding{
		code:    "bind-host-path",
		summary: fmt.Sprintf("mounts %s of whichever node runs the pod; the Pod Security levels baseline and restricted forbid it", source),
	}, key...)
	mount := corev1.VolumeMount{MountPath: m.Target, ReadOnly: m.ReadOnly}
	if m.Bind != nil {
		u.propagation(&mount, m.Bind.Propagation, append(key, "bind", "propagation"))
		u.recursion(&mount, m.Bind.Recursive, append(key, "bind", "recursive"))
	}
	u.mount(nodeVolume("host"+source, source, nodeType(source)), mount)
}

// zoneOf returns the time zone that a mount gives to a container: its name, or "local"
// for that of the machine; "" where it mounts something else.
func zoneOf(m types.ServiceVolumeConfig) string {
	const zones = "/usr/share/zoneinfo/"
	switch source := path.Clean(m.Source); {
	case source == "/etc/localtime", source == "/etc/timezone":
		return "local"
	case path.Clean(m.Target) == "/etc/localtime" && strings.HasPrefix(source, zones):
		return strings.TrimPrefix(source, zones)
	default:
		return ""
	}
}

// timeZone leaves out the time zone of the machine: those of nodes are mostly UTC, not
// all of them have these files, and a pod that mounts a file of its node is refused
// where Pod Security is enforced.
func (u *unit) timeZone(zone, source string, key []string) {
	f := finding{code: "bind-time-zone"}
	tz := u.in.Environment["TZ"]
	told := source == "/etc/timezone" && slices.ContainsFunc(u.in.Volumes, func(m types.ServiceVolumeConfig) bool { return m.Source == "/etc/localtime" })
	switch {
	case tz != nil && *tz != "":
		f.summary = fmt.Sprintf("is left out: TZ says that the time zone is %s", *tz)
		u.note(f, key...)
		return
	case told:
		f.summary = "is left out, as /etc/localtime is"
		u.note(f, key...)
		return
	}
	f.summary, f.hint = "is the time zone of the machine, and nodes mostly have UTC: it is left out", "set TZ in environment, such as TZ: Europe/Berlin"
	if zone != "local" {
		f.summary, f.hint = fmt.Sprintf("is the time zone %s of the machine's own list, which not all nodes have: it is left out", zone), "set TZ in environment: TZ: "+zone
	}
	u.warn(f, key...)
}

// ownMemory gives the pod shared memory of its own in place of the machine's, which
// is bound where the 64 MiB of a container are too small.
func (u *unit) ownMemory(target string, key []string) {
	if u.in.ShmSize > 0 && path.Clean(target) == "/dev/shm" {
		u.note(finding{code: "bind-shared-memory", summary: "is left out: shm_size gives the pod memory of its own"}, key...)
		return
	}
	u.note(finding{
		code: "bind-shared-memory", summary: "becomes memory of the pod's own, without a limit: that of a node is for all of its pods",
		hint: "use shm_size, which limits it",
	}, key...)
	u.memory("dev-shm", target, 0)
}

// nodeVolume is a volume that is a part of the node's file system.
func nodeVolume(name, source string, kind corev1.HostPathType) corev1.Volume {
	v := corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: source}}}
	if kind != corev1.HostPathUnset {
		v.HostPath.Type = &kind
	}
	return v
}

// nodeType says what lies at a path of the node, where every node has the same
// there: a pod then waits with a clear message on a node that has something else.
func nodeType(source string) corev1.HostPathType {
	switch {
	case strings.HasSuffix(source, ".sock"):
		return corev1.HostPathSocket
	case slices.Contains([]string{
		"/etc/localtime", "/etc/machine-id", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/etc/os-release", "/etc/passwd", "/etc/group",
	}, source):
		return corev1.HostPathFile
	case slices.Contains([]string{"/", "/boot", "/dev", "/proc", "/run", "/sys", "/var/log", "/var/run"}, source):
		return corev1.HostPathDirectory
	default:
		return corev1.HostPathUnset
	}
}

// blockDevices are the names of disks and their parts.
var blockDevices = pattern.Lazy(`^/dev/(sd[a-z]|vd[a-z]|xvd[a-z]|nvme\d|mmcblk\d|loop\d|md\d|dm-\d|sr\d)`)

// deviceType says what kind of device lies at a path of the node.
func deviceType(source string) corev1.HostPathType {
	switch {
	case slices.Contains([]string{"bus", "dri", "snd", "input", "usb", "net", "disk", "mapper", "serial", "v4l", "shm", "infiniband", "by-id", "by-path"}, path.Base(source)):
		return corev1.HostPathDirectory
	case blockDevices().MatchString(source):
		return corev1.HostPathBlockDev
	default:
		return corev1.HostPathCharDev
	}
}

// propagation says who sees what is mounted below a folder later. Only privileged
// containers may let the node see their mounts.
func (u *unit) propagation(mount *corev1.VolumeMount, mode string, key []string) {
	switch strings.TrimPrefix(mode, "r") {
	case "slave":
		mount.MountPropagation = ptr.To(corev1.MountPropagationHostToContainer)
	case "shared":
		mount.MountPropagation = ptr.To(corev1.MountPropagationBidirectional)
		if !u.in.Privileged {
			mount.MountPropagation = ptr.To(corev1.MountPropagationHostToContainer)
			u.warn(finding{
				code: "bind-propagation", summary: "needs privileged: true in Kubernetes: the node does not see what the container mounts",
			}, key...)
		}
	}
}

// recursion says what a mount does with others below its folder. They are always
// there; whether they can be written to where the folder cannot is up to the
// mount.
func (u *unit) recursion(mount *corev1.VolumeMount, recursive string, key []string) {
	mode := ptr.To(corev1.RecursiveReadOnlyEnabled)
	switch recursive {
	case "disabled":
		u.warn(finding{code: "bind-recursive", summary: "cannot be had: pods see what is mounted below the folder"}, key...)
		return
	case "enabled":
		mode = ptr.To(corev1.RecursiveReadOnlyIfPossible)
	case "readonly":
	default:
		return
	}
	switch {
	case !mount.ReadOnly:
	case mount.MountPropagation != nil:
		u.warn(finding{code: "bind-recursive", summary: "does not go with a propagation in Kubernetes: mounts below the folder can be written to"}, key...)
	case *mode == corev1.RecursiveReadOnlyIfPossible && !u.takes(recursiveReadOnly):
	case u.needs(recursiveReadOnly, key...):
		mount.RecursiveReadOnly = mode
	}
}
