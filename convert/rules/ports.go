package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"gantry/convert/extension"
	"gantry/convert/workload"
)

// port is one port that a container answers on.
type port struct {
	target    int32
	published int32 // 0: not published
	protocol  corev1.Protocol
	name      string
	app       string // app_protocol
	host      bool   // mode: host
	loopback  bool   // published on the developer's own machine only
	key       []string
	ext       extension.Port
}

// maxPortRange is how many ports of one range become Service ports without a
// remark: each is an entry of the object, and 1 MiB is all it may have.
const maxPortRange = 50

// maxPorts is how many ports a service may open: as many as an EndpointSlice may have.
const maxPorts = 20_000

// readPorts reads ports and expose.
func (u *unit) readPorts() {
	for i, p := range u.in.Ports {
		key := []string{"ports", strconv.Itoa(i)}
		u.ports = append(u.ports, port{
			target: int32(p.Target), published: u.publishedPort(p.Published, key), protocol: protocol(p.Protocol),
			name: p.Name, app: p.AppProtocol, host: p.Mode == "host", loopback: isLoopback(p.HostIP), key: key, ext: u.portExtension(i),
		})
	}
	for i, e := range u.in.Expose {
		key := []string{"expose", strconv.Itoa(i)}
		first, last, proto, ok := parseExpose(e)
		if e == "" {
			u.warn(finding{code: "port-empty", summary: "is empty: there is no port"}, key...)
			continue
		}
		if !ok {
			u.fail(finding{code: "port-invalid", summary: fmt.Sprintf("%q is not a port", e), hint: "write a port, a range, or PORT/udp"}, key...)
			continue
		}
		if len(u.ports)+int(last-first) >= maxPorts {
			u.fail(finding{code: "port-range", summary: fmt.Sprintf("opens more than %d ports, which is all that a Service may lead to", maxPorts), hint: "name the ports that are used"}, key...)
			continue
		}
		for n := first; n <= last; n++ {
			u.ports = append(u.ports, port{target: n, protocol: proto, key: key})
		}
	}
	if len(u.ports) > maxPortRange {
		u.note(finding{code: "port-range", summary: fmt.Sprintf("opens %d ports: each becomes an entry of the Service", len(u.ports))}, u.ports[0].key[0])
	}
	u.containerPorts()
}

func (u *unit) publishedPort(s string, key []string) int32 {
	first, _, isRange := strings.Cut(s, "-")
	n, err := strconv.ParseInt(first, 10, 32)
	if err != nil {
		return 0
	}
	if isRange {
		u.note(finding{code: "port-published-range", summary: fmt.Sprintf("may be published on any of %s: the first is taken", s)}, key...)
	}
	return int32(n)
}

func parseExpose(s string) (first, last int32, proto corev1.Protocol, ok bool) {
	numbers, suffix, _ := strings.Cut(s, "/")
	from, to, isRange := strings.Cut(numbers, "-")
	if !isRange {
		to = from
	}
	a, errA := strconv.ParseInt(from, 10, 32)
	b, errB := strconv.ParseInt(to, 10, 32)
	if errA != nil || errB != nil || a < 1 || b > 65535 || b < a {
		return 0, 0, "", false
	}
	return int32(a), int32(b), protocol(suffix), true
}

func protocol(s string) corev1.Protocol {
	switch strings.ToLower(s) {
	case "udp":
		return corev1.ProtocolUDP
	case "sctp":
		return corev1.ProtocolSCTP
	default:
		return corev1.ProtocolTCP
	}
}

func isLoopback(ip string) bool {
	return strings.HasPrefix(ip, "127.") || ip == "::1" || ip == "[::1]" || ip == "localhost"
}

// containerPorts lists every target once per protocol. mode: host also binds the
// port of the node, which only one pod of a node can.
func (u *unit) containerPorts() {
	seen := map[string]bool{}
	for _, p := range u.ports {
		id := portID(p.target, p.protocol)
		if seen[id] {
			continue
		}
		seen[id] = true
		c := corev1.ContainerPort{ContainerPort: p.target, Protocol: p.protocol, Name: portName(p.name)}
		if c.Protocol == corev1.ProtocolTCP {
			c.Protocol = "" // the default of Kubernetes
		}
		if p.host && p.published > 0 {
			c.HostPort = p.published
			u.note(finding{code: "port-host", summary: fmt.Sprintf("takes port %d of the node itself: one pod on each node; the Pod Security levels baseline and restricted forbid it", p.published)}, p.key...)
		}
		if n := u.hostPort(p); n > 0 {
			c.HostPort = n
		}
		if c.Name != "" && seen[c.Name] {
			c.Name = ""
		}
		seen[c.Name] = true
		u.container.Ports = append(u.container.Ports, c)
	}
}

