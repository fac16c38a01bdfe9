package rules

import (
	"fmt"
	"path"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"

	"gantry/charts/diag"
	"gantry/charts/pattern"
)

// filled are the places where images keep files that an application needs, and
// that a volume hides.
var filled = pattern.Lazy(`^/(etc|usr|opt|var/www)(/|$)|^/(app|code)$|/(node_modules|vendor|public|static|dist|site-packages)$`)

// copyUp fills a named volume with what the image has at its place, as Docker
// does while the volume is empty, or tells that nobody does. It warns where other pods
// mount the volume: they are there for what one image has.
func (u *unit) copyUp(m types.ServiceVolumeConfig, c *claim, key []string) {
	noCopy := m.Volume != nil && (m.Volume.NoCopy || m.Volume.Subpath != "")
	switch {
	case noCopy || m.ReadOnly || isDatastore(u.in.Image):
	case u.seeds():
		u.seed(m.Target)
		u.note(finding{
			code:    "volume-seeded",
			summary: fmt.Sprintf("is filled with what the image has at %s while it is empty, by an init container that runs as root", m.Target),
			hint:    "set nocopy: true on volumes that begin empty",
		}, key...)
	case filled().MatchString(m.Target):
		severity := diag.Note
		if len(c.pods) > 1 {
			severity = diag.Warning
		}
		u.say(severity, finding{
			code:    "volume-copy-up",
			summary: fmt.Sprintf("starts empty, where Docker copies what the image has at %s into a new volume", m.Target),
			hint:    "pass --seed-volumes, or set nocopy: true where nothing is missing",
		}, key)
	}
}

// seeds reports whether init containers fill the empty volumes of the unit.
func (u *unit) seeds() bool {
	return u.opts.SeedVolumes && !u.isHook() && u.seat().role == steady
}

// seedTarget is where the container that fills a volume mounts it: at its own place
// it would hide what is to be copied.
const seedTarget = "/gantry-seed"

// filesTarget is where that container mounts files of the project, in a folder of
// their own: beside it a ConfigMap has links of the kubelet's.
const filesTarget = "/gantry-files"

// seedScript copies the folder $1 into the volume $2, unless somebody did so before.
// Images without such a folder are left in peace, as by Docker. The verb is an option
// of cp.
const seedScript = `if [ -d "$1" ] && [ -z "$(ls -A "$2" | grep -vx lost+found)" ]; then cp %s "$1/." "$2/"; fi`

// seed fills what is mounted at a place with what the image has there. Owners and
// modes are kept, which takes root.
func (u *unit) seed(target string) {
	for _, mount := range u.mountsAt(target) {
		c := u.seeder(mount, "-a", target)
		c.SecurityContext = &corev1.SecurityContext{RunAsUser: new(int64(0)), RunAsNonRoot: new(false)}
		u.pod().InitContainers = append(u.pod().InitContainers, c)
	}
}

// seedFiles fills a claim that stands in for a folder with the files that are there.
// They belong to whoever runs the service, who may then write to them.
func (u *unit) seedFiles(m types.ServiceVolumeConfig, source string, files []treeFile, key []string) {
	const folder = "files"
	volume := u.podVolume(u.filesVolume(m, source, folder, files, key))
	for _, mount := range u.mountsAt(m.Target) {
		c := u.seeder(mount, "-R", path.Join(filesTarget, folder))
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: volume, MountPath: filesTarget, ReadOnly: true})
		if own := u.container.SecurityContext; own != nil && own.RunAsUser != nil {
			c.SecurityContext = &corev1.SecurityContext{RunAsUser: own.RunAsUser, RunAsGroup: own.RunAsGroup}
		}
		u.pod().InitContainers = append(u.pod().InitContainers, c)
	}
}

// seeder is a container that copies a folder into what is mounted.
func (u *unit) seeder(mount corev1.VolumeMount, options, folder string) corev1.Container {
	mount.MountPath = seedTarget
	return corev1.Container{
		Name:            limitName(u.object+"-seed-"+mount.Name, maxName),
		Image:           u.container.Image,
		ImagePullPolicy: u.container.ImagePullPolicy,
		Command:         []string{"sh", "-c", kubeletEscape(fmt.Sprintf(seedScript, options)), "sh", kubeletEscape(folder), seedTarget},
		VolumeMounts:    []corev1.VolumeMount{mount},
	}
}
