package rules

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"gantry/charts/diag"
	"gantry/convert/workload"
)

// mentions is where the user's own strings speak of the services of the
// application: variables, commands, health checks, and the files that become
// ConfigMaps and Secrets.
type mentions struct {
	// hosts are the names by which a Compose network knows the services, and which
	// service each stands for. Nothing else is looked for.
	hosts map[string]string
	// first is where each of them stands first.
	first map[string]diag.Path
	// dialed are the ports that stand beside the names of a service.
	dialed map[string][]dialedPort
	// by are the services that a service speaks of.
	by map[string]map[string]bool
}

// dialedPort is a port that somebody names together with a host, as in web:9000.
type dialedPort struct {
	number int32
	path   diag.Path
}

func newMentions(hosts map[string]string) mentions {
	return mentions{hosts: hosts, first: map[string]diag.Path{}, dialed: map[string][]dialedPort{}, by: map[string]map[string]bool{}}
}

// findMentions reads the values of variables, commands, health checks and the
// contents of configs. Files follow as they are read: [app.addData].
func (a *app) findMentions() {
	a.mentions = newMentions(a.hosts())
	for _, name := range slices.Sorted(maps.Keys(a.project.Services)) {
		s := a.project.Services[name]
		for _, key := range slices.Sorted(maps.Keys(s.Environment)) {
			if v := s.Environment[key]; v != nil {
				path := diag.Path{"services", name, "environment", key}
				a.mentions.add(*v, path)
				a.mentions.pair(*v, key, s.Environment, path)
			}
		}
		for _, list := range []struct {
			key   string
			words []string
		}{{"command", s.Command}, {"entrypoint", s.Entrypoint}} {
			for _, w := range list.words {
				a.mentions.add(w, diag.Path{"services", name, list.key})
			}
		}
		if s.HealthCheck != nil {
			for _, w := range s.HealthCheck.Test {
				a.mentions.add(w, diag.Path{"services", name, "healthcheck", "test"})
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.project.Configs)) {
		a.mentions.add(a.project.Configs[name].Content, diag.Path{"configs", name, "content"})
	}
}

// hosts returns the names by which services are found, and which each stands for.
// What a service is called in Compose and in Kubernetes comes before what it is
// called besides.
func (a *app) hosts() map[string]string {
	hosts := map[string]string{}
	add := func(host, service string) {
		if _, taken := hosts[host]; !taken && host != "" {
			hosts[host] = service
		}
	}
	named := slices.Sorted(maps.Keys(a.names))
	for _, name := range named {
		add(name, name)
	}
	for _, name := range named {
		add(a.names[name], name)
	}
	for _, name := range slices.Sorted(maps.Keys(a.project.Services)) {
		s := a.project.Services[name]
		add(s.Hostname, name)
		add(s.ContainerName, name)
		for _, network := range slices.Sorted(maps.Keys(s.Networks)) {
			if n := s.Networks[network]; n != nil {
				for _, alias := range n.Aliases {
					add(alias, name)
				}
			}
		}
		for _, link := range s.Links {
			if service, alias, found := strings.Cut(link, ":"); found {
				add(alias, service)
			}
		}
	}
	return hosts
}

// add notes the hosts of a text, and the ports beside them.
func (m mentions) add(text string, path diag.Path) {
	for start := 0; start < len(text); {
		end := start
		for end < len(text) && isHostByte(text[end]) {
			end++
		}
		if service, known := m.hosts[text[start:end]]; known {
			m.found(text[start:end], service, path)
			for _, number := range portsBeside(text[:start], text[end:]) {
				m.dial(service, number, path)
			}
		}
		start = end + 1
	}
}

// found notes where a service is spoken of, and who does so.
func (m mentions) found(host, service string, path diag.Path) {
	if m.first[host] == nil {
		m.first[host] = path
	}
	if path[0] != "services" {
		return
	}
	if m.by[path[1]] == nil {
		m.by[path[1]] = map[string]bool{}
	}
	m.by[path[1]][service] = true
}

// dial notes a port of a service, once.
func (m mentions) dial(service string, number int32, path diag.Path) {
	if slices.ContainsFunc(m.dialed[service], func(p dialedPort) bool { return p.number == number }) {
		return
	}
	m.dialed[service] = append(m.dialed[service], dialedPort{number, path})
}

// pair notes a port that is a variable of its own, as BROKER_PORT is beside
// BROKER_HOST.
func (m mentions) pair(host, key string, env types.MappingWithEquals, path diag.Path) {
	service, known := m.hosts[host]
	if !known {
		return
	}
	for _, suffix := range []string{"HOST", "HOSTNAME", "host", "hostname"} {
		prefix, found := strings.CutSuffix(key, suffix)
		if !found {
			continue
		}
		for _, port := range []string{"PORT", "port"} {
			if v := env[prefix+port]; v != nil && portNumber(*v) > 0 {
				m.dial(service, portNumber(*v), path)
			}
		}
	}
}

// isHostByte reports whether names of services may have the character.
func isHostByte(c byte) bool {
	return c == '-' || c == '_' || c == '.' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// maxUserinfo is how far before its host the scheme of a URL is looked for.
const maxUserinfo = 256

// portsBeside returns the ports that a text gives to a host: behind colons, of which
// a member of ZooKeeper has two, or by the scheme of a URL.
func portsBeside(before, after string) []int32 {
	if !strings.HasPrefix(after, ":") {
		return schemePorts(before)
	}
	var ports []int32
	for {
		rest, found := strings.CutPrefix(after, ":")
		if !found {
			return ports
		}
		after = strings.TrimLeft(rest, "0123456789")
		if after != "" && (after[0] == '@' || isHostByte(after[0])) {
			return nil // the password of a user, or no number
		}
		if n := portNumber(rest[:len(rest)-len(after)]); n > 0 {
			ports = append(ports, n)
		}
	}
}

// schemePorts returns the port of a URL that ends where its host begins.
func schemePorts(before string) []int32 {
	before = before[max(0, len(before)-maxUserinfo):]
	at := strings.LastIndex(before, "://")
	if at < 0 {
		return nil
	}
	userinfo := before[at+len("://"):]
	if userinfo != "" && (!strings.HasSuffix(userinfo, "@") || strings.ContainsAny(userinfo, " \t\n\"'/,")) {
		return nil
	}
	scheme := before[strings.LastIndexFunc(before[:at], func(r rune) bool { return !strings.ContainsRune(schemeRunes, r) })+1 : at]
	for part := range strings.SplitSeq(scheme, "+") { // postgresql+asyncpg
		if n := schemePort(part); n > 0 {
			return []int32{n}
		}
	}
	return nil
}

// schemeRunes are what schemes of URLs are made of (RFC 3986, section 3.1), in lower case.
const schemeRunes = "abcdefghijklmnopqrstuvwxyz0123456789+-."

// portNumber reads a port; what is none is 0.
func portNumber(s string) int32 {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0
	}
	return int32(n)
}

// schemePort is the port that clients take for a URL that names none, as IANA has
// it or as the clients of the protocol agree.
func schemePort(scheme string) int32 {
	switch scheme {
	case "http", "ws":
		return 80
	case "https", "wss":
		return 443
	case "amqp":
		return 5672
	case "amqps":
		return 5671
	case "redis", "rediss", "valkey":
		return 6379
	case "postgres", "postgresql":
		return 5432
	case "mysql", "mariadb":
		return 3306
	case "mongodb":
		return 27017
	case "nats":
		return 4222
	case "mqtt":
		return 1883
	case "mqtts":
		return 8883
	case "ldap":
		return 389
	case "ldaps":
		return 636
	case "smtp":
		return 25
	case "bolt":
		return 7687
	default:
		return 0
	}
}

// dialed opens the ports that somebody names without ports or expose to say that
// the service has them: on a Compose network a container answers on all of its
// ports, a Service only on those that it lists.
func (u *unit) dialed() {
	declared := u.reached()
	if len(declared) == 0 {
		return // a headless Service leads to every port
	}
	for _, to := range u.mentions.dialed[u.name] {
		if slices.ContainsFunc(declared, func(p port) bool { return p.target == to.number || p.published == to.number }) {
			continue
		}
		u.ports = append(u.ports, port{target: to.number, protocol: corev1.ProtocolTCP})
		u.report(diag.Note, finding{
			code:    "port-dialed",
			summary: fmt.Sprintf("dials port %d of %s, which neither ports nor expose declares: its Service has it, too", to.number, u.name),
			hint:    fmt.Sprintf("add expose: [%q] to %s", strconv.Itoa(int(to.number)), u.at()),
		}, to.path)
	}
}

// findsPeers reports whether the service is a member of a cluster, such as one of
// three of etcd: it and another of the same image speak of each other. They have to
// find each other before any of them is ready.
func (u *unit) findsPeers() bool {
	for peer := range u.mentions.by[u.name] {
		if other := u.units[peer]; other != nil && other != u && other.in.Image == u.in.Image && u.mentions.by[peer][u.name] {
			return true
		}
	}
	return false
}

// renamed warns where a string mentions a service by a name that it no longer
// has: gantry never changes the user's strings.
func (a *app) renamed() {
	for _, name := range slices.Sorted(maps.Keys(a.names)) {
		path, mentioned := a.mentions.first[name]
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
	if _, mentioned := u.mentions.first[u.in.Hostname]; mentioned {
		u.alias(u.in.Hostname, "hostname")
	}
	if _, mentioned := u.mentions.first[u.in.ContainerName]; mentioned {
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
