package rules

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/compose-spec/compose-go/v2/types"

	"gantry/charts"
	"gantry/charts/diag"
	"gantry/charts/pattern"
	"gantry/convert/compose"
	"gantry/convert/extension"
	"gantry/convert/workload"
)

// takeOutCharts takes the services out of the project in whose place charts of
// others run: no other rule sees them.
func (a *app) takeOutCharts() {
	for _, name := range slices.Sorted(maps.Keys(a.project.Services)) {
		if a.ext.Service(name).Chart != nil {
			a.charted[name] = a.project.Services[name]
			delete(a.project.Services, name) // scaled has made the map anew
		}
	}
}

// dependencies hands on the charts that run in place of services.
func (a *app) dependencies() {
	for _, name := range slices.Sorted(maps.Keys(a.charted)) {
		a.dependency(name, a.ext.Service(name).Chart)
	}
	for _, name := range slices.Sorted(maps.Keys(a.project.Services)) {
		a.reachCharts(name, a.project.Services[name])
	}
	a.shutOutCharts()
}

// shutOutCharts tells of networks whose NetworkPolicy lets their pods reach their
// own members alone: the pods of a chart are none of them.
func (a *app) shutOutCharts() {
	if !a.opts.NetworkPolicies {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(a.charted)) {
		for _, network := range slices.Sorted(maps.Keys(a.charted[name].Networks)) {
			if a.project.Networks[network].Internal && len(a.ext.Network(network).Egress) == 0 {
				a.report(diag.Warning, finding{
					code: "chart", summary: fmt.Sprintf("is internal: its pods cannot reach %s, in whose place a chart runs", name),
					hint: "admit its pods under x-kubernetes.egress of the network",
				}, diag.Path{"networks", network})
			}
		}
	}
}

func (a *app) dependency(name string, ext *extension.Chart) {
	path := diag.Path{"services", name, extension.Key, "chart"}
	a.onlyChart(name)
	c := &workload.Chart{
		Service: name, Host: a.names[name], Name: ext.Name, Version: ext.Version, Repository: ext.Repository, Alias: ext.Alias, Values: map[string]any{},
	}
	setDefault(&c.Alias, a.names[name])
	if !a.checkChart(c, path) {
		return
	}
	c.Values["fullnameOverride"] = c.Host
	maps.Copy(c.Values, ext.Values)
	var hidden []diag.Path
	c.Values, c.Secrets = a.parted(c.Values, below(path, "values"), &hidden)
	a.out.Charts = append(a.out.Charts, c)
	if !a.opts.Dependencies {
		a.report(diag.Warning, finding{
			code:    "chart",
			summary: fmt.Sprintf("is no object: nothing is created here for the chart %s %s", c.Name, c.Version),
			hint:    "make a chart that depends on it with: gantry chart create",
		}, path)
		return
	}
	a.report(diag.Note, finding{
		code:    "chart",
		summary: fmt.Sprintf("runs in place of the service, as a chart that this one depends on: it is reached as %v if it has a fullnameOverride, as most charts do", c.Values["fullnameOverride"]),
	}, path)
	for _, at := range hidden {
		a.report(diag.Warning, finding{
			code: "chart-secret", summary: "is left out of the chart, which holds no secrets", hint: "write it to a file with --secret-values, or name a Secret that exists if the chart takes one",
		}, at)
	}
}

// onlyChart refuses what x-kubernetes says of objects that there will not be.
func (a *app) onlyChart(name string) {
	fields, ok := a.charted[name].Extensions[extension.Key].(map[string]any)
	if !ok {
		return
	}
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		if field != "chart" && field != "name" {
			a.report(diag.Error, finding{
				code: "extension-chart", summary: "has no effect: a chart runs in place of the service", hint: "say it in chart.values, as the chart wants it, or remove it",
			}, diag.Path{"services", name, extension.Key, field})
		}
	}
}

var (
	chartNames = pattern.Lazy(`^[a-zA-Z0-9._-]+$`)
	aliases    = pattern.Lazy(`^[a-zA-Z0-9_-]+$`)
)

