package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"gantry/charts/diag"
	"gantry/convert/compose"
	"gantry/convert/workload"
)

// mentions is where a word of the user's own strings stands first: names of
// services, aliases and hosts are found in it without searching every string for
// every name.
type mentions map[string]diag.Path

// findMentions reads the values of variables, commands, health checks and the
// contents of configs.
func findMentions(p *compose.Project) mentions {
	m := mentions{}
	for _, name := range slices.Sorted(maps.Keys(p.Services)) {
		s := p.Services[name]
		for _, key := range slices.Sorted(maps.Keys(s.Environment)) {
			if v := s.Environment[key]; v != nil {
				m.add(*v, "services", name, "environment", key)
			}
		}
		for _, list := range []struct {
			key   string
			words []string
		}{{"command", s.Command}, {"entrypoint", s.Entrypoint}} {
			for _, w := range list.words {
				m.add(w, "services", name, list.key)
			}
		}
		if s.HealthCheck != nil {
			for _, w := range s.HealthCheck.Test {
				m.add(w, "services", name, "healthcheck", "test")
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Configs)) {
		m.add(p.Configs[name].Content, "configs", name, "content")
	}
	return m
}

// add notes the words of a text. A word is what a host name may be made of.
func (m mentions) add(text string, path ...string) {
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool {
		return r != '-' && r != '_' && r != '.' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) {
		if _, found := m[word]; !found {
			m[word] = path
		}
	}
}

// renamed warns where a string mentions a service by a name that it no longer
// has: gantry never changes the user's strings.
func (a *app) renamed() {
	for _, name := range slices.Sorted(maps.Keys(a.names)) {
		path, mentioned := a.mentions[name]
		if a.names[name] == name || !mentioned {
			continue
		}
		a.report(diag.Warning, finding{
			code:    "name-changed",
			summary: fmt.Sprintf("mentions %q, which is called %q in Kubernetes", name, a.names[name]),
			hint:    fmt.Sprintf("write %s, or rename the service", a.names[name]),
		}, path)
	}
}

// aliases gives services their other names: aliases of networks and links, and
// host and container names where a string mentions them.
func (a *app) aliases(units []*unit) {
	for _, u := range units {
		if u.in.NetworkMode == "host" || u.in.NetworkMode == "none" {
			continue
		}
		u.ownAliases()
		u.externalLinks()
		for _, link := range u.in.Links {
			service, alias, found := strings.Cut(link, ":")
			if linked := a.units[service]; found && linked != nil {
				linked.aliasFor(u, alias)
			}
		}
	}
}

// ownAliases adds the names that the service has besides its own.
func (u *unit) ownAliases() {
	for _, network := range slices.Sorted(maps.Keys(u.in.Networks)) {
		if n := u.in.Networks[network]; n != nil {
			for _, alias := range n.Aliases {
				u.alias(alias, "networks", network, "aliases")
			}
		}
	}
	if _, mentioned := u.mentions[u.in.Hostname]; mentioned {
		u.alias(u.in.Hostname, "hostname")
	}
	if _, mentioned := u.mentions[u.in.ContainerName]; mentioned {
		u.alias(u.in.ContainerName, "container_name")
	}
}

// aliasFor adds the alias under which another service links to this one.
func (u *unit) aliasFor(other *unit, name string) {
	if e := u.aliasEndpoint(name); e != nil {
		u.addEndpoint(e)
		return
	}
	u.aliasRefused(name, other.at("links"))
}

func (u *unit) alias(name string, key ...string) {
	if name == "" || u.names[u.name] == name {
		return
	}
	if e := u.aliasEndpoint(name); e != nil {
		u.addEndpoint(e)
		return
	}
	u.aliasRefused(name, u.at(key...))
}

func (u *unit) aliasRefused(name string, path diag.Path) {
	holder, taken := u.kindNames("Service")[name]
	if taken && holder == "alias of "+u.name || taken && holder == u.object {
		return // there is such a Service already
	}
	why := "has characters that names of Services do not have"
	if taken {
		why = "is the name of another Service"
	} else if strings.Contains(name, ".") {
		why = "has dots, which only the cluster's DNS server could serve"
	}
	u.report(diag.Warning, finding{code: "alias", summary: fmt.Sprintf("alias %q %s: it does not resolve", name, why), hint: "use the name " + u.object}, path)
}

// aliasEndpoint returns a second Service for the same pods, or nil where there
// can be none of this name.
func (u *unit) aliasEndpoint(name string) *workload.Endpoint {
	base := u.services[u.object]
	if base == nil || len(validation.IsDNS1123Label(name)) > 0 || name[0] <= '9' && !u.takes(digitNames) {
		return nil
	}
	services := u.kindNames("Service")
	if _, taken := services[name]; taken {
		return nil
	}
	services[name] = "alias of " + u.name
	e := *base
	e.Name = name
	return &e
}
