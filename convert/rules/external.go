package rules

import (
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"gantry/convert/workload"
)

// externalLinks maps external_links, CONTAINER[:ALIAS]: containers that another
// application runs.
func (u *unit) externalLinks() {
	for i, link := range u.in.ExternalLinks {
		name, alias := externalNames(link)
		key := []string{"external_links", strconv.Itoa(i)}
		if renamed := u.known(alias); renamed != alias {
			u.note(finding{code: "alias-renamed", summary: renamedAlias(alias, renamed)}, key...)
			if name == alias {
				name = renamed
			}
			alias = renamed
		}
		u.externalLink(name, alias, key)
	}
}

// externalNames returns the names of a container of another application, there and here.
func externalNames(link string) (name, alias string) {
	name, alias, _ = strings.Cut(link, ":")
	setDefault(&alias, name)
	return name, alias
}

// externalLink makes one name resolve. A Service of the same namespace does so by
// itself; another name for it, or one of another namespace, needs an ExternalName.
func (u *unit) externalLink(name, alias string, key []string) {
	if service, ok := u.called[name]; ok {
		if alias == u.names[service] || u.services[alias] != nil {
			return
		}
		if base := u.services[u.names[service]]; base != nil && len(validation.IsDNS1123Label(alias)) == 0 {
			e := *base
			e.Name = alias
			u.kindNames("Service")[alias] = aliasOf + service
			u.addEndpoint(&e)
			return
		}
	}
	switch {
	case len(validation.IsDNS1123Label(alias)) > 0:
		u.warn(finding{
			code: "external-link", summary: fmt.Sprintf("%q is no name for a Service: it does not resolve", alias), hint: "give an alias with lower-case letters, digits and hyphens",
		}, key...)
	case u.services[alias] != nil:
		u.warn(finding{code: "external-link", summary: fmt.Sprintf("%q is the name of a Service of this application, which it leads to", alias)}, key...)
	case alias == name:
		u.warn(finding{
			code:    "external-link",
			summary: fmt.Sprintf("%s resolves only if the other application runs in the same namespace, with a Service of this name", name),
			hint:    fmt.Sprintf("otherwise: kubectl create service externalname %s --external-name %s.NAMESPACE.svc.cluster.local", name, name),
		}, key...)
	default:
		target := name
		if len(validation.IsDNS1123Subdomain(name)) > 0 || !strings.Contains(name, ".") {
			target = objectName(name) + ".default.svc.cluster.local"
		}
		u.kindNames("Service")[alias] = "external link of " + u.name
		u.addEndpoint(&workload.Endpoint{Name: alias, Service: u.name, Component: u.work.Component, External: target})
		u.warn(finding{
			code:    "external-link",
			summary: fmt.Sprintf("becomes the Service %s, another name for %s", alias, target),
			hint:    "put in the namespace and the Service of the other application, if they are others",
		}, key...)
	}
}
