package helm

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"gantry/convert/hosts"
	"gantry/convert/manifest"
)

// leads reports whether the value of a variable leads to a Service. A bare name may mean
// anything, such as a database that is called like the service: there the name of the
// variable decides.
func (b *builder) leads(variable, value string) bool {
	return hosts.Leads(b.isService, variable, value)
}

// mentioned reports whether a text has the name of a Service where only a host can stand.
func (b *builder) mentioned(text string) bool { return b.leads("", text) }

// isService reports whether the application has a Service of a name.
func (b *builder) isService(name string) bool { return b.exists("Service", name) }

// addressPattern is the expression by which a template finds Services in the values of
// variables, or "" where there are none.
func (b *builder) addressPattern() string {
	names := b.serviceNames()
	if len(names) == 0 {
		return ""
	}
	return strconv.Quote(hosts.Pattern(names))
}

// mentions lists where Services are named in text that a prefix does not change:
// people must know before they use one.
func (b *builder) mentions() []string {
	var places []string
	for _, o := range b.objects {
		switch c := b.configs[o.GetName()]; r := o.Resource.(type) {
		case *corev1.ConfigMap:
			for _, key := range slices.Sorted(maps.Keys(r.Data)) {
				if !c.variables && b.mentioned(r.Data[key]) {
					places = append(places, fmt.Sprintf("`%s` of ConfigMap %s", key, r.Name))
				}
			}
		default:
			places = append(places, b.podMentions(o)...)
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(b.secrets.values), secretKey.compare) {
		if b.mentioned(string(b.secrets.values[id])) {
			places = append(places, fmt.Sprintf("`%s` of Secret %s", id.key, id.secret))
		}
	}
	return slices.Compact(places)
}

// podMentions is mentions for the containers of a workload.
func (b *builder) podMentions(o manifest.Object) []string {
	pod := podOf(o)
	if pod == nil {
		return nil
	}
	var places []string
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		if slices.ContainsFunc(slices.Concat(c.Command, c.Args), b.mentioned) {
			places = append(places, fmt.Sprintf("the command of %s", c.Name))
		}
	}
	return places
}

func (k secretKey) compare(other secretKey) int {
	return cmp.Or(cmp.Compare(k.secret, other.secret), cmp.Compare(k.key, other.key))
}
