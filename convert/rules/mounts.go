package rules

import (
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"gantry/charts/pattern"
	"gantry/convert/workload"
)

// volumes maps volumes, volumes_from, tmpfs and shm_size to the volumes of the
// pod and the mounts of the container.
func (u *unit) volumes() {
	for _, m := range u.mountsOf(u.in) {
		if m.develops {
			u.reportSource(m)
			continue
		}
		u.volume(m)
	}
	u.foreignVolumes()
	for i, t := range u.in.Tmpfs {
		u.tmpfs(t, []string{"tmpfs", strconv.Itoa(i)})
	}
	u.sharedMemory()
	u.openFolders()
}

// sharedMemory maps shm_size. All containers of a pod have one IPC namespace, so
// it is one folder for all that give it a size, and for those that join them.
func (u *unit) sharedMemory() {
	size := u.in.ShmSize
	if _, joins := u.target(u.in.Ipc); size > 0 || joins {
		for _, other := range u.group.units {
			size = max(size, other.in.ShmSize)
		}
	}
	if size > 0 {
		u.memory("dev-shm", "/dev/shm", size)
	}
}

// mount is a mount of a container.
type mount struct {
	types.ServiceVolumeConfig
	// of is the service whose mount it is: another one for volumes_from.
	of string
	// key is where the unit says so.
	key []string
	// develops tells that the mount is for the development of the image, and not for
	// running it.
	develops bool
}

// mountsOf returns the mounts of a service and, behind them, those that
// volumes_from takes over from others.
func (a *app) mountsOf(in *types.ServiceConfig) []mount {
	return a.takenOver(in, map[string]bool{in.Name: true})
}

func (a *app) takenOver(in *types.ServiceConfig, seen map[string]bool) []mount {
	var mounts []mount
	for i, m := range in.Volumes {
		mounts = append(mounts, mount{ServiceVolumeConfig: m, of: in.Name, key: []string{"volumes", strconv.Itoa(i)}})
	}
	a.markSources(in, mounts)
	for i, from := range in.VolumesFrom {
		name, mode := a.volumesFrom(from)
		other, ok := a.project.Services[name]
		if !ok || seen[name] {
			continue
		}
		seen[name] = true
		for _, m := range a.takenOver(&other, seen) {
			m.ReadOnly = m.ReadOnly || mode == "ro"
			m.key = []string{"volumes_from", strconv.Itoa(i)}
			mounts = append(mounts, m)
		}
	}
	return mounts
}

// volumesFrom reads SERVICE[:MODE] or container:NAME[:MODE]. The service is ""
// for a container that is none of the project.
func (a *app) volumesFrom(s string) (service, mode string) {
	service, mode, _ = strings.Cut(s, ":")
	if service == "container" {
		service, mode, _ = strings.Cut(mode, ":")
		service = a.called[service]
	}
	return service, mode
}

// foreignVolumes tells of volumes_from that leads out of the project, and of what
// cannot be shared with another pod.
func (u *unit) foreignVolumes() {
	for i, from := range u.in.VolumesFrom {
		if service, _ := u.volumesFrom(from); service == "" {
			u.warn(finding{
				code: "volumes-from", summary: fmt.Sprintf("%s is no container of these files: nothing is mounted", from), hint: "use a named volume that both mount",
			}, "volumes_from", strconv.Itoa(i))
		}
	}
}

