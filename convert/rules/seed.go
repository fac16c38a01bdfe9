package rules

import (
	"fmt"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"

	"gantry/charts/pattern"
)

// filled are the places where images keep files that an application needs, and
// that a volume hides.
var filled = pattern.Lazy(`^/(etc|usr|opt|var/www)(/|$)|^/(app|code)$|/(node_modules|vendor|public|static|dist|site-packages)$`)

// copyUp fills a named volume with what the image has at its place, as Docker
// does while the volume is empty, or tells that nobody does.
func (u *unit) copyUp(m types.ServiceVolumeConfig, key []string) {
	noCopy := m.Volume != nil && (m.Volume.NoCopy || m.Volume.Subpath != "")
	switch {
	case noCopy || m.ReadOnly || isDatastore(u.in.Image):
	case u.opts.SeedVolumes && !u.isHook() && u.seat().role == steady:
		u.seed(m.Target)
		u.note(finding{
			code:    "volume-seeded",
			summary: fmt.Sprintf("is filled with what the image has at %s while it is empty, by an init container that runs as root", m.Target),
			hint:    "set nocopy: true on volumes that begin empty",
		}, key...)
	case filled().MatchString(m.Target):
		u.note(finding{
			code:    "volume-copy-up",
			summary: fmt.Sprintf("starts empty, where Docker copies what the image has at %s into a new volume", m.Target),
			hint:    "pass --seed-volumes, or set nocopy: true where nothing is missing",
		}, key...)
	}
}

// seedTarget is where the container that fills a volume mounts it: at its own place
// it would hide what is to be copied.
const seedTarget = "/gantry-seed"

// seedScript copies the folder $1 of the image into the volume $2, unless somebody
// did so before. Images without such a folder are left in peace, as by Docker.
const seedScript = `if [ -d "$1" ] && [ -z "$(ls -A "$2" | grep -vx lost+found)" ]; then cp -a "$1/." "$2/"; fi`

// seed adds the init container that fills what is mounted at a place. Owners and
// modes are kept, which takes root.
func (u *unit) seed(target string) {
	for _, mount := range u.mountsAt(target) {
		mount.MountPath = seedTarget
		u.pod().InitContainers = append(u.pod().InitContainers, corev1.Container{
			Name:            limitName(u.object+"-seed-"+mount.Name, maxName),
			Image:           u.container.Image,
			ImagePullPolicy: u.container.ImagePullPolicy,
			Command:         []string{"sh", "-c", kubeletEscape(seedScript), "sh", kubeletEscape(target), seedTarget},
			SecurityContext: &corev1.SecurityContext{RunAsUser: new(int64(0)), RunAsNonRoot: new(false)},
			VolumeMounts:    []corev1.VolumeMount{mount},
		})
	}
}
