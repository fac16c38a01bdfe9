package helm

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"gantry/charts"
	"gantry/convert/manifest"
	"gantry/convert/workload"
)

// vote is what speaks for a version of the application: it is that of services named as
// the application is, or that most of its services have, or else that of those that are
// reached from outside, and on which no other depends. Numbers that are less count more.
type vote struct {
	version                      string
	named, count, inside, needed int
}

func (v *vote) compare(other *vote) int {
	return cmp.Or(v.named-other.named, other.count-v.count, v.inside-other.inside, v.needed-other.needed)
}

// appVersion is the version of the application, or "" where its images do not tell: it
// is better not said than that of something else.
func (b *builder) appVersion() string {
	votes, needed, behind := map[string]*vote{}, b.needed(), b.behindProxy()
	for _, o := range b.own() {
		one := &vote{version: versionOf(o), named: b.calledSo(o), needed: needed[o.GetLabels()[workload.LabelName]]}
		if !behind {
			one.inside = b.inside(o)
		}
		v := votes[one.version]
		if v == nil {
			v, votes[one.version] = one, one
		}
		v.count++
		v.named, v.inside, v.needed = min(v.named, one.named), min(v.inside, one.inside), min(v.needed, one.needed)
	}
	sorted := slices.SortedFunc(maps.Values(votes), (*vote).compare)
	if len(sorted) == 0 || len(sorted) > 1 && sorted[0].compare(sorted[1]) == 0 {
		return ""
	}
	return sorted[0].version
}

// own returns the workloads of the application itself; those that are not installed by
// default are of it where there are no others.
func (b *builder) own() []manifest.Object {
	var installed, others []manifest.Object
	for _, o := range b.objects {
		switch {
		case !isWorkload(o.Kind()) || b.src.Own != nil && !slices.Contains(b.src.Own, o.Service):
		case slices.Contains(b.src.Disabled, o.Service):
			others = append(others, o)
		default:
			installed = append(installed, o)
		}
	}
	if len(installed) == 0 {
		return others
	}
	return installed
}

// needed has 1 for the components of workloads on which others depend.
func (b *builder) needed() map[string]int {
	needed := map[string]int{}
	for _, o := range b.objects {
		for _, component := range dependencies(o) {
			needed[component] = 1
		}
	}
	return needed
}

// dependencies are the components that a workload comes after.
func dependencies(o manifest.Object) []string {
	var components []string
	for entry := range strings.SplitSeq(o.GetAnnotations()[charts.DependsOn], ", ") {
		component, _, _ := strings.Cut(entry, "=")
		components = append(components, component)
	}
	return components
}

// behindProxy reports whether something else is reached in the place of the application:
// a proxy that comes after services of it. Which of these is reached by itself says
// nothing then.
func (b *builder) behindProxy() bool {
	own := b.own()
	return slices.ContainsFunc(b.objects, func(o manifest.Object) bool {
		others := dependencies(o)
		return isWorkload(o.Kind()) && b.inside(o) < unreached && !slices.Contains(b.src.Own, o.Service) &&
			slices.ContainsFunc(own, func(mine manifest.Object) bool { return slices.Contains(others, mine.GetLabels()[workload.LabelName]) })
	})
}

// calledSo is 0 where a workload's service or image is called as the application is, and 1
// where the name begins so.
func (b *builder) calledSo(o manifest.Object) int {
	names := []string{o.Service}
	if pod := podOf(o); len(pod.Containers) > 0 {
		names = append(names, path.Base(splitImage(pod.Containers[0].Image).repository))
	}
	switch {
	case slices.Contains(names, b.src.Name):
		return 0
	case slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, b.src.Name+"-") }):
		return 1
	default:
		return 2
	}
}

// languages are images that run what somebody mounts into them: their tags are the
// versions of languages.
func languages() []string {
	return []string{
		"node", "python", "php", "ruby", "golang", "rust", "openjdk", "eclipse-temurin", "amazoncorretto", "maven", "gradle", "deno", "bun", "perl", "elixir", "erlang",
		"aspnet", "sdk", "runtime", "composer", "tomcat", "bash",
	}
}

// versionOf is the tag of a workload's image, or what its label says. A tag without a
// number, such as stable, is the name of whatever is newest.
func versionOf(o manifest.Object) string {
	if pod := podOf(o); len(pod.Containers) > 0 {
		image := splitImage(pod.Containers[0].Image)
		if strings.ContainsAny(image.tag, "0123456789") && !slices.Contains(languages(), path.Base(image.repository)) {
			return image.tag
		}
	}
	return o.GetAnnotations()[label+"version"]
}
