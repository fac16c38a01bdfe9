package rules

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
)

// openFolders mounts the files of a folder one by one where something else is mounted
// below it. Docker makes the place for that in the folder; one of a ConfigMap is read-only,
// and the container would not be created.
func (u *unit) openFolders() {
	mounts := u.container.VolumeMounts
	var open []corev1.VolumeMount
	for _, m := range mounts {
		files := u.filesOf(m)
		if !slices.ContainsFunc(mounts, func(o corev1.VolumeMount) bool { return lacksPlace(m.MountPath, files, o.MountPath) }) {
			open = append(open, m)
			continue
		}
		u.reportOpen(m.MountPath)
		for _, file := range files {
			at := path.Join(m.MountPath, file)
			if !slices.ContainsFunc(mounts, func(o corev1.VolumeMount) bool { return o.MountPath == at }) {
				open = append(open, corev1.VolumeMount{Name: m.Name, ReadOnly: true, MountPath: at, SubPath: file})
			}
		}
	}
	u.container.VolumeMounts = open
}

// filesOf returns the files of a folder that is mounted from ConfigMaps and Secrets.
func (u *unit) filesOf(m corev1.VolumeMount) []string {
	i := slices.IndexFunc(u.pod().Volumes, func(v corev1.Volume) bool { return v.Name == m.Name })
	if i < 0 || m.SubPath != "" {
		return nil
	}
	var items []corev1.KeyToPath
	v := u.pod().Volumes[i]
	if v.ConfigMap != nil {
		items = append(items, v.ConfigMap.Items...)
	}
	if v.Secret != nil {
		items = append(items, v.Secret.Items...)
	}
	if v.Projected != nil {
		for _, source := range v.Projected.Sources {
			if source.ConfigMap != nil {
				items = append(items, source.ConfigMap.Items...)
			}
			if source.Secret != nil {
				items = append(items, source.Secret.Items...)
			}
		}
	}
	files := make([]string, 0, len(items))
	for _, item := range items {
		files = append(files, item.Path)
	}
	return files
}

// lacksPlace reports whether something is to be mounted below a folder of files, where
// the folder has nothing.
func lacksPlace(folder string, files []string, at string) bool {
	below, found := strings.CutPrefix(at, strings.TrimSuffix(folder, "/")+"/")
	return found && len(files) > 0 && !slices.ContainsFunc(files, func(f string) bool { return f == below || strings.HasPrefix(f, below+"/") })
}

// reportOpen tells that a folder of the image is no longer hidden.
func (u *unit) reportOpen(target string) {
	i := slices.IndexFunc(u.in.Volumes, func(m types.ServiceVolumeConfig) bool { return path.Clean(m.Target) == target })
	if i < 0 {
		return
	}
	u.note(finding{
		code: "bind-open", summary: "is mounted file by file, since something else is mounted below it: what the image has there is seen beside them",
	}, "volumes", strconv.Itoa(i))
}
