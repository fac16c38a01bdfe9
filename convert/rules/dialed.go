package rules

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"

	"gantry/charts/diag"
	"gantry/charts/pattern"
	"gantry/convert/hosts"
)

// dialedPort is a port that somebody names together with a host, as in web:9000.
type dialedPort struct {
	number int32
	path   diag.Path
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

// maxUserinfo is how far before its host the scheme of a URL is looked for.
const maxUserinfo = 256

// portSetting is the port of a host as the next setting: host: db, port: 5432. It is
// looked for in the first bytes behind the host.
var portSetting = pattern.Lazy(`^["']?\s*,?\s*["']?port(?:_value)?["']?\s*[:=]\s*["']?([0-9]{2,5})(?:$|[^0-9])`)

const maxPortSetting = 64

// portsBeside returns the ports that a text gives to a host: behind colons, of which
// a member of ZooKeeper has two, by the scheme of a URL, or as the next setting.
func portsBeside(before, after string) []int32 {
	if !strings.HasPrefix(after, ":") {
		if next := portSetting().FindStringSubmatch(after[:min(len(after), maxPortSetting)]); next != nil {
			return []int32{portNumber(next[1])}
		}
		return schemePorts(before)
	}
	var ports []int32
	for {
		rest, found := strings.CutPrefix(after, ":")
		if !found {
			return ports
		}
		after = strings.TrimLeft(rest, "0123456789")
		if after != "" && (after[0] == '@' || hosts.IsByte(after[0])) {
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
	u.dialedByHost()
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

// dialedByHost notes the port that clients of a well-known protocol take when they are
// told a host and nothing else.
func (u *unit) dialedByHost() {
	number := schemePort(imageProtocol(u.in.Image))
	if number == 0 {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(u.units)) {
		if other := u.units[name]; other != u && u.mentions.bare[name][u.name] {
			if host, found := other.saysOf(u, isTold); found {
				u.mentions.dial(u.name, number, u.mentions.first[host])
			}
		}
	}
}

// imageProtocol is the scheme of the URLs that lead to what an image runs, where the two
// have one name or are known by it.
func imageProtocol(image string) string {
	switch name := imageName(image); name {
	case "rabbitmq":
		return "amqp"
	case "mongo":
		return "mongodb"
	case "neo4j":
		return "bolt"
	default:
		return name
	}
}
