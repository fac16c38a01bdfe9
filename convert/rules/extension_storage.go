package rules

import (
	"fmt"
	"maps"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"

	"gantry/charts/diag"
	"gantry/convert/extension"
	"gantry/convert/workload"
)

// storageOf returns what the volume says of itself, and where it says nothing,
// what those say who mount it, the first by name before the others.
func (a *app) storageOf(source string, c *claim) extension.Storage {
	s := c.ext.Storage
	if s.Type == extension.HostPathStorage || s.Type == extension.ConfigMapStorage {
		a.report(diag.Error, finding{
			code: "extension-storage", summary: fmt.Sprintf("%s is for bind mounts: a named volume has no folder that could be taken", s.Type), hint: "write claim or emptyDir",
		}, diag.Path{"volumes", source, extension.Key, "type"})
	}
	for _, user := range sortedSet(c.pods) {
		if from := a.extensionNamed(user).Storage; from != nil {
			s = filledFrom(s, *from)
		}
	}
	return s
}

// filledFrom fills what one storage leaves open from another.
func filledFrom(s, from extension.Storage) extension.Storage {
	if s.Type == "" && from.Type == extension.EmptyDirStorage {
		s.Type = from.Type
	}
	if s.Size == nil {
		s.Size = from.Size
	}
	if s.StorageClass == nil {
		s.StorageClass = from.StorageClass
	}
	if len(s.AccessModes) == 0 {
		s.AccessModes = from.AccessModes
	}
	if s.Selector == nil {
		s.Selector = from.Selector
	}
	setDefault(&s.SubPath, from.SubPath)
	return s
}

// extensionNamed returns what a service or job says, which have no name in common.
func (a *app) extensionNamed(name string) *extension.Service {
	if _, ok := a.project.Jobs[name]; ok {
		return a.ext.Job(name)
	}
	return a.ext.Service(name)
}

// reportStorage tells of what is said of storage that nobody makes.
func (c *claim) reportStorage(a *app, source string) {
	why := ""
	switch {
	case c.ext.ExistingClaim != "":
		why = "the claim exists"
	case c.storage == existing:
		why = "the volume is external"
	case c.storage == inMemory || c.storage == onNode || c.storage == exported:
		why = "driver_opts say what the volume is"
	case c.storage == ephemeral:
		why = "the volume is a folder of the pod"
	default:
		return
	}
	s := c.ext.Storage
	for _, f := range []struct {
		field string
		given bool
	}{
		{"size", s.Size != nil && c.storage != ephemeral && c.storage != exported},
		{"storageClass", s.StorageClass != nil},
		{"accessModes", len(s.AccessModes) > 0},
		{"selector", s.Selector != nil},
		{"labels", len(c.ext.Labels) > 0 && c.storage != exported},
		{"annotations", len(c.ext.Annotations) > 0 && c.storage != exported},
	} {
		if f.given {
			a.report(diag.Warning, finding{code: "extension-storage", summary: "has no effect: " + why, hint: "remove it"}, diag.Path{"volumes", source, extension.Key, f.field})
		}
	}
}

// reportMountless tells of storage that the unit does not mount.
func (u *unit) reportMountless() {
	if u.ext.Storage != nil && len(u.in.Volumes)+len(u.in.VolumesFrom) == 0 {
		u.warn(finding{code: "extension-storage", summary: "has no effect: nothing is mounted", hint: "remove it, or add volumes:"}, u.where("storage")...)
	}
}

// reportExisting tells of what is said of an object that nobody makes.
func (a *app) reportExisting(f fileObject) {
	ext := a.extensionOfFile(f)
	for _, field := range []struct {
		name  string
		given bool
	}{
		{"immutable", ext.Immutable},
		{"labels", len(ext.Labels) > 0},
		{"annotations", len(ext.Annotations) > 0},
		{"type", f.secret && a.ext.Secret(f.name).Type != ""},
	} {
		if field.given {
			a.report(diag.Warning, finding{code: "extension-existing", summary: "has no effect: the object exists", hint: "remove it"}, diag.Path{f.section, f.name, extension.Key, field.name})
		}
	}
}

// shape gives a claim what is wanted of it.
func shape(out *workload.Claim, s extension.Storage) {
	if s.Size != nil {
		out.Size = *s.Size
	}
	if s.StorageClass != nil {
		out.StorageClass = s.StorageClass
	}
	if len(s.AccessModes) > 0 {
		out.AccessModes = s.AccessModes
	}
	out.Selector = s.Selector
}

// manyNodes reports whether many nodes can mount the claim.
func (c *claim) manyNodes() bool {
	return slices.Contains(c.wish.AccessModes, corev1.ReadWriteMany) || slices.Contains(c.wish.AccessModes, corev1.ReadOnlyMany)
}

// bindAs mounts a folder or file of the machine as x-kubernetes says, unless
// what it holds is to decide.
func (u *unit) bindAs(m types.ServiceVolumeConfig, source string, key []string) bool {
	s := u.ext.Storage
	if s == nil {
		return false
	}
	switch s.Type {
	case extension.HostPathStorage:
		u.hostPath(m, source, key)
	case extension.EmptyDirStorage:
		dir := &corev1.EmptyDirVolumeSource{SizeLimit: s.Size}
		u.mount(corev1.Volume{Name: "empty" + m.Target, VolumeSource: corev1.VolumeSource{EmptyDir: dir}}, corev1.VolumeMount{MountPath: m.Target, SubPath: s.SubPath, ReadOnly: m.ReadOnly})
	case extension.ClaimStorage:
		files, _ := u.tree(source)
		u.bindClaim(m, source, standIn{why: "is not mounted from the machine", files: files}, key)
	default:
		return false
	}
	return true
}

// fileObjects are the configs and secrets of the project, each sorted by name.
func (a *app) fileObjects() []fileObject {
	var all []fileObject
	for _, name := range slices.Sorted(maps.Keys(a.project.Configs)) {
		all = append(all, fileObject{section: "configs", name: name, config: types.FileObjectConfig(a.project.Configs[name])})
	}
	for _, name := range slices.Sorted(maps.Keys(a.project.Secrets)) {
		all = append(all, fileObject{section: "secrets", secret: true, name: name, config: types.FileObjectConfig(a.project.Secrets[name])})
	}
	return all
}

// extensionOfFile returns what a config or secret says.
func (a *app) extensionOfFile(f fileObject) *extension.Config {
	if f.section == "secrets" {
		return &a.ext.Secret(f.name).Config
	}
	return a.ext.Config(f.name)
}

// extendData gives the object of a config or secret what x-kubernetes says of it.
func (a *app) extendData(f fileObject, out *workload.Data) {
	ext := a.extensionOfFile(f)
	out.Immutable = ext.Immutable
	path := diag.Path{f.section, f.name, extension.Key}
	a.addMeta(&out.Labels, ext.Labels, badLabel, below(path, "labels"))
	a.addMeta(&out.Annotations, ext.Annotations, badAnnotation, below(path, "annotations"))
	if f.secret {
		out.Type = a.ext.Secret(f.name).Type
	}
}

// dataKey is the key of the object that holds a config or secret.
func (a *app) dataKey(f fileObject) string {
	if key := a.extensionOfFile(f).Key; key != "" {
		return key
	}
	return fileKey(f.name)
}
