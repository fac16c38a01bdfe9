package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"gantry/charts/pattern"
)

// proxied tells that reverse proxies which ask Docker for their routes find none in a
// cluster, and what to write so that there is an Ingress of the same hosts. Nothing is
// opened to the world because of a label.
func (u *unit) proxied() {
	if u.ext.Ingress != nil || u.ext.Gateway != nil {
		return
	}
	for _, list := range []struct {
		labels map[string]string
		key    string
	}{{u.in.Labels, "labels"}, {u.deploy().Labels, "deploy"}} {
		route, label := labelRoute(list.labels)
		if label == "" {
			continue
		}
		if route.port == "" && !slices.ContainsFunc(u.ports, speaksHTTP) {
			route.port = "PORT"
		}
		key := []string{list.key, label}
		if list.key == "deploy" {
			key = []string{"deploy", "labels", label}
		}
		u.warn(finding{
			code: "label-route", summary: "is a route of a proxy that reads Docker's labels: in a cluster it routes nothing", hint: route.hint(u.ports),
		}, key...)
	}
	if v := u.in.Environment["VIRTUAL_HOST"]; v != nil && *v != "" {
		route := proxyRoute{hosts: strings.Split(*v, ",")}
		if port := u.in.Environment["VIRTUAL_PORT"]; port != nil {
			route.port = *port
		} else if !slices.ContainsFunc(u.ports, speaksHTTP) {
			route.port = "80" // which the proxy takes where it knows none
		}
		u.warn(finding{
			code: "label-route", summary: "is a route of a proxy that asks Docker for it: in a cluster it routes nothing", hint: route.hint(u.ports),
		}, "environment", "VIRTUAL_HOST")
	}
}

// proxyRoute is what a proxy leads to a service.
type proxyRoute struct {
	hosts      []string
	path, port string
}

// rulePart are the conditions of Traefik's rules that an Ingress has as well.
var rulePart = pattern.Lazy("(Host|PathPrefix)\\(([^()]*)\\)")

// labelRoute reads the first route of Traefik or of caddy-docker-proxy, and returns the
// label that says it, or "".
func labelRoute(labels map[string]string) (route proxyRoute, label string) {
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		value := labels[name]
		switch {
		case name == "caddy":
			return proxyRoute{hosts: strings.Split(value, ",")}, name
		case strings.HasPrefix(name, "traefik.http.routers.") && (label == "" || !strings.HasSuffix(label, ".rule")):
			label = name
			for _, part := range rulePart().FindAllStringSubmatch(value, -1) {
				if part[1] == "Host" {
					route.hosts = append(route.hosts, strings.Split(part[2], ",")...)
				} else if route.path == "" {
					route.path = unquoted(part[2])
				}
			}
		case strings.HasPrefix(name, "traefik.http.services.") && strings.HasSuffix(name, ".loadbalancer.server.port"):
			route.port = value
		}
	}
	return route, label
}

func unquoted(s string) string { return strings.Trim(strings.TrimSpace(s), "`'\"") }

// hint is what to write for an Ingress of the route: as much as an Ingress can have. It
// leads to a port that the service declares.
func (r proxyRoute) hint(declared []port) string {
	var hosts, fields []string
	for _, h := range r.hosts {
		if h = unquoted(h); len(validation.IsDNS1123Subdomain(h)) == 0 {
			hosts = append(hosts, h)
		}
	}
	switch len(hosts) {
	case 0:
		fields = append(fields, "host: HOST")
	case 1:
		fields = append(fields, "host: "+hosts[0])
	default:
		fields = append(fields, "hosts: ["+strings.Join(hosts, ", ")+"]")
	}
	if strings.HasPrefix(r.path, "/") && !strings.ContainsAny(r.path, " ,{}[]") {
		fields = append(fields, "path: "+r.path)
	}
	if r.port != "" {
		fields = append(fields, "port: "+r.port)
	}
	ingress := fmt.Sprintf("an Ingress: x-kubernetes: {ingress: {%s}}", strings.Join(fields, ", "))
	if n := portNumber(r.port); n > 0 && !slices.ContainsFunc(declared, func(p port) bool { return p.target == n || p.published == n }) {
		return fmt.Sprintf("give the service expose: [%q], and %s", r.port, ingress)
	}
	return "give the service " + ingress
}
