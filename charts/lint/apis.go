package lint

import (
	"fmt"
	"strconv"
	"strings"

	"helm.sh/helm/v3/pkg/chartutil"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"

	"gantry/charts/diag"
)

// minor is a release of Kubernetes 1: 25 is 1.25, and 0 none.
type minor int

func (m minor) String() string { return "1." + strconv.Itoa(int(m)) }

// life says in which releases of Kubernetes an API version became deprecated and
// was removed, and what takes its place.
type life struct {
	deprecated, removed minor
	instead             string
}

// lifeOf returns the life of a kind in an API version; zero for what is not
// Kubernetes' own, and for what stays.
func lifeOf(apiVersion, kind string) life {
	if l, ok := forgotten(apiVersion + " " + kind); ok {
		return l
	}
	o, err := scheme.Scheme.New(schema.FromAPIVersionAndKind(apiVersion, kind))
	if err != nil {
		return life{}
	}
	var l life
	if d, ok := o.(interface{ APILifecycleDeprecated() (int, int) }); ok {
		_, release := d.APILifecycleDeprecated()
		l.deprecated = minor(release)
	}
	if r, ok := o.(interface{ APILifecycleRemoved() (int, int) }); ok {
		_, release := r.APILifecycleRemoved()
		l.removed = minor(release)
	}
	if r, ok := o.(interface {
		APILifecycleReplacement() schema.GroupVersionKind
	}); ok {
		l.instead = r.APILifecycleReplacement().GroupVersion().String() + " " + kind
	}
	return l
}

// forgotten are API versions that Kubernetes' own libraries do not know any more.
func forgotten(what string) (life, bool) {
	const admission = "the label pod-security.kubernetes.io/enforce of namespaces"
	l, ok := map[string]life{
		"apiregistration.k8s.io/v1beta1 APIService":   {19, 22, "apiregistration.k8s.io/v1 APIService"},
		"autoscaling/v2beta1 HorizontalPodAutoscaler": {22, 25, "autoscaling/v2 HorizontalPodAutoscaler"},
		"autoscaling/v2beta2 HorizontalPodAutoscaler": {23, 26, "autoscaling/v2 HorizontalPodAutoscaler"},
		"extensions/v1beta1 PodSecurityPolicy":        {10, 16, admission},
		"policy/v1beta1 PodSecurityPolicy":            {21, 25, admission},
	}[what]
	return l, ok
}

// removedAPIs finds objects that the API server of the target version does not
// take.
func removedAPIs(s *subject) diag.List {
	return s.aging(func(o object, l life, target minor) (string, bool) {
		return fmt.Sprintf("is of %s, which Kubernetes %s removed: no API server of Kubernetes %s takes it", o.APIVersion, l.removed, target), l.removed > 0 && target >= l.removed
	})
}

// deprecatedAPIs finds objects that the API server of the target version takes,
// and that of a later one does not.
func deprecatedAPIs(s *subject) diag.List {
	return s.aging(func(o object, l life, target minor) (string, bool) {
		until := ""
		if l.removed > 0 {
			until = fmt.Sprintf(", and removed in %s", l.removed)
		}
		return fmt.Sprintf("is of %s, which is deprecated since Kubernetes %s%s", o.APIVersion, l.deprecated, until),
			l.deprecated > 0 && target >= l.deprecated && (l.removed == 0 || target < l.removed)
	})
}

// aging lists the objects of which something is to be said at the target version.
func (s *subject) aging(say func(o object, l life, target minor) (string, bool)) diag.List {
	target, known := targetOf(s.kube)
	if !known {
		return nil
	}
	var list diag.List
	for _, o := range s.objects {
		l := lifeOf(o.APIVersion, o.Kind)
		text, ok := say(o, l, target)
		if !ok {
			continue
		}
		d := o.problem(nil, "%s", text)
		if l.instead != "" {
			d.Hint = "use " + l.instead + " instead"
		}
		list.Add(d)
	}
	return list
}

// targetOf reads the release of a version of Kubernetes.
func targetOf(v *chartutil.KubeVersion) (minor, bool) {
	n, err := strconv.Atoi(strings.TrimSuffix(v.Minor, "+"))
	return minor(n), err == nil && v.Major == "1"
}
