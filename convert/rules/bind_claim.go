package rules

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"

	"gantry/charts/diag"
)

// standIn is what a claim stands in for.
type standIn struct {
	// why continues its path.
	why string
	// file tells that it is one file.
	file bool
	// files are what lies there, where the claim may be filled with it.
	files []treeFile
	// fills tells that it is.
	fills bool
}

// bindClaim mounts a claim in place of a folder: it starts empty, unless the user asks
// for it to be filled. Services that share the folder share the claim.
func (u *unit) bindClaim(m types.ServiceVolumeConfig, source string, in standIn, key []string) {
	nested, isNested := u.below[m.Source]
	root, whole := source, m.Source
	if isNested && nested.why == "" {
		root, whole = filepath.Clean(nested.root), nested.root
	}
	shared := u.folders[whole]
	pods := sortedSet(shared.pods)
	base := path.Base(filepath.ToSlash(root))
	wanted := u.names[u.podOf(u.name)] + "-" + plainStart(base)
	if len(pods) > 1 {
		wanted = base
	}
	name := u.kindNames("PersistentVolumeClaim").unique(objectName(wanted), "bind "+u.shown(root))
	in.fills = len(in.files) > 0 && !shared.database && u.seeds()
	switch {
	case u.bound[name] == nil:
		if root != source {
			in = standIn{why: "is mounted as well"}
		}
		u.reportClaim(root, name, in, pods, key)
		u.boundClaim(name, pods)
	case root == source:
		u.note(finding{code: "bind-claim", summary: fmt.Sprintf("%s is the PersistentVolumeClaim %s here as well", u.shown(source), name)}, key...)
	}
	mount := corev1.VolumeMount{MountPath: m.Target, ReadOnly: m.ReadOnly}
	switch {
	case in.file:
		mount.SubPath = base
	case shared.database:
		mount.SubPath = objectName(base)
	}
	if isNested {
		u.reportBelow(source, name, nested, key)
	}
	if root != source {
		mount.SubPath = path.Join(mount.SubPath, nested.at)
	}
	u.mount(claimVolume(base, name), mount)
	if in.fills && !m.ReadOnly {
		u.seedFiles(m, source, in.files, key)
	}
}

// boundClaim adds the claim that pods mount in place of a folder.
func (u *unit) boundClaim(name string, pods []string) {
	c := u.newClaim(name)
	if len(pods) > 1 {
		c.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}
	} else {
		c.Service = u.podOf(u.name)
	}
	if u.ext.Storage != nil {
		shape(c, *u.ext.Storage)
	}
	u.bound[name] = c
	u.out.Claims = append(u.out.Claims, c)
}

// reportClaim says what a claim stands in for, what is in it, and who shares it.
func (u *unit) reportClaim(source, name string, in standIn, pods []string, key []string) {
	content, becomes, severity := "starts empty", "", diag.Warning
	if in.fills {
		content, severity = fmt.Sprintf("is filled with the files of the folder (%d) while it is empty", len(in.files)), diag.Note
	}
	n := u.in.GetScale()
	switch {
	case len(pods) > 1:
		becomes, severity = fmt.Sprintf(" and is shared by %s: its storage must be one that many nodes can mount", strings.Join(pods, ", ")), diag.Warning
	case n > 1 && !u.group.runsOnce():
		becomes, severity = fmt.Sprintf(" and is shared by %d replicas, which must run on one node", n), diag.Warning
	}
	f := finding{
		code:    "bind-claim",
		summary: fmt.Sprintf("%s %s: it becomes the PersistentVolumeClaim %s, which %s%s", u.shown(source), in.why, name, content, becomes),
	}
	switch {
	case in.fills:
	case in.file:
		f.hint = fmt.Sprintf("copy it into the claim as %s before the pod starts, which makes a folder otherwise; or build it into the image", path.Base(filepath.ToSlash(source)))
	case len(in.files) > 0 && !u.opts.SeedVolumes:
		f.hint = fmt.Sprintf("pass --seed-volumes to fill it with the files that are there (%d), or add :ro if the service only reads them", len(in.files))
	default:
		f.hint = "copy what the service needs into the image or into the claim"
	}
	u.say(severity, f, key)
}
