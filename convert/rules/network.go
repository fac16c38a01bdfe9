package rules

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// hostNamespaces maps network_mode, pid, ipc and uts: what a container shares
// with its node or with other containers.
func (u *unit) hostNamespaces() {
	in, pod := u.in, u.pod()
	if in.NetworkMode == "host" {
		pod.HostNetwork = true
		pod.DNSPolicy = corev1.DNSClusterFirstWithHostNet
		u.hostWarning("network", "network_mode")
	}
	if in.Pid == "host" {
		pod.HostPID = true
		u.hostWarning("processes", "pid")
	}
	if in.Ipc == "host" {
		pod.HostIPC = true
		u.hostWarning("IPC", "ipc")
	}
	if in.Ipc == "shareable" {
		u.note(finding{code: "ipc-shareable", summary: "is what the containers of a pod are to each other, and to no other pod"}, "ipc")
	}
	u.joinedNamespaces()
}

// joinedNamespaces are those of other containers. In a pod, containers share the
// network and IPC anyhow, and their processes if one of them asks for it.
func (u *unit) joinedNamespaces() {
	for _, n := range namespaces(u.in) {
		to, known := u.target(n.value)
		switch {
		case known && !u.isJob():
			if n.key == "pid" && u.podOf(to) == u.podOf(u.name) {
				u.pod().ShareProcessNamespace = new(true)
			}
		case strings.HasPrefix(n.value, "service:") && !u.isJob():
			if s, ok := u.project.Services[to]; ok && s.Provider != nil {
				u.separatePod(n, "which a plugin of Docker Compose runs")
			}
		case strings.HasPrefix(n.value, "service:"):
			u.separatePod(n, "and a job has pods of its own")
		case strings.HasPrefix(n.value, "container:"):
			u.separatePod(n, "which is no container of these files")
		}
	}
}

func (u *unit) hostWarning(what, key string) {
	u.warn(finding{
		code:    key + "-host",
		summary: fmt.Sprintf("shares the %s of its node; the Pod Security levels baseline and restricted forbid it", what),
	}, key)
}

// separatePod tells of a namespace that the unit cannot share.
func (u *unit) separatePod(n namespace, why string) {
	u.warn(finding{
		code:    "shared-pod",
		summary: fmt.Sprintf("shares its %s with %s, %s: it gets a pod of its own", n.what, n.value, why),
		hint:    "reach the other by its name instead of localhost",
	}, n.key)
}

// dns maps hostname, extra_hosts, dns, dns_search and dns_opt.
func (u *unit) dns() {
	u.hostname()
	u.hostAliases()
	config := &corev1.PodDNSConfig{Nameservers: u.nameservers()}
	for i, domain := range u.in.DNSSearch {
		key := []string{"dns_search", strconv.Itoa(i)}
		switch known := strings.TrimSuffix(domain, "."); {
		case len(validation.IsDNS1123Subdomain(known)) == 0:
			config.Searches = append(config.Searches, domain)
		case domain != "." && len(validation.IsDNS1123Subdomain(strings.ReplaceAll(known, "_", "x"))) > 0:
			u.warn(finding{code: "dns-search", summary: fmt.Sprintf("%q is no domain: it is left out", domain)}, key...)
		case u.needs(dnsSearches, key...):
			config.Searches = append(config.Searches, domain)
		}
	}
	for _, option := range u.in.DNSOpts {
		name, value, found := strings.Cut(option, ":")
		o := corev1.PodDNSConfigOption{Name: name}
		if found {
			o.Value = &value
		}
		config.Options = append(config.Options, o)
	}
	if len(config.Nameservers)+len(config.Searches)+len(config.Options) > 0 {
		u.pod().DNSConfig = config
	}
}

// maxNameservers is how many the kubelet takes beside the cluster's own.
const maxNameservers = 2

func (u *unit) nameservers() []string {
	var servers []string
	for i, s := range u.in.DNS {
		switch _, err := netip.ParseAddr(s); {
		case err != nil:
			u.warn(finding{code: "dns", summary: fmt.Sprintf("%q is no address: it is left out", s)}, "dns", strconv.Itoa(i))
		case u.ownerOf(s) != "":
			u.warn(finding{
				code: "dns", summary: fmt.Sprintf("%s is the address of %s in Compose: pods have other addresses, and it is left out", s, u.ownerOf(s)),
				hint: "let the cluster's DNS forward to its Service what it answers",
			}, "dns", strconv.Itoa(i))
		case len(servers) == maxNameservers:
			u.warn(finding{code: "dns", summary: fmt.Sprintf("%s is left out: a pod asks %d servers beside the cluster's own", s, maxNameservers)}, "dns", strconv.Itoa(i))
		default:
			servers = append(servers, s)
		}
	}
	if len(u.in.DNS) > 0 {
		u.note(finding{code: "dns", summary: "is asked after the cluster's own DNS, which must know the services"}, "dns")
	}
	return servers
}

// maxHostname is the longest name that the kernel takes for a machine.
const maxHostname = 64

