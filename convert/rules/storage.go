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
	"gantry/convert/extension"
	"gantry/convert/workload"
)

// storage is what lies behind a named volume.
type storage int

const (
	// provided is what a storage class makes.
	provided storage = iota
	// existing is a claim that somebody else made: the volume is external.
	existing
	// exported is a folder of an NFS server.
	exported
	// inMemory is a folder that lives as long as its pod.
	inMemory
	// onNode is a folder that every node has.
	onNode
	// ephemeral is a folder on the disk of the node, which lives as long as its
	// pod.
	ephemeral
)

// findStorage decides what lies behind each volume that is mounted, and says so
// once, however many mount it.
func (a *app) findStorage() {
	for _, source := range slices.Sorted(maps.Keys(a.claims)) {
		c := a.claims[source]
		path := diag.Path{"volumes", source}
		c.labels, c.annotations = a.objectLabels(c.config.Labels, below(path, "labels"))
		a.addMeta(&c.labels, c.ext.Labels, badLabel, below(path, extension.Key, "labels"))
		a.addMeta(&c.annotations, c.ext.Annotations, badAnnotation, below(path, extension.Key, "annotations"))
		c.wish = a.storageOf(source, c)
		switch {
		case c.wish.Type == extension.EmptyDirStorage:
			c.storage = ephemeral
		case bool(c.config.External) || c.ext.ExistingClaim != "":
			c.storage = existing
		case c.config.Driver != "" && c.config.Driver != "local":
			a.volumeDriver(c.config, path)
		case len(c.config.DriverOpts) > 0:
			a.localVolume(c, below(path, "driver_opts"))
		}
		c.reportStorage(a, source)
	}
}

// localVolume reads the options of Docker's own driver, which are those of the
// command mount: type, device and o.
func (a *app) localVolume(c *claim, path diag.Path) {
	opts := c.config.DriverOpts
	bind := slices.Contains(mountOptions(opts), "bind")
	switch kind, device := opts["type"], opts["device"]; {
	case strings.HasPrefix(kind, "nfs"):
		a.nfs(c, path)
	case kind == "tmpfs":
		a.volumeInMemory(c, path)
		a.unlooked(opts, "device", path)
	case bind && isSystemPath(device):
		c.storage = onNode
		a.report(diag.Warning, finding{
			code:    "bind-host-path",
			summary: fmt.Sprintf("mounts %s of whichever node runs the pod; the Pod Security levels baseline and restricted forbid it", device),
		}, below(path, "device"))
		a.unlooked(opts, "type", path)
	case bind:
		a.report(diag.Warning, finding{
			code:    "volume-host-path",
			summary: fmt.Sprintf("is the folder %s of one machine: the volume becomes a claim, which starts empty", a.shown(device)),
			hint:    "copy the content into the claim",
		}, below(path, "device"))
		a.unlooked(opts, "type", path)
	case kind == "" && device == "":
		f := finding{code: "volume-driver-options", summary: "say neither type nor device to mount: the volume becomes a claim of the storage class, without them"}
		if size := opts["size"]; size != "" {
			f.hint = fmt.Sprintf("give the volume x-kubernetes: {size: %s}", size)
		}
		a.report(diag.Warning, f, path)
	default:
		a.report(diag.Warning, finding{
			code:    "volume-driver-options",
			summary: fmt.Sprintf("mount %s of the type %q, which pods cannot: the volume becomes a claim of the storage class", device, kind),
			hint:    driverHint(kind, "--storage-class CLASS"),
		}, path)
	}
}

// unlooked tells of an option at which mount does not look, beside the others.
func (a *app) unlooked(opts types.Options, name string, path diag.Path) {
	if opts[name] != "" {
		a.report(diag.Note, finding{code: "volume-driver-options", summary: "means nothing beside the other options"}, below(path, name))
	}
}

// volumeDriver says what becomes of a driver of Docker's.
func (a *app) volumeDriver(config types.VolumeConfig, path diag.Path) {
	if class := a.opts.VolumeDrivers[config.Driver]; class != "" {
		if len(config.DriverOpts) > 0 {
			a.report(diag.Note, finding{
				code: "volume-driver-options", summary: fmt.Sprintf("are for the driver %q: the parameters of the storage class %s stand for them", config.Driver, class),
			}, below(path, "driver_opts"))
		}
		return
	}
	a.report(diag.Warning, finding{
		code:    "volume-driver",
		summary: fmt.Sprintf("%q is a driver of Docker: the volume becomes a claim of the storage class, without the driver's options", config.Driver),
		hint:    driverHint(config.Driver, fmt.Sprintf("--volume-driver %s=CLASS", config.Driver)),
	}, below(path, "driver"))
	if len(config.DriverOpts) > 0 {
		a.report(diag.Note, finding{
			code: "volume-driver-options", summary: fmt.Sprintf("are for the driver %q: they are left out", config.Driver),
		}, below(path, "driver_opts"))
	}
}

