package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"gantry/charts/diag"
	"gantry/convert/workload"
)

// claim is a named volume and who mounts it.
type claim struct {
	config types.VolumeConfig
	// pods are the services in whose pods it is mounted; writers those that may
	// write to it.
	pods, writers map[string]bool
}

// findClaims reads who mounts which named volume, before any workload is built:
// whether a volume is shared decides the kind of the workload.
func (a *app) findClaims() {
	add := func(unit string, mounts []types.ServiceVolumeConfig) {
		for _, m := range mounts {
			if m.Type != types.VolumeTypeVolume && m.Type != types.VolumeTypeCluster || m.Source == "" {
				continue
			}
			c := a.claims[m.Source]
			if c == nil {
				c = &claim{config: a.project.Volumes[m.Source], pods: map[string]bool{}, writers: map[string]bool{}}
				a.claims[m.Source] = c
			}
			pod := a.podOf(unit)
			c.pods[pod] = true
			if !m.ReadOnly {
				c.writers[pod] = true
			}
		}
	}
	for name, service := range a.project.Services {
		add(name, a.mountsOf(&service, map[string]bool{name: true}))
		for _, hook := range service.PreStart {
			add(name, hook.Volumes)
		}
	}
	for name, job := range a.project.Jobs {
		add(name, job.Volumes)
	}
}

// podOf returns the service in whose pod a unit runs.
func (a *app) podOf(unit string) string {
	if consumer, ok := a.folds[unit]; ok {
		return consumer
	}
	return unit
}

// soleVolumes are the named volumes that only this unit mounts, and writes to,
// and that the application owns.
func (u *unit) soleVolumes() []string {
	return slices.DeleteFunc(u.ownVolumes(), func(name string) bool {
		c := u.claims[name]
		return len(c.pods) > 1 || !c.writers[u.name] || !c.ordinary()
	})
}

// ordinary reports whether the volume is one that a StorageClass provides.
func (c *claim) ordinary() bool { return !bool(c.config.External) && len(c.config.DriverOpts) == 0 }

// sharedVolumes are the claims that all replicas of the unit mount together.
func (u *unit) sharedVolumes() []string {
	return slices.DeleteFunc(u.ownVolumes(), func(name string) bool {
		return !u.claims[name].ordinary() || u.work.Kind == workload.StatefulSet
	})
}

// ownVolumes are the named volumes that the unit mounts, sorted.
func (u *unit) ownVolumes() []string {
	names := map[string]bool{}
	for _, m := range u.mountsOf(u.in, map[string]bool{u.name: true}) {
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
	if c.config.External {
		u.external(m.Source, c, mount, key)
		return
	}
	if source, ok := u.driverVolume(m.Source, c.config); ok {
		u.mount(corev1.Volume{Name: m.Source, VolumeSource: source}, mount)
		return
	}
	if mount.SubPath == "" && isDatastore(u.in.Image) {
		// The root of a fresh ext4 volume has lost+found, which makes databases
		// refuse to initialise there.
		mount.SubPath = objectName(m.Source)
	}
	name := u.claimName(m.Source, c.config)
	if u.work.Kind == workload.StatefulSet && len(c.pods) == 1 {
		u.claimTemplate(name, c, mount)
		return
	}
	u.mount(claimVolume(m.Source, name, false), mount)
}

func claimVolume(volume, claim string, readOnly bool) corev1.Volume {
	return corev1.Volume{Name: volume, VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim, ReadOnly: readOnly},
	}}
}

