package helm

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"gantry/charts/pattern"
	"gantry/convert/manifest"
)

// hosts finds the names of Services in text.
type hosts struct {
	// found matches a name where only a host can stand, and whole a text that is a
	// list of names, with ports or without.
	found, whole *regexp.Regexp
	// pattern is the same for the template that replaces the names.
	pattern string
}

func newHosts(names []string) hosts {
	if len(names) == 0 {
		return hosts{}
	}
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = regexp.QuoteMeta(name)
	}
	one := "(?:" + strings.Join(quoted, "|") + ")"
	return hosts{
		pattern: strconv.Quote("(^|//|@|,|[(]|=)(" + strings.Join(quoted, "|") + ")(:[0-9]|[/,?;)]|$)"),
		found:   regexp.MustCompile(`(?://|@|\()` + one + `(?:[:/,?;)\s]|$)|(?:^|[\s,=])` + one + `:[0-9]`),
		whole:   regexp.MustCompile(`^(?:[^\s/@=]+,)*` + one + `(?:,[^\s/@=]+)*$`),
	}
}

// hostly are words in the names of variables that hold a host.
var hostly = pattern.Lazy(`(?i)host|server|addr|url|uri|dsn|endpoint|upstream|broker|node|peer|proxy|link|seed|gateway`)

// leads reports whether the value of a variable leads to a Service. A bare name
// may mean anything, such as a database that is called like the service: there
// the name of the variable decides.
func (h hosts) leads(variable, value string) bool {
	return h.mentioned(value) || h.whole != nil && h.whole.MatchString(value) && hostly().MatchString(variable)
}

// mentioned reports whether a text has the name of a Service where only a host can
// stand.
func (h hosts) mentioned(text string) bool { return h.found != nil && h.found.MatchString(text) }

// mentions lists where Services are named in text that a prefix does not change:
// people must know before they use one.
func (b *builder) mentions() []string {
	var places []string
	for _, o := range b.objects {
		switch c := b.configs[o.GetName()]; r := o.Resource.(type) {
		case *corev1.ConfigMap:
			for _, key := range slices.Sorted(maps.Keys(r.Data)) {
				if !c.variables && b.hosts.mentioned(r.Data[key]) {
					places = append(places, fmt.Sprintf("`%s` of ConfigMap %s", key, r.Name))
				}
			}
		default:
			places = append(places, b.podMentions(o)...)
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(b.secrets.values), secretKey.compare) {
		if b.hosts.mentioned(string(b.secrets.values[id])) {
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
		if slices.ContainsFunc(slices.Concat(c.Command, c.Args), b.hosts.mentioned) {
			places = append(places, fmt.Sprintf("the command of %s", c.Name))
		}
	}
	return places
}

func (k secretKey) compare(other secretKey) int {
	return cmp.Or(cmp.Compare(k.secret, other.secret), cmp.Compare(k.key, other.key))
}
