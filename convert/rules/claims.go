package rules

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"gantry/charts/diag"
	"gantry/charts/pattern"
	"gantry/convert/extension"
	"gantry/convert/workload"
)

// claim is a named volume and who mounts it.
type claim struct {
	config types.VolumeConfig
	ext    *extension.Volume
	// wish is what x-kubernetes of the volume, and of those who mount it, wants of
	// it.
	wish extension.Storage
	// pods are the services in whose pods it is mounted; writers those that may
	// write to it.
	pods, writers map[string]bool
	// written tells that one of them keeps something in a folder of the project,
	// so that all of them mount a claim.
	written bool
	// database tells that one of them keeps a database there, which must not be at
	// the root of the volume: a fresh ext4 has lost+found, and databases refuse to
	// initialise beside it.
	database bool
	// sockets is where one of them mounts it, if programs have sockets there.
	sockets string

	storage storage
	// export is the folder of an exported volume, and size the limit of one in
	// memory, or 0.
	export *workload.Export
	size   types.UnitBytes
	// labels and annotations are what the claim may carry of the volume's labels.
	labels, annotations map[string]string
}

// findClaims reads who mounts which named volume, before any workload is built:
// whether a volume is shared decides the kind of the workload.
func (a *app) findClaims() {
	for name, service := range a.project.Services {
		a.addMounts(name, &service)
		for _, hook := range service.PreStart {
			a.addMounts(name, &types.ServiceConfig{Name: name, ContainerSpec: hook.ContainerSpec})
		}
	}
	for name, job := range a.project.Jobs {
		a.addMounts(name, &types.ServiceConfig{Name: name, ContainerSpec: job.ContainerSpec})
	}
}

// socketFolder are the places where programs have sockets.
var socketFolder = pattern.Lazy(`^(/var)?/run(/|$)|(?i)sock(ets?|s)?$|\.sock$`)

// addMounts notes which named volumes and folders a container mounts.
func (a *app) addMounts(unit string, in *types.ServiceConfig) {
	pod := a.podOf(unit)
	for _, m := range a.mountsOf(in) {
		c := a.mounted(m.Type, m.Source)
		if c == nil || m.develops {
			continue
		}
		c.pods[pod] = true
		c.database = c.database || isDatastore(in.Image) || slices.Contains(dataFolders(), path.Clean(m.Target))
		if !m.ReadOnly {
			c.writers[pod] = true
		}
		if target := path.Clean(m.Target); socketFolder().MatchString(target) && (c.sockets == "" || target < c.sockets) {
			c.sockets = target
		}
		c.written = c.written || m.Type == types.VolumeTypeBind && a.writesTo(in, m.ServiceVolumeConfig)
	}
}

// mounted returns what is known of a named volume or a folder, or nil for what is
// neither.
func (a *app) mounted(kind, source string) *claim {
	switch {
	case source == "":
		return nil
	case kind == types.VolumeTypeBind:
		if a.folders[source] == nil {
			a.folders[source] = &claim{pods: map[string]bool{}, writers: map[string]bool{}}
		}
		return a.folders[source]
	case kind == types.VolumeTypeVolume || kind == types.VolumeTypeCluster:
		if a.claims[source] == nil {
			a.claims[source] = &claim{config: a.project.Volumes[source], ext: a.ext.Volume(source), pods: map[string]bool{}, writers: map[string]bool{}}
		}
		return a.claims[source]
	default:
		return nil
	}
}

// soleVolumes are the named volumes of the unit that only its pod mounts, and
// writes to, and that the application owns.
func (u *unit) soleVolumes() []string {
	return slices.DeleteFunc(u.ownVolumes(), func(name string) bool {
		c := u.claims[name]
		return len(c.pods) > 1 || !c.writers[u.podOf(u.name)] || c.storage != provided
	})
}

// sharedVolumes are the claims of a storage class that all replicas of the unit
// mount together.
func (u *unit) sharedVolumes() []string {
	return slices.DeleteFunc(u.ownVolumes(), func(name string) bool {
		return u.claims[name].storage != provided || u.work.Kind == workload.StatefulSet
	})
}

// ownVolumes are the named volumes that the unit mounts, sorted.
func (u *unit) ownVolumes() []string {
	names := map[string]bool{}
	for _, m := range u.mountsOf(u.in) {
		if _, known := u.claims[m.Source]; known && m.Type != types.VolumeTypeBind {
			names[m.Source] = true
		}
	}
	return sortedSet(names)
}

