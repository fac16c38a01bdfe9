package helm

import (
	"strings"

	"gantry/convert/manifest"
	"gantry/convert/workload"
)

// objectID names an object of an application.
type objectID struct{ kind, name string }

func idOf(o manifest.Object) objectID { return objectID{o.Kind(), o.GetName()} }

// path returns the name of an object's template below templates/.
func (b *builder) path(o manifest.Object) string { return b.paths[idOf(o)] }

// folder returns the folder of a service's templates, or "".
func folder(o manifest.Object) string {
	if o.Service == "" {
		return ""
	}
	if name := o.GetLabels()[workload.LabelName]; name != "" {
		return name
	}
	return chartName(o.Service)
}

// findPaths gives every object a file: a folder for each service, and in it the
// kind, followed by what tells the object from others of its kind.
func findPaths(objects []manifest.Object) map[objectID]string {
	paths, taken := map[objectID]string{}, map[string]bool{}
	for _, o := range objects {
		kind, name, dir := shortKind(o.Kind()), o.GetName(), folder(o)
		if o.Kind() == "Job" {
			name = strings.TrimSuffix(name, jobHash().FindString(name))
		}
		file := kind + "-" + strings.TrimPrefix(name, dir+"-")
		if name == dir {
			file = kind
		}
		if dir != "" {
			dir += "/"
		}
		if taken[dir+file] {
			file = kind + "-" + o.GetName()
		}
		taken[dir+file] = true
		paths[idOf(o)] = dir + file + ".yaml"
	}
	return paths
}

// shortKind is what people call a kind.
func shortKind(kind string) string {
	switch kind {
	case "PersistentVolumeClaim":
		return "pvc"
	case "PersistentVolume":
		return "pv"
	case "HorizontalPodAutoscaler":
		return "hpa"
	case "PodDisruptionBudget":
		return "pdb"
	default:
		return strings.ToLower(kind)
	}
}
