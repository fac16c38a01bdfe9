package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"gantry/charts/diag"
	"gantry/convert/workload"
)

// aliases gives services their other names: aliases of networks and links, and
// host and container names where a string mentions them.
func (a *app) aliases(units []*unit) {
	for _, u := range units {
		if u.in.NetworkMode == "host" || u.in.NetworkMode == "none" {
			if u.in.ContainerName != "" {
				u.note(finding{code: string(Ignored), summary: "is no name in the cluster: the service is on no network of it"}, "container_name")
			}
			continue
		}
		u.ownAliases()
		u.containerAlias()
		u.externalLinks()
		for _, link := range u.in.Links {
			service, alias, found := strings.Cut(link, ":")
			if linked := a.units[service]; found && linked != nil {
				linked.aliasFor(u, alias)
			}
		}
	}
	for _, alias := range slices.Sorted(maps.Keys(a.sharedAliases)) {
		a.answerTogether(alias, a.sharedAliases[alias])
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
	// What a service says of itself it may tell to others; but of a name with dots that
	// nobody else mentions, hostname has said enough.
	hostname := u.known(u.in.Hostname)
	_, mentioned := u.mentions.first[hostname]
	if mentioned && (u.mentions.others[hostname] || !strings.Contains(hostname, ".")) {
		u.alias(hostname, "hostname")
	}
	for _, name := range u.firstContainer(u.name) {
		path, mentioned := u.mentions.first[name]
		if !mentioned || u.mentions.hosts[name] != u.name || u.renames[name] != "" {
			continue
		}
		e := u.aliasEndpoint(name)
		if e == nil {
			u.aliasRefused(name, path)
			continue
		}
		u.addEndpoint(e)
		u.report(diag.Note, finding{
			code: "container-alias", summary: fmt.Sprintf("mentions %s, as Compose calls a container of %s: a Service of that name leads to it", name, u.name),
		}, path)
	}
}

// containerAlias gives the service the name of its container, where a string mentions
// it, and tells what became of that name, unless it is the service's own.
func (u *unit) containerAlias() {
	name := u.in.ContainerName
	if name == "" || name == u.name || u.serves(name) {
		return
	}
	_, mentioned := u.mentions.first[name]
	switch renamed := u.renames[name]; {
	case renamed != "":
		u.note(finding{code: "alias-renamed", summary: renamedAlias(name, renamed)}, "container_name")
	case !mentioned:
		u.note(finding{code: string(Ignored), summary: "is no name in the cluster: no string of the files mentions it"}, "container_name")
	case u.alias(name, "container_name"):
		u.note(finding{code: string(Approximated), summary: "is mentioned: a second Service of this name leads to the pods"}, "container_name")
	}
}

// firstContainer returns what Compose calls the first container of a service that
// has no container_name: today, and before version 2.
func (a *app) firstContainer(service string) []string {
	return []string{a.project.Name + "-" + service + "-1", a.project.Name + "_" + service + "_1"}
}

// aliasFor adds the alias under which another service links to this one.
func (u *unit) aliasFor(other *unit, name string) {
	if e := u.aliasEndpoint(name); e != nil {
		u.addEndpoint(e)
		return
	}
	u.aliasRefused(name, other.at("links"))
}

// alias adds a name, and reports whether a Service of its own has it.
func (u *unit) alias(name string, key ...string) (added bool) {
	if _, shared := u.sharedAliases[name]; shared || name == "" || u.names[u.name] == name {
		return false
	}
	if e := u.aliasEndpoint(name); e != nil {
		u.addEndpoint(e)
		return true
	}
	if !u.dotted(name, key) {
		u.aliasRefused(name, u.at(key...))
	}
	return false
}

// dotted serves a name such as api.local, if it can: a pod that is called api, and whose
// subdomain is the headless Service local, resolves by it in the namespace. That is one
// name a pod, and pods of a StatefulSet have names of their own.
func (u *unit) dotted(name string, key []string) bool {
	host, domain, found := strings.Cut(name, ".")
	pod := u.group.owner.pod()
	if !found || len(validation.IsDNS1123Label(host)) > 0 || domain == "localhost" || pod.HostnameOverride != nil ||
		pod.Subdomain != "" || pod.Hostname != "" && pod.Hostname != host || u.group.owner.work.Kind == workload.StatefulSet {
		return false
	}
	e := u.aliasEndpoint(domain)
	if e == nil {
		return false
	}
	e.Headless, e.Ports = true, u.targetPorts()
	u.addEndpoint(e)
	pod.Hostname, pod.Subdomain = host, domain
	u.note(finding{code: "alias-dotted", summary: fmt.Sprintf("%s resolves to the pod: it is called %s, in the headless Service %s", name, host, domain)}, key...)
	return true
}

func (u *unit) aliasRefused(name string, path diag.Path) {
	if renamed := u.renames[name]; renamed != "" {
		u.report(diag.Note, finding{code: "alias-renamed", summary: renamedAlias(name, renamed)}, path)
		return
	}
	if u.serves(name) {
		return
	}
	holder, taken := u.kindNames("Service")[name]
	why := "has characters that names of Services do not have"
	if other, isAlias := strings.CutPrefix(holder, aliasOf); isAlias {
		why = fmt.Sprintf("is one of %s, too, and not on one network", other)
	} else if taken {
		why = "is the name of another Service"
	} else if strings.Contains(name, ".") {
		why = "has dots, which only the cluster's DNS server could serve"
	}
	u.report(diag.Warning, finding{code: "alias", summary: fmt.Sprintf("alias %q %s: it does not resolve", name, why), hint: "use the name " + u.object}, path)
}

// serves reports whether a Service of this name leads to the service already.
func (u *unit) serves(name string) bool {
	holder, taken := u.kindNames("Service")[name]
	return taken && (holder == aliasOf+u.name || holder == u.object)
}

func renamedAlias(name, renamed string) string {
	return fmt.Sprintf("alias %q has characters that names of Services do not have: hosts of this name become %q", name, renamed)
}

// aliasOf begins who has the name of a Service that is an alias.
const aliasOf = "alias of "

// aliasEndpoint returns a second Service for the same pods, or nil where there
// can be none of this name.
func (u *unit) aliasEndpoint(name string) *workload.Endpoint {
	base := u.services[u.object]
	if base == nil || !u.namesService(name) {
		return nil
	}
	services := u.kindNames("Service")
	if _, taken := services[name]; taken {
		return nil
	}
	services[name] = aliasOf + u.name
	e := *base
	e.Name = name
	return &e
}