// checkChart reports what helm would not take, at the field that says it.
func (a *app) checkChart(c *workload.Chart, path diag.Path) bool {
	ok := true
	fail := func(field, summary, hint string) {
		ok = false
		a.report(diag.Error, finding{code: "extension-chart", summary: summary, hint: hint}, below(path, field))
	}
	if !chartNames().MatchString(c.Name) || strings.Trim(c.Name, ".") == "" {
		fail("name", fmt.Sprintf("%q is no name of a chart", c.Name), "put what stands before the name into repository")
	}
	if _, err := semver.NewConstraint(c.Version); err != nil {
		fail("version", fmt.Sprintf("%q is neither a version nor a range", c.Version), "write a version such as 16.4.1, or a range such as ^16.4")
	}
	if !aliases().MatchString(c.Alias) {
		fail("alias", fmt.Sprintf("%q is no alias: it has letters, digits, hyphens and underscores", c.Alias), "")
	}
	for other, object := range a.names {
		if object == c.Alias && other != c.Service {
			fail("alias", fmt.Sprintf("%q is the name of another service", c.Alias), "choose another, or leave it out")
		}
	}
	u, err := url.Parse(c.Repository)
	switch {
	case strings.HasPrefix(c.Repository, "@") && len(c.Repository) > 1, strings.HasPrefix(c.Repository, "alias:"):
	case err != nil || !slices.Contains([]string{"https", "http", "oci", "file"}, u.Scheme) || u.Host+u.Path == "":
		fail("repository", "is no repository", "write its URL (https://, oci:// or file://), or @NAME of a configured one; see: gantry repo list")
	case u.User != nil:
		fail("repository", "holds credentials, which would be in the chart", "leave them out, and configure them with: gantry repo add")
	}
	return ok
}

// parted parts the values that must not be shown from the others, and says where
// they are.
func (a *app) parted(values map[string]any, path diag.Path, hidden *[]diag.Path) (plain, secret map[string]any) {
	plain, secret = map[string]any{}, map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		switch v := values[key].(type) {
		case map[string]any:
			p, s := a.parted(v, below(path, key), hidden)
			if len(s) > 0 {
				secret[key] = s
			}
			if len(p) > 0 || len(s) == 0 {
				plain[key] = p
			}
		case string:
			if v != "" && charts.IsSecretName(key) && !refersToSecret(key) {
				secret[key] = v
				*hidden = append(*hidden, below(path, key))
				continue
			}
			plain[key] = v
		default:
			plain[key] = v
		}
	}
	return plain, secret
}

// references are words in the keys of values that name a Secret, or a key in one.
var references = pattern.Lazy(`(?i)^existing|(name|ref|path|file|passwordkey)s?$`)

func refersToSecret(key string) bool { return references().MatchString(key) }

// reachCharts tells of what a service says of another in whose place a chart runs,
// if that only works between containers of one application.
func (a *app) reachCharts(name string, s types.ServiceConfig) {
	warn := func(summary string, key ...string) {
		a.report(diag.Warning, finding{code: "chart", summary: summary, hint: "see what the chart offers for it"}, slices.Concat(diag.Path{"services", name}, key))
	}
	for _, n := range namespaces(&s) {
		if to, ok := strings.CutPrefix(n.value, "service:"); ok && a.isCharted(to) {
			warn(fmt.Sprintf("shares its %s with %s, in whose place a chart runs: it gets a pod of its own", n.what, to), n.key)
		}
	}
	for i, from := range s.VolumesFrom {
		if to, _ := a.volumesFrom(from); a.isCharted(to) {
			warn(fmt.Sprintf("nothing is mounted: a chart runs in place of %s", to), "volumes_from", strconv.Itoa(i))
		}
	}
	for i, link := range s.Links {
		if to, alias, ok := strings.Cut(link, ":"); ok && a.isCharted(to) && alias != a.names[to] {
			warn(fmt.Sprintf("%s does not resolve: a chart runs in place of %s, which is reached as %s", alias, to, a.names[to]), "links", strconv.Itoa(i))
		}
	}
	if d := s.DependsOn; d != nil {
		for _, to := range slices.Sorted(maps.Keys(d)) {
			if d[to].Condition == types.ServiceConditionCompletedSuccessfully && a.isCharted(to) {
				warn(fmt.Sprintf("is not waited for: a chart runs in place of %s", to), "depends_on", to)
			}
		}
	}
}

func (a *app) isCharted(service string) bool {
	_, ok := a.charted[service]
	return ok
}

// chartRow answers for the keys of a service in whose place a chart runs. What
// x-kubernetes says of it is answered for like any other extension.
func chartRow(project *compose.Project, path diag.Path) (Row, bool) {
	if len(path) < 3 || path[0] != "services" || path[2] == "profiles" {
		return Row{}, false
	}
	said, ok := project.Services[path[1]].Extensions[extension.Key].(map[string]any)
	if !ok {
		return Row{}, false
	}
	chart, ok := said["chart"].(map[string]any)
	if !ok {
		return Row{}, false
	}
	return Row{
		Path: "services.*." + path[2], Outcome: Ignored, Report: Note,
		Text: fmt.Sprintf("is not read: the chart %v runs in place of the service, by chart.values", chart["name"]),
	}, true
}