// hostname maps hostname and domainname. A name with dots replaces the pod's whole
// host name, which the cluster's DNS does not know by it.
func (u *unit) hostname() {
	name, key := u.in.Hostname, "hostname"
	switch domain := u.in.DomainName; {
	case domain == "":
	case name == "":
		u.warn(finding{code: "domainname", summary: "has no effect without a hostname", hint: "set hostname as well"}, "domainname")
	default:
		name, key = name+"."+domain, "domainname"
	}
	if clean := objectName(name); name != "" && !strings.Contains(name, ".") && len(name) <= maxName && clean != name {
		u.note(finding{code: "hostname", summary: fmt.Sprintf("%q is no host name for a pod: it is called %q", name, clean)}, key)
		name = clean
	}
	switch {
	case name == "":
	case u.in.NetworkMode == "host":
		u.note(finding{code: "hostname-host", summary: "is left out: the pod has the name of its node"}, key)
	case len(validation.IsDNS1123Label(name)) == 0:
		u.pod().Hostname = name
	case len(name) <= maxHostname && len(validation.IsDNS1123Subdomain(name)) == 0:
		if !u.needs(hostNameOverride, key) {
			return
		}
		u.pod().HostnameOverride = &name
		u.note(finding{
			code: "hostname-override", summary: fmt.Sprintf("makes %s the host name of the pod, which the cluster's DNS does not know", name),
		}, key)
	default:
		u.warn(finding{
			code:    "hostname",
			summary: fmt.Sprintf("%q is no host name for a pod, which has at most %d lower-case letters, digits, hyphens and dots: it is left out", name, maxHostname),
		}, key)
	}
}

// hostAliases maps extra_hosts, grouped by address.
func (u *unit) hostAliases() {
	byIP := map[string][]string{}
	for _, host := range slices.Sorted(maps.Keys(u.in.ExtraHosts)) {
		for _, ip := range u.in.ExtraHosts[host] {
			ip = strings.Trim(ip, "[]")
			if _, err := netip.ParseAddr(ip); err != nil {
				u.warn(finding{
					code:    "extra-host",
					summary: fmt.Sprintf("%s is %s, which is no address inside a cluster: the entry is left out", host, ip),
					hint:    "use the name of a Service, or the address of the machine; a pod learns its node's as status.hostIP of the downward API",
				}, "extra_hosts", host)
				continue
			}
			if owner := u.ownerOf(ip); owner != "" {
				u.warn(finding{
					code: "extra-host", summary: fmt.Sprintf("%s is the address of %s in Compose: pods have other addresses, and the entry is left out", ip, owner),
					hint: fmt.Sprintf("give services.%s the alias %s on a network of both", owner, host),
				}, "extra_hosts", host)
				continue
			}
			if renamed := u.known(host); renamed != host {
				u.note(finding{code: "alias-renamed", summary: renamedAlias(host, renamed)}, "extra_hosts", host)
			}
			if host := u.known(host); len(validation.IsDNS1123Subdomain(host)) == 0 {
				byIP[ip] = append(byIP[ip], host)
				continue
			}
			u.warn(finding{code: "extra-host", summary: fmt.Sprintf("%q is no host name: the entry is left out", host)}, "extra_hosts", host)
		}
	}
	if u.in.NetworkMode == "host" {
		return // the API server takes host aliases for pods with a network of their own
	}
	for _, ip := range slices.Sorted(maps.Keys(byIP)) {
		u.pod().HostAliases = append(u.pod().HostAliases, corev1.HostAlias{IP: ip, Hostnames: byIP[ip]})
	}
}

// sysctls maps sysctls to the pod, which shares them among its containers.
func (u *unit) sysctls() {
	for _, name := range slices.Sorted(maps.Keys(u.in.Sysctls)) {
		switch {
		case u.pod().HostNetwork && strings.HasPrefix(name, "net."):
			u.warn(finding{code: "sysctl-host", summary: "is left out: the pod has the network of its node"}, "sysctls", name)
			continue
		case !isNamespaced(name):
			u.warn(finding{code: "sysctl-node", summary: "is a setting of the whole node: it is left out", hint: "set it on the nodes"}, "sysctls", name)
			continue
		case !u.isSafe(name):
			u.warn(finding{code: "sysctl-unsafe", summary: "needs nodes whose kubelet allows it with --allowed-unsafe-sysctls"}, "sysctls", name)
		}
		u.podSecurity().Sysctls = append(u.podSecurity().Sysctls, corev1.Sysctl{Name: name, Value: u.in.Sysctls[name]})
	}
}

// isNamespaced reports whether a sysctl can differ from pod to pod.
// https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/
func isNamespaced(name string) bool {
	return strings.HasPrefix(name, "net.") || strings.HasPrefix(name, "kernel.shm") || strings.HasPrefix(name, "kernel.msg") ||
		name == "kernel.sem" || strings.HasPrefix(name, "fs.mqueue.")
}

// isSafe reports whether the kubelet allows a sysctl without being asked to.
func (u *unit) isSafe(name string) bool {
	if name == "net.ipv4.tcp_rmem" || name == "net.ipv4.tcp_wmem" {
		return u.has(bufferSysctls)
	}
	return slices.Contains(safeSysctls(), name)
}

// safeSysctls are those that have been safe for long.
func safeSysctls() []string {
	return []string{
		"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports", "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range",
		"net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_syncookies",
	}
}