func (u *unit) volume(m mount) {
	key := m.key
	if !u.mountable(m.Target, key) {
		return
	}
	switch {
	case m.Type == types.VolumeTypeNamedPipe, strings.HasPrefix(m.Source, `\\.\pipe\`):
		u.warn(finding{
			code:    "volume-npipe",
			summary: "is a named pipe of Windows, which pods cannot mount by this name: it is left out",
		}, key...)
		return
	}
	switch m.Type {
	case types.VolumeTypeBind:
		u.bind(m.ServiceVolumeConfig, key)
	case types.VolumeTypeTmpfs:
		size := types.UnitBytes(0)
		if m.Tmpfs != nil {
			size = m.Tmpfs.Size
		}
		u.memory(u.podFolder("tmp"+m.Target, m.of), m.Target, size)
	case types.VolumeTypeImage:
		u.imageVolume(m.ServiceVolumeConfig, key)
	default:
		if m.Source == "" {
			u.anonymous(m)
			return
		}
		u.named(m.ServiceVolumeConfig, key)
	}
}

// mountable reports whether something can be mounted at a path. Kubernetes takes
// no colon, which paths of Windows have.
func (u *unit) mountable(target string, key []string) bool {
	if !strings.Contains(target, ":") {
		return true
	}
	u.warn(finding{
		code:    "mount-path",
		summary: fmt.Sprintf("%q is not a path on Linux: it is not mounted", target),
		hint:    "give volumes names of two letters or more: Compose takes one letter for a drive of Windows",
	}, key...)
	return false
}

// anonymous gives a volume without a name the life of the pod: Compose removes
// it with the container.
func (u *unit) anonymous(m mount) {
	switch own := u.podOf(m.of) == u.podOf(u.name); {
	case own && slices.Contains(dataFolders(), path.Clean(m.Target)):
		u.warn(finding{
			code:    "volume-anonymous",
			summary: "has no name, so the database in it lives as long as the pod, where Compose keeps it until down --volumes",
			hint:    "give the volume a name to keep its content",
		}, m.key...)
	case own:
		u.note(finding{
			code:    "volume-anonymous",
			summary: "has no name, so it lives as long as the pod",
			hint:    "give the volume a name to keep its content",
		}, m.key...)
	default:
		u.warn(finding{
			code:    "volume-anonymous",
			summary: fmt.Sprintf("the volume of %s at %s has no name, and another pod cannot mount it: the folder is empty", m.of, m.Target),
			hint:    "give the volume a name",
		}, m.key...)
	}
	u.mount(corev1.Volume{
		Name:         u.podFolder("anonymous"+m.Target, m.of),
		VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}},
	}, corev1.VolumeMount{MountPath: m.Target, ReadOnly: m.ReadOnly})
}

// podFolder names a volume that lives as long as the pod: containers that share
// the pod share only what they share in Compose.
func (u *unit) podFolder(name, service string) string {
	if service == u.podOf(service) {
		return name
	}
	return u.names[service] + "-" + strings.TrimPrefix(name, "/")
}

func (u *unit) imageVolume(m types.ServiceVolumeConfig, key []string) {
	if !u.needs(imageVolumes, key...) {
		return
	}
	mount := corev1.VolumeMount{MountPath: m.Target, ReadOnly: true}
	if m.Image != nil {
		mount.SubPath = m.Image.SubPath
	}
	u.mount(corev1.Volume{
		Name:         "image" + m.Target,
		VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: u.pinned(m.Source, false, key...)}},
	}, mount)
}

// tmpfs reads the short form: PATH[:OPTION,...].
func (u *unit) tmpfs(s string, key []string) {
	target, options, _ := strings.Cut(s, ":")
	size := types.UnitBytes(0)
	for option := range strings.SplitSeq(options, ",") {
		name, value, _ := strings.Cut(option, "=")
		switch name {
		case "size":
			if err := size.DecodeMapstructure(value); err != nil {
				u.warn(finding{code: "tmpfs-size", summary: fmt.Sprintf("%q is not a size: there is no limit", value)}, key...)
			}
		case "", "rw", "nosuid", "nodev", "exec":
		case "mode", "uid", "gid":
			u.tmpfsOwner(option, key)
		default:
			u.warn(finding{code: "tmpfs-option", summary: fmt.Sprintf("option %q has no counterpart: an emptyDir has no mount options", option)}, key...)
		}
	}
	u.memory(u.podFolder("tmp"+target, u.name), target, size)
}

// tmpfsOwner tells of a mode or an owner of a folder in memory, which everybody in the pod
// may write to, unless that is what Docker has as well.
func (u *unit) tmpfsOwner(option string, key []string) {
	if everybody().MatchString(option) {
		return
	}
	u.note(finding{code: "tmpfs-option", summary: fmt.Sprintf("option %q has no counterpart: an emptyDir has mode 0777, so its user may write to it, and others of the pod, too", option)}, key...)
}

// everybody is a mode that lets everybody write to a folder.
var everybody = pattern.Lazy(`^mode=0?[0-7]?777$`)

// memory mounts a folder in memory, limited to size bytes unless size is 0.
func (u *unit) memory(name, target string, size types.UnitBytes) {
	dir := &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}
	if size > 0 {
		dir.SizeLimit = resource.NewQuantity(int64(size), resource.BinarySI)
	}
	u.mount(corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: dir}}, corev1.VolumeMount{MountPath: target})
}

// mount adds a volume to the pod, unless it is there already, and mounts it. The
// later of two mounts at one place wins, as in Compose.
func (u *unit) mount(v corev1.Volume, m corev1.VolumeMount) {
	if v.EmptyDir != nil {
		v.Name = u.group.folders.unique(objectName(v.Name), v.Name) // nothing else tells it from another
	}
	m.Name = u.podVolume(v)
	m.MountPath = path.Clean("/" + m.MountPath)
	mounts := u.container.VolumeMounts
	if i := slices.IndexFunc(mounts, func(o corev1.VolumeMount) bool { return o.MountPath == m.MountPath }); i >= 0 {
		mounts[i] = m
		return
	}
	u.container.VolumeMounts = append(mounts, m)
}

// podVolume returns the name under which the pod has the volume, adding it where
// the pod does not.
func (u *unit) podVolume(v corev1.Volume) string {
	wanted := objectName(v.Name)
	for n := 1; ; n++ {
		v.Name = wanted
		if n > 1 {
			v.Name = limitName(wanted, maxName-4) + "-" + strconv.Itoa(n)
		}
		if u.isTemplate(v.Name) {
			continue
		}
		i := slices.IndexFunc(u.pod().Volumes, func(o corev1.Volume) bool { return o.Name == v.Name })
		if i < 0 {
			u.pod().Volumes = append(u.pod().Volumes, v)
			return v.Name
		}
		if reflect.DeepEqual(u.pod().Volumes[i], v) {
			return v.Name
		}
	}
}

// isTemplate reports whether a claim template of the pod has a name: a volume of
// the pod with that name would be hidden.
func (u *unit) isTemplate(name string) bool {
	if u.work.Kind != workload.StatefulSet {
		return false
	}
	for _, other := range u.group.units {
		for _, source := range other.ownVolumes() {
			if c := u.claims[source]; len(c.pods) == 1 && c.storage == provided && u.claimName(source, c.config) == name {
				return true
			}
		}
	}
	return false
}

// mountFile mounts one key of a ConfigMap or Secret as a file.
func (u *unit) mountFile(f dataFile) {
	item := corev1.KeyToPath{Key: f.key, Path: f.key, Mode: f.mode}
	v := corev1.Volume{Name: "config-" + f.object}
	if f.secret {
		v.Name = "secret-" + f.object
		v.Secret = &corev1.SecretVolumeSource{SecretName: f.object, Items: []corev1.KeyToPath{item}}
	} else {
		v.ConfigMap = &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: f.object}, Items: []corev1.KeyToPath{item}}
	}
	u.mount(v, corev1.VolumeMount{MountPath: f.target, SubPath: f.key, ReadOnly: true})
}

// dataFile is one key of a ConfigMap or Secret, mounted as a file.
type dataFile struct {
	object string // the ConfigMap or Secret
	secret bool
	key    string
	target string
	mode   *int32
}

// ownership lets a user who is not root write to claimed storage, and read files that
// not everybody may read: Docker copies the owner of the image's folder, or has that of
// the file, Kubernetes mounts both as root's.
func (u *unit) ownership() {
	ctx := u.container.SecurityContext
	if !u.hasClaims() && !u.hasGuardedFiles() {
		return
	}
	if ctx == nil || ctx.RunAsUser == nil {
		u.imageOwnership()
		return
	}
	if *ctx.RunAsUser == 0 {
		return
	}
	group := *ctx.RunAsUser
	if ctx.RunAsGroup != nil {
		group = *ctx.RunAsGroup
	}
	u.podSecurity().FSGroup = new(group)
}

// hasClaims reports whether the pod mounts storage that outlives it.
func (u *unit) hasClaims() bool {
	return len(u.work.Claims) > 0 || slices.ContainsFunc(u.pod().Volumes, func(v corev1.Volume) bool { return v.PersistentVolumeClaim != nil })
}

// hasGuardedFiles reports whether the unit mounts a file that its mode keeps from
// others than the owner and the group.
func (u *unit) hasGuardedFiles() bool {
	guarded := func(item corev1.KeyToPath) bool { return isGuarded(item.Mode) }
	return slices.ContainsFunc(u.pod().Volumes, func(v corev1.Volume) bool {
		if !slices.ContainsFunc(u.container.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == v.Name }) {
			return false
		}
		return v.Secret != nil && slices.ContainsFunc(v.Secret.Items, guarded) || v.ConfigMap != nil && slices.ContainsFunc(v.ConfigMap.Items, guarded)
	})
}

// sortedSet returns the members of a set in order.
func sortedSet(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
