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
)

// volumes maps volumes, volumes_from, tmpfs and shm_size to the volumes of the
// pod and the mounts of the container.
func (u *unit) volumes() {
	for i, m := range u.mountsOf(u.in, map[string]bool{u.name: true}) {
		key := []string{"volumes", strconv.Itoa(i)}
		if i >= len(u.in.Volumes) {
			key = []string{"volumes_from"}
		}
		u.volume(m, key)
	}
	for i, t := range u.in.Tmpfs {
		u.tmpfs(t, []string{"tmpfs", strconv.Itoa(i)})
	}
	if u.in.ShmSize > 0 {
		u.memory("dev-shm", "/dev/shm", u.in.ShmSize)
	}
}

// mountsOf returns the mounts of a container and, behind them, those that
// volumes_from takes over from others.
func (a *app) mountsOf(in *types.ServiceConfig, seen map[string]bool) []types.ServiceVolumeConfig {
	mounts := slices.Clone(in.Volumes)
	for _, from := range in.VolumesFrom {
		name, mode, _ := strings.Cut(from, ":")
		other, ok := a.project.Services[name]
		if !ok || seen[name] {
			continue // container:NAME lies outside of the project
		}
		seen[name] = true
		for _, m := range a.mountsOf(&other, seen) {
			m.ReadOnly = m.ReadOnly || mode == "ro"
			mounts = append(mounts, m)
		}
	}
	return mounts
}

func (u *unit) volume(m types.ServiceVolumeConfig, key []string) {
	switch m.Type {
	case types.VolumeTypeBind:
		u.bind(m, key)
	case types.VolumeTypeTmpfs:
		size := types.UnitBytes(0)
		if m.Tmpfs != nil {
			size = m.Tmpfs.Size
		}
		u.memory("tmp"+m.Target, m.Target, size)
	case types.VolumeTypeImage:
		u.imageVolume(m)
	case types.VolumeTypeNamedPipe:
		u.warn(finding{
			code:    "volume-npipe",
			summary: "is a named pipe of Windows, which pods cannot mount by this name: it is left out",
		}, key...)
	default:
		if m.Source == "" {
			u.anonymous(m, key)
			return
		}
		u.named(m, key)
	}
}

// anonymous gives a volume without a name the life of the pod: Compose removes
// it with the container.
func (u *unit) anonymous(m types.ServiceVolumeConfig, key []string) {
	u.note(finding{
		code:    "volume-anonymous",
		summary: "has no name, so it lives as long as the pod",
		hint:    "give the volume a name to keep its content",
	}, key...)
	u.mount(corev1.Volume{
		Name:         "anonymous" + m.Target,
		VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}},
	}, corev1.VolumeMount{MountPath: m.Target, ReadOnly: m.ReadOnly})
}

func (u *unit) imageVolume(m types.ServiceVolumeConfig) {
	mount := corev1.VolumeMount{MountPath: m.Target, ReadOnly: true}
	if m.Image != nil {
		mount.SubPath = m.Image.SubPath
	}
	u.mount(corev1.Volume{
		Name:         "image" + m.Target,
		VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: m.Source}},
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
		case "", "rw", "nosuid", "nodev":
		default:
			u.note(finding{code: "tmpfs-option", summary: fmt.Sprintf("option %q has no counterpart: an emptyDir has mode 0777 and no mount options", option)}, key...)
		}
	}
	u.memory("tmp"+target, target, size)
}

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
	if strings.Contains(m.MountPath, ":") {
		u.warn(finding{
			code:    "mount-path",
			summary: fmt.Sprintf("%q is not a path on Linux: it is not mounted", m.MountPath),
			hint:    "give volumes names of two letters or more: Compose takes one letter for a drive of Windows",
		}, "volumes")
		return
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

// ownership lets a user who is not root write to claimed storage: Docker copies
// the owner of the image's folder, Kubernetes mounts it as root's.
func (u *unit) ownership() {
	ctx := u.container.SecurityContext
	if ctx == nil || ctx.RunAsUser == nil || *ctx.RunAsUser == 0 || !u.hasClaims() {
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

// sortedSet returns the members of a set in order.
func sortedSet(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