// named mounts a named volume: as a claim template of a StatefulSet, as a claim
// of its own, or as what its driver options mean.
func (u *unit) named(m types.ServiceVolumeConfig, key []string) {
	c := u.claims[m.Source]
	mount := corev1.VolumeMount{MountPath: m.Target, ReadOnly: m.ReadOnly}
	if m.Volume != nil {
		mount.SubPath = strings.TrimPrefix(m.Volume.Subpath, "/")
	}
	setDefault(&mount.SubPath, c.wish.SubPath)
	if c.ext.ExistingClaim != "" {
		u.mount(claimVolume(m.Source, c.ext.ExistingClaim), mount)
		return
	}
	if c.storage == existing {
		u.external(m.Source, c, mount, key)
		return
	}
	if source, ok := c.direct(); ok {
		u.mount(corev1.Volume{Name: m.Source, VolumeSource: source}, mount)
		return
	}
	if m.Type == types.VolumeTypeCluster {
		u.clusterVolume(key)
	}
	if c.database && c.wish.SubPath == "" {
		mount.SubPath = path.Join(objectName(m.Source), mount.SubPath)
	}
	name := u.claimName(m.Source, c.config)
	if u.work.Kind == workload.StatefulSet && len(c.pods) == 1 && c.storage == provided {
		u.claimTemplate(name, c, mount)
	} else {
		u.mount(claimVolume(m.Source, name), mount)
	}
	u.copyUp(m, c, key)
}

func claimVolume(volume, claim string) corev1.Volume {
	return corev1.Volume{Name: volume, VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim},
	}}
}

// claimTemplate gives each replica of a StatefulSet a claim of its own.
func (u *unit) claimTemplate(name string, c *claim, mount corev1.VolumeMount) {
	if !slices.ContainsFunc(u.work.Claims, func(o *workload.Claim) bool { return o.Name == name }) {
		u.work.Claims = append(u.work.Claims, u.namedClaim(name, c))
	}
	mount.Name = name
	u.container.VolumeMounts = append(u.container.VolumeMounts, mount)
}

// external mounts storage that must exist.
func (u *unit) external(source string, c *claim, mount corev1.VolumeMount, key []string) {
	name := c.config.Name
	if name == "" {
		name = source
	}
	u.warn(finding{
		code:    "volume-external",
		summary: fmt.Sprintf("mounts the PersistentVolumeClaim %s, which must exist: the volume is external", objectName(name)),
		hint:    "create that claim before, or take external: true away to get one",
	}, key...)
	u.mount(claimVolume(source, objectName(name)), mount)
}

// claimName is the volume's own name, or the one that somebody gave it. The
// loader fills in PROJECT_VOLUME where nobody did.
func (a *app) claimName(source string, config types.VolumeConfig) string {
	if config.Name == "" || config.Name == a.project.Name+"_"+source {
		return objectName(source)
	}
	return objectName(config.Name)
}

// namedClaim returns the claim of a named volume.
func (a *app) namedClaim(name string, c *claim) *workload.Claim {
	out := a.newClaim(name)
	out.Labels, out.Annotations = c.labels, c.annotations
	if class := a.opts.VolumeDrivers[c.config.Driver]; class != "" {
		out.StorageClass = &class
	}
	shape(out, c.wish)
	return out
}

func (a *app) newClaim(name string) *workload.Claim {
	c := &workload.Claim{
		Name: name, Size: resource.MustParse(a.opts.VolumeSize), AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
	}
	if a.opts.StorageClass != "" {
		c.StorageClass = &a.opts.StorageClass
	}
	return c
}

// shareClaims emits the claims that pods refer to. Storage that several
// workloads mount must be mountable by many nodes.
func (a *app) shareClaims(groups []*group) {
	used := map[string][]string{}
	for _, g := range groups {
		for _, v := range g.owner.pod().Volumes {
			if v.PersistentVolumeClaim != nil {
				used[v.PersistentVolumeClaim.ClaimName] = append(used[v.PersistentVolumeClaim.ClaimName], g.owner.name)
			}
		}
	}
	for _, source := range slices.Sorted(maps.Keys(a.claims)) {
		c := a.claims[source]
		name := a.claimName(source, c.config)
		users := used[name]
		if len(users) == 0 || c.storage == existing {
			continue
		}
		path := diag.Path{"volumes", source}
		if other, ok := a.kindNames("PersistentVolumeClaim").take(name, source); !ok {
			a.report(diag.Error, finding{
				code:    "name-collision",
				summary: fmt.Sprintf("would be the PersistentVolumeClaim %q, as volume %q is already", name, other),
				hint:    "rename one of the two volumes",
			}, path)
			continue
		}
		out := a.namedClaim(name, c)
		if len(users) == 1 {
			out.Service = users[0]
		}
		switch {
		case c.storage == exported:
			out.AccessModes, out.Export = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}, c.export
		case len(users) > 1 && len(c.wish.AccessModes) == 0:
			out.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}
			a.report(diag.Warning, finding{
				code:    "volume-shared",
				summary: fmt.Sprintf("is mounted by %s, so its storage must be one that many nodes can mount (ReadWriteMany)", strings.Join(users, ", ")),
				hint:    "choose such a class with --storage-class, for example one of NFS or CephFS",
			}, path)
		}
		if at := c.sockets; at != "" && len(users) > 1 {
			a.report(diag.Warning, finding{
				code:    "volume-socket",
				summary: fmt.Sprintf("is mounted at %s, where programs have sockets: by one, they reach only programs of the same pod, or of the same node", at),
				hint:    "let the services talk over TCP, or put them into one pod: network_mode: service:NAME",
			}, path)
		}
		a.out.Claims = append(a.out.Claims, out)
	}
}
