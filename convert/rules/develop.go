package rules

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// markSources marks the mounts that lay the source code of an image over what was
// built from it, and the anonymous volumes that keep folders of the image from being hidden
// by such a mount, as /app/node_modules below .:/app.
func (a *app) markSources(in *types.ServiceConfig, mounts []mount) {
	if a.ext.Service(in.Name).Storage != nil {
		return // the user has decided
	}
	contexts := a.contextsOf(in)
	for i, m := range mounts {
		source := filepath.Clean(m.Source)
		if m.Type != types.VolumeTypeBind || m.ReadOnly || isSystemPath(source) || !holdsOne(source, contexts) {
			continue // the root of a machine holds every context, and is no source code
		}
		if strings.HasPrefix(path.Clean(m.Target), "/etc/") {
			continue // settings, beside which the Dockerfile lies
		}
		mounts[i].develops = true
		for j, other := range mounts {
			if other.Type == types.VolumeTypeVolume && other.Source == "" && strings.HasPrefix(path.Clean(other.Target), path.Clean(m.Target)+"/") {
				mounts[j].develops = true
			}
		}
	}
}

// findContexts finds the folders that images are built from.
func (a *app) findContexts() {
	for _, s := range a.project.Services {
		if s.Build == nil || !filepath.IsAbs(s.Build.Context) {
			continue
		}
		folder := filepath.Clean(s.Build.Context)
		a.contexts[s.Name] = folder
		if s.Image != "" {
			a.builtFrom[s.Image] = append(a.builtFrom[s.Image], folder)
		}
	}
}

// contextsOf are the folders that the image of a service is built from, by itself or
// by another service.
func (a *app) contextsOf(in *types.ServiceConfig) []string {
	folders := a.builtFrom[in.Image]
	if own, ok := a.contexts[in.Name]; ok && !slices.Contains(folders, own) {
		folders = append(slices.Clone(folders), own)
	}
	return folders
}

// holdsOne reports whether one of the folders is the given one, or lies in it.
func holdsOne(folder string, others []string) bool {
	for _, other := range others {
		if rel, err := filepath.Rel(folder, other); err == nil && filepath.IsLocal(rel) {
			return true
		}
	}
	return false
}

// reportSource tells of a mount that only develops the image.
func (u *unit) reportSource(m mount) {
	if m.Type == types.VolumeTypeBind {
		u.warn(finding{
			code:    "bind-source",
			summary: u.shown(m.Source) + " is what the image is built from: it is not mounted over what the image has",
			hint:    "copy it into the image, if its Dockerfile does not; what must be kept belongs on a named volume",
		}, m.key...)
		return
	}
	u.note(finding{code: "volume-anonymous", summary: "keeps a folder of the image from a mount that is left out: nothing is mounted"}, m.key...)
}
