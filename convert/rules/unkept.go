package rules

import (
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"gantry/charts/diag"
)

// Images of datastores declare a volume for their data. Docker makes one where the file
// mounts none, and keeps it over restarts; a container of a pod begins anew each time.

// reportUnkept tells of a datastore that keeps its data in its container.
func (u *unit) reportUnkept() {
	if !isDatastore(u.in.Image) || u.isClient() || len(u.in.VolumesFrom)+len(u.in.Tmpfs) > 0 || slices.ContainsFunc(u.in.Volumes, u.keepsIn) {
		return
	}
	severity := diag.Warning
	if slices.Contains(caches(), imageName(u.in.Image)) {
		severity = diag.Note
	}
	u.report(severity, finding{
		code:    "data-unkept",
		summary: "mounts no volume for its data: every restart loses it, where Docker keeps it until docker compose down",
		hint:    "mount a named volume where the image keeps its data, or pass --image-info, which finds that out",
	}, u.path)
}

// isClient reports whether the image may not run its server: scripts that save or load data
// run in it as well.
func (u *unit) isClient() bool {
	return len(u.in.Entrypoint) > 0 || len(u.in.Command) > 0 && slices.Contains([]string{"sh", "bash"}, path.Base(u.in.Command[0]))
}

// caches are the datastores that many applications use for what they can make again.
func caches() []string { return []string{"redis", "valkey", "keydb"} }

// keepsIn reports whether a datastore may write its data to a mount, and not merely find
// settings or scripts there.
func (u *unit) keepsIn(m types.ServiceVolumeConfig) bool {
	if m.Type != types.VolumeTypeBind {
		return !m.ReadOnly
	}
	if m.ReadOnly || strings.Contains(m.Target, "entrypoint") || strings.HasPrefix(m.Target, "/etc/") {
		return false
	}
	info, err := u.project.Reach.Stat(m.Source)
	return err != nil || info.IsDir()
}
