package rules

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"gantry/charts/diag"
	"gantry/convert/compose"
)

// belowFolder is where a folder of this machine lies that is mounted apart from the folder above
// it: what the one service saves in ./media/new, the other finds in ./media.
type belowFolder struct {
	// root is the folder above it, and at the way from there.
	root, at string
	// why its claim is another one all the same; "" where it is that of the root.
	why string
}

// nestFolders finds the folders below others that become claims. They are in the claim of
// the outermost, so that the services see each other's files as they do on one machine.
func (a *app) nestFolders() {
	var sources []string
	claims := map[string]string{} // by path, what mounts call it
	for _, source := range slices.Sorted(maps.Keys(a.folders)) {
		if a.becomesClaim(source) {
			sources = append(sources, source)
			claims[filepath.Clean(source)] = source
		}
	}
	for _, source := range sources {
		above, found := a.outermost(source, claims)
		if !found {
			continue
		}
		root, c := a.folders[above], a.folders[source]
		at, _ := filepath.Rel(above, source)
		in := belowFolder{root: above, at: filepath.ToSlash(at)}
		switch {
		case c.database:
			in.why = "databases want storage of their own"
		case a.opts.SeedVolumes:
			in.why = "each is filled with its own files"
		default:
			maps.Copy(root.pods, c.pods)
			maps.Copy(root.writers, c.writers)
		}
		a.below[source] = in
	}
}

// outermost returns the claim of the folder that is the farthest above another one.
func (a *app) outermost(source string, claims map[string]string) (root string, found bool) {
	for dir, below := filepath.Dir(source), source; dir != below; dir, below = filepath.Dir(dir), dir {
		if above, isClaim := claims[dir]; isClaim && !a.holdsProject(dir) {
			root, found = above, true
		}
	}
	return root, found
}

// lies reports whether a path is below another.
func lies(name, root string) bool {
	rel, err := filepath.Rel(root, name)
	return err == nil && rel != "." && filepath.IsLocal(rel)
}

// holdsProject reports whether the project is in a folder: who mounts that wants the
// program, and not what others save somewhere in it.
func (a *app) holdsProject(folder string) bool {
	return filepath.Clean(folder) == filepath.Clean(a.project.WorkingDir) || lies(a.project.WorkingDir, folder)
}

// becomesClaim reports whether a claim is mounted in place of a folder, as [unit.bind]
// decides.
func (a *app) becomesClaim(source string) bool {
	switch info, err := a.project.Reach.Stat(source); {
	case isSystemPath(filepath.Clean(source)), strings.HasSuffix(source, "docker.sock"):
		return false
	case err != nil:
		return !looksLikeFile(source)
	case !info.IsDir():
		return false
	case a.folders[source].written:
		return true
	default:
		_, err := a.tree(source)
		return err != nil && !errors.Is(err, compose.ErrOutside)
	}
}

// reportBelow tells of a folder below another one: that it is in the same claim, or that
// it is not.
func (u *unit) reportBelow(source, claim string, in belowFolder, key []string) {
	if in.why == "" {
		u.note(finding{
			code: "bind-below", summary: fmt.Sprintf("%s is the folder %s of the PersistentVolumeClaim %s, which is mounted in place of %s", u.shown(source), in.at, claim, u.shown(filepath.Clean(in.root))),
		}, key...)
		return
	}
	u.say(diag.Warning, finding{
		code:    "bind-below",
		summary: fmt.Sprintf("%s lies in %s, which is mounted as well, and is a claim of its own: %s; who mounts the one does not see the other", u.shown(source), u.shown(filepath.Clean(in.root)), in.why),
		hint:    "mount the folder itself where its files are needed",
	}, key)
}