// claimTemplate gives each replica of a StatefulSet a claim of its own.
func (u *unit) claimTemplate(name string, c *claim, mount corev1.VolumeMount) {
	if !slices.ContainsFunc(u.work.Claims, func(o *workload.Claim) bool { return o.Name == name }) {
		u.work.Claims = append(u.work.Claims, u.newClaim(name, c.config))
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
	u.note(finding{
		code:    "volume-external",
		summary: fmt.Sprintf("mounts the PersistentVolumeClaim %s, which must exist: the volume is external", objectName(name)),
	}, key...)
	u.mount(claimVolume(source, objectName(name), false), mount)
}

// claimName is the volume's own name, or the one that somebody gave it. The
// loader fills in PROJECT_VOLUME where nobody did.
func (a *app) claimName(source string, config types.VolumeConfig) string {
	if config.Name == "" || config.Name == a.project.Name+"_"+source {
		return objectName(source)
	}
	return objectName(config.Name)
}

func (a *app) newClaim(name string, config types.VolumeConfig) *workload.Claim {
	c := &workload.Claim{
		Name: name, Size: resource.MustParse(a.opts.VolumeSize), AccessMode: corev1.ReadWriteOnce,
		Annotations: validAnnotations(config.Labels),
	}
	if a.opts.StorageClass != "" {
		c.StorageClass = &a.opts.StorageClass
	}
	return c
}

// shareClaims emits the claims that pods refer to. Storage that several
// workloads mount must be mountable by many nodes.
func (a *app) shareClaims(units []*unit) {
	used := map[string][]string{}
	for _, u := range units {
		for _, v := range u.pod().Volumes {
			if v.PersistentVolumeClaim != nil {
				used[v.PersistentVolumeClaim.ClaimName] = append(used[v.PersistentVolumeClaim.ClaimName], u.name)
			}
		}
	}
	for _, source := range slices.Sorted(maps.Keys(a.claims)) {
		c := a.claims[source]
		name := a.claimName(source, c.config)
		users := used[name]
		if len(users) == 0 || !c.ordinary() && bool(c.config.External) {
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
		out := a.newClaim(name, c.config)
		if len(users) == 1 {
			out.Service = users[0]
		} else {
			out.AccessMode = corev1.ReadWriteMany
			a.report(diag.Warning, finding{
				code:    "volume-shared",
				summary: fmt.Sprintf("is mounted by %s, so its storage must be one that many nodes can mount (ReadWriteMany)", strings.Join(users, ", ")),
				hint:    "choose such a class with --storage-class, for example one of NFS or CephFS",
			}, path)
		}
		a.out.Claims = append(a.out.Claims, out)
	}
}

// driverVolume returns what the options of the local driver mean, if they mean
// something that a pod can mount.
func (u *unit) driverVolume(source string, config types.VolumeConfig) (corev1.VolumeSource, bool) {
	opts := config.DriverOpts
	path := diag.Path{"volumes", source, "driver_opts"}
	switch {
	case len(opts) == 0:
		return corev1.VolumeSource{}, false
	case strings.HasPrefix(opts["type"], "nfs"):
		server, export := nfsAddress(opts)
		u.report(diag.Note, finding{code: "volume-nfs", summary: fmt.Sprintf("is mounted from %s:%s without its other mount options", server, export)}, path)
		return corev1.VolumeSource{NFS: &corev1.NFSVolumeSource{Server: server, Path: export}}, server != ""
	case opts["type"] == "tmpfs":
		return corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}}, true
	case strings.Contains(opts["o"], "bind") && opts["device"] != "":
		u.report(diag.Warning, finding{
			code:    "volume-host-path",
			summary: fmt.Sprintf("is the folder %s of one machine: it becomes a claim, which starts empty", opts["device"]),
			hint:    "copy the content into the claim",
		}, path)
	default:
		u.report(diag.Warning, finding{
			code:    "volume-driver-options",
			summary: "are for a driver of Docker: the volume becomes a claim of the storage class",
			hint:    "choose a class with --storage-class",
		}, path)
	}
	return corev1.VolumeSource{}, false
}

// nfsAddress reads server and path from the options of the local driver:
// o: addr=HOST,... and device: :/PATH.
func nfsAddress(opts map[string]string) (server, path string) {
	for option := range strings.SplitSeq(opts["o"], ",") {
		if value, ok := strings.CutPrefix(option, "addr="); ok {
			server = value
		}
	}
	host, export, found := strings.Cut(opts["device"], ":")
	if !found {
		return server, opts["device"]
	}
	if server == "" {
		server = host
	}
	return server, export
}