// driverHint names the CSI driver that mounts the same, where it is known.
func driverHint(kind, flag string) string {
	for _, d := range [][2]string{
		{"cifs", "smb.csi.k8s.io"},
		{"smb", "smb.csi.k8s.io"},
		{"nfs", "nfs.csi.k8s.io"},
		{"netshare", "nfs.csi.k8s.io"},
		{"cephfs", "cephfs.csi.ceph.com"},
		{"ceph", "cephfs.csi.ceph.com"},
		{"rbd", "rbd.csi.ceph.com"},
		{"juicefs", "csi.juicefs.com"},
		{"efs", "efs.csi.aws.com"},
		{"ebs", "ebs.csi.aws.com"},
		{"s3", "s3.csi.aws.com"},
		{"gce", "pd.csi.storage.gke.io"},
		{"gcs", "gcsfuse.csi.storage.gke.io"},
		{"azurefile", "file.csi.azure.com"},
		{"azure", "disk.csi.azure.com"},
		{"vsphere", "csi.vsphere.vmware.com"},
		{"cinder", "cinder.csi.openstack.org"},
		{"dobs", "dobs.csi.digitalocean.com"},
		{"hetzner", "csi.hetzner.cloud"},
		{"linode", "linodebs.csi.linode.com"},
		{"longhorn", "driver.longhorn.io"},
		{"portworx", "pxd.portworx.com"},
		{"pxd", "pxd.portworx.com"},
		{"netapp", "csi.trident.netapp.io"},
		{"trident", "csi.trident.netapp.io"},
	} {
		if strings.Contains(strings.ToLower(kind), d[0]) {
			return fmt.Sprintf("install the CSI driver %s and name its storage class with %s", d[1], flag)
		}
	}
	return "name a storage class that does the same with " + flag
}

// mountOptions are those of the option o.
func mountOptions(opts types.Options) []string {
	return slices.DeleteFunc(strings.Split(opts["o"], ","), func(o string) bool { return o == "" })
}

// nfs reads the server, the folder and the other options of a mount:
// o: addr=HOST,... and device: :/PATH.
func (a *app) nfs(c *claim, path diag.Path) {
	e := &workload.Export{}
	opts := c.config.DriverOpts
	host, folder, found := strings.Cut(opts["device"], ":")
	if !found {
		host, folder = "", opts["device"]
	}
	e.Server, e.Path = host, folder
	versioned := false
	for _, option := range mountOptions(opts) {
		name, value, _ := strings.Cut(option, "=")
		switch name {
		case "addr":
			e.Server = value
		case "rw":
		case "vers", "nfsvers":
			versioned = true
			fallthrough
		default:
			e.MountOptions = append(e.MountOptions, option)
		}
	}
	if opts["type"] == "nfs4" && !versioned {
		e.MountOptions = append(e.MountOptions, "nfsvers=4")
	}
	if e.Server == "" || !strings.HasPrefix(e.Path, "/") {
		a.report(diag.Warning, finding{
			code:    "volume-nfs",
			summary: "name no server and folder: the volume becomes a claim of the storage class",
			hint:    `write o: "addr=SERVER" and device: ":/FOLDER"`,
		}, path)
		return
	}
	c.storage, c.export = exported, e
}

// volumeInMemory keeps a volume in the memory of its pod. Docker shares it among
// all containers of the machine.
func (a *app) volumeInMemory(c *claim, path diag.Path) {
	c.storage = inMemory
	for _, option := range mountOptions(c.config.DriverOpts) {
		name, value, _ := strings.Cut(option, "=")
		if name != "size" {
			a.report(diag.Note, finding{
				code: "tmpfs-option", summary: fmt.Sprintf("option %q has no counterpart: an emptyDir has mode 0777 and no mount options", option),
			}, below(path, "o"))
			continue
		}
		if err := c.size.DecodeMapstructure(value); err != nil {
			a.report(diag.Warning, finding{code: "tmpfs-size", summary: fmt.Sprintf("%q is not a size: there is no limit", value)}, below(path, "o"))
		}
	}
	pods := 0
	for name := range c.pods {
		service := a.project.Services[name]
		pods += max(1, service.GetScale())
	}
	if pods > 1 {
		a.report(diag.Warning, finding{
			code: "volume-memory", summary: fmt.Sprintf("is a folder in memory that all containers share in Docker; here each pod of %s has its own", strings.Join(sortedSet(c.pods), ", ")),
			hint: "use a volume that is not in memory",
		}, below(path, "type"))
	}
}

// direct returns the source of a volume that a pod mounts without a claim.
func (c *claim) direct() (corev1.VolumeSource, bool) {
	switch c.storage {
	case inMemory:
		dir := &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}
		if c.size > 0 {
			dir.SizeLimit = resource.NewQuantity(int64(c.size), resource.BinarySI)
		}
		return corev1.VolumeSource{EmptyDir: dir}, true
	case ephemeral:
		return corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: c.wish.Size}}, true
	case onNode:
		return corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: c.config.DriverOpts["device"]}}, true
	default:
		return corev1.VolumeSource{}, false
	}
}

// clusterVolume tells of a volume that Swarm makes by a CSI driver of its own.
func (u *unit) clusterVolume(key []string) {
	u.warn(finding{
		code:    "volume-cluster",
		summary: "is a cluster volume of Swarm: it becomes a claim of the storage class, without the settings under x-cluster-spec",
		hint:    "name a class of the same CSI driver with --storage-class",
	}, key...)
}