func portID(n int32, proto corev1.Protocol) string {
	return fmt.Sprintf("%d-%s", n, strings.ToLower(string(proto)))
}

// servicePorts lists what peers may dial: every target port, as on a Compose
// network, and the published port beside it where it is another and free.
func (u *unit) servicePorts() []corev1.ServicePort {
	var ports []corev1.ServicePort
	numbers, names := map[string]int32{}, map[string]bool{}
	add := func(number int32, p port) {
		id := portID(number, p.protocol)
		if _, taken := numbers[id]; taken {
			return
		}
		numbers[id] = p.target
		name := portName(p.name)
		if name == "" || names[name] {
			name = id
		}
		names[name] = true
		sp := corev1.ServicePort{Name: name, Protocol: p.protocol, Port: number, TargetPort: intstr.FromInt32(p.target)}
		if p.app != "" {
			sp.AppProtocol = &p.app
		}
		ports = append(ports, sp)
	}
	for _, p := range u.reached() {
		add(p.target, p)
	}
	for _, p := range u.ports {
		if p.published == 0 || p.host {
			continue
		}
		if target, taken := numbers[portID(p.published, p.protocol)]; taken && target != p.target {
			u.note(finding{
				code:    "port-shadowed",
				summary: fmt.Sprintf("peers reach port %d of the container itself on %d, so the published port is not added to the Service", target, p.published),
			}, p.key...)
			continue
		}
		add(p.published, p)
	}
	return ports
}

// endpoints gives the service its name in the cluster's DNS. A service without
// ports gets a headless Service: its name resolves, as it does in Compose.
func (u *unit) endpoints() {
	if u.in.NetworkMode == "none" || u.pod().HostNetwork || u.isJob() || u.seat().role == initial {
		u.unanswered()
		return
	}
	member := u.isMember()
	listens := u.listensOnName()
	everyPort := u.deploy().EndpointMode == "dnsrr" || u.headless() || member || listens
	if !everyPort {
		u.dialed()
	}
	ports := u.servicePorts()
	if len(ports) == 0 && u.group.runsOnce() {
		u.unanswered()
		return // nobody dials what runs to completion
	}
	e := &workload.Endpoint{Name: u.object, Service: u.name, Component: u.work.Component, Ports: ports}
	if len(ports) == 0 {
		e.Headless = true
	}
	if len(ports) == 0 && u.network() == u.name {
		u.note(finding{
			code:    "service-without-ports",
			summary: "declares no ports: its Service has none either, and its name resolves to the pods",
			hint:    "add expose: with the ports that the image listens on",
		})
	}
	if everyPort {
		e.Headless, e.Ports = true, u.targetPorts()
	}
	if member && len(ports) > 0 {
		u.note(finding{
			code: "peers-ports", summary: "is a member of a cluster to another of the same image: its Service is headless, which leads to every port of its pods",
		})
	}
	if listens {
		u.note(finding{code: "own-name", summary: "may listen on the address of its own name: its Service is headless, whose address is that of the pod"})
	}
	e.Unready = listens
	switch {
	case u.container.ReadinessProbe == nil:
	case u.findsPeers():
		e.Unready = true
		u.note(finding{code: "peers-unready", summary: "finds others of the same image by its Service, which leads to it before it is ready, too"}, "healthcheck")
	case u.findsItself(), member && u.mentions.by[u.name][u.name]:
		e.Unready = true
		u.note(finding{code: "peers-unready", summary: "finds itself by its Service, which leads to it before it is ready, too"}, "healthcheck")
	}
	u.addEndpoint(e)
	if u.work.Kind == workload.StatefulSet && u.group.owner == u {
		u.members(e)
	}
	u.extendEndpoint(e, u.expose())
}

// members names the pods of a StatefulSet one by one: NAME-0.NAME-members. They
// find each other before they are ready. A headless Service does that already.
func (u *unit) members(service *workload.Endpoint) {
	u.work.Members = service.Name
	if service.Headless {
		return
	}
	e := &workload.Endpoint{
		Name: u.madeUp("Service", "members"), Service: u.name, Component: u.work.Component, Ports: u.targetPorts(), Headless: true, Unready: true,
	}
	u.work.Members = e.Name
	u.addEndpoint(e)
}

func (a *app) addEndpoint(e *workload.Endpoint) {
	a.services[e.Name] = e
	a.out.Endpoints = append(a.out.Endpoints, e)
}

// targetPorts are the service ports that name a container's port: a headless
// Service translates none.
func (u *unit) targetPorts() []corev1.ServicePort {
	return slices.DeleteFunc(u.servicePorts(), func(p corev1.ServicePort) bool { return p.Port != p.TargetPort.IntVal })
}
