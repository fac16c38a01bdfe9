package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"gantry/convert/workload"
)

// group is the units whose containers are in one pod. Most groups have one unit.
type group struct {
	// owner is the unit whose workload runs the pod.
	owner *unit
	// units are all of them, each behind those it needs.
	units []*unit
	// named is whether its Job has its name.
	named bool
	// folders are the names of its volumes that live as long as the pod.
	folders registry
}

// groupsOf puts units that share a pod into a group, in the order of the names of
// their owners.
func groupsOf(units []*unit) []*group {
	byOwner := map[string]*group{}
	for _, u := range units {
		owner := u.podOf(u.name)
		if byOwner[owner] == nil {
			byOwner[owner] = &group{folders: registry{}}
		}
		if u.group = byOwner[owner]; u.name == owner {
			u.group.owner = u
		}
		u.group.units = append(u.group.units, u)
	}
	for _, g := range byOwner {
		slices.SortFunc(g.units, func(a, b *unit) int { return cmp.Compare(a.seat().turn, b.seat().turn) })
	}
	groups := make([]*group, 0, len(byOwner))
	for _, owner := range slices.Sorted(maps.Keys(byOwner)) {
		groups = append(groups, byOwner[owner])
	}
	return groups
}

// runsOnce reports whether the pod completes.
func (g *group) runsOnce() bool { return g.owner.once[g.owner.name] }

// convert builds the workload of the group. Each unit fills in a workload as if it
// were alone, and what they say is then put together.
func (g *group) convert() {
	for _, u := range g.units {
		u.podRules()
		u.reportWaits()
	}
	for _, u := range g.units {
		if u != g.owner {
			g.volumes(u)
		}
	}
	g.order()
	g.ports()
	initial, steady := g.containers()
	for _, u := range g.units {
		if u != g.owner {
			g.join(u)
		}
	}
	g.owner.pod().InitContainers, g.owner.pod().Containers = initial, steady
	g.settle()
	if g.owner.isJob() {
		g.owner.triggers(g.owner.project.Jobs[g.owner.name].Triggers)
	}
}

// answer gives the units their names in the cluster's DNS. All files have been read
// by then: they tell what somebody dials.
func (g *group) answer() {
	for _, u := range g.units {
		u.endpoints()
	}
}

// order tells which waits of depends_on the pod keeps.
func (g *group) order() {
	for _, u := range g.units {
		for _, other := range g.units {
			if other.seat().role != early || u.in.DependsOn[other.name].Condition != types.ServiceConditionHealthy {
				continue
			}
			if other.container.StartupProbe != nil {
				u.note(finding{
					code: "depends-healthy", summary: fmt.Sprintf("starts when %s is healthy, which is a sidecar of the same pod", other.name),
				}, "depends_on", other.name)
				continue
			}
			u.warn(finding{
				code:    "depends-healthy",
				summary: fmt.Sprintf("starts when %s has started, healthy or not: Kubernetes does not read a health check of the image", other.name),
				hint:    fmt.Sprintf("give services.%s.healthcheck.test", other.name),
			}, "depends_on", other.name)
		}
	}
}

// containers returns the containers of the pod: first those that complete or start
// early, then the steady ones. What a service runs before it starts stands before
// its own container.
func (g *group) containers() (first, then []corev1.Container) {
	for _, u := range g.units {
		switch u.seat().role {
		case initial:
			first = append(append(first, u.pod().InitContainers...), *u.container)
		case early:
			u.container.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
			first = append(append(first, u.pod().InitContainers...), *u.container)
			then = append(then, u.pod().Containers...)
		case steady:
			then = append(append(then, *u.container), u.pod().Containers...)
		}
	}
	for _, u := range g.units {
		if u.seat().role == steady {
			first = append(first, u.pod().InitContainers...)
		}
	}
	return first, then
}

// volumes adds the volumes of a unit to the owner's pod, and gives its mounts the
// names that they have there.
func (g *group) volumes(u *unit) {
	renamed := map[string]string{}
	for _, v := range u.pod().Volumes {
		renamed[v.Name] = g.owner.podVolume(v)
	}
	u.pod().Volumes = nil
	rename := func(c *corev1.Container) {
		for i, m := range c.VolumeMounts {
			c.VolumeMounts[i].Name = cmp.Or(renamed[m.Name], m.Name)
		}
	}
	rename(u.container)
	for _, list := range [][]corev1.Container{u.pod().InitContainers, u.pod().Containers} {
		for i := range list {
			rename(&list[i])
		}
	}
}

// join adds what a unit says of its pod and workload to the owner's. What both say
// must agree.
func (g *group) join(u *unit) {
	own, other := g.owner.work, u.work
	g.replicas(u)
	g.labels(u)
	g.host(u)
	pod, more := &own.Pod.Spec, &other.Pod.Spec
	more.InitContainers, more.Containers = nil, nil
	pod.TerminationGracePeriodSeconds = longer(pod.TerminationGracePeriodSeconds, more.TerminationGracePeriodSeconds)
	more.TerminationGracePeriodSeconds = nil
	if pod.SecurityContext != nil && pod.SecurityContext.FSGroup != nil && more.SecurityContext != nil {
		more.SecurityContext.FSGroup = nil // one group may write to the volumes, and all containers are in it
	}
	m := merger{differ: func(field string) { g.differ(u, field) }}
	m.merge(pod, more, "")
	m.merge(&own.Update, &other.Update, "update")
	m.merge(&own.Run, &other.Run, "run")
	for _, c := range other.Claims {
		if !slices.ContainsFunc(own.Claims, func(o *workload.Claim) bool { return o.Name == c.Name }) {
			own.Claims = append(own.Claims, c)
		}
	}
	own.Shares = append(own.Shares, u.name)
	u.work = own
}

// longer returns the longer of two grace periods; nil is the default of
// Kubernetes.
func longer(a, b *int64) *int64 {
	const usual = 30
	n := max(ptr.Deref(a, usual), ptr.Deref(b, usual))
	if n == usual {
		return nil
	}
	return &n
}

// settle takes away what does not go together once all units are joined.
func (g *group) settle() {
	slices.Sort(g.owner.work.Shares)
	pod, up := g.owner.pod(), &g.owner.work.Update
	if pod.HostPID {
		pod.ShareProcessNamespace = nil
	}
	if up.Recreate {
		up.MaxSurge, up.MaxUnavailable = nil, nil
	}
	if pod.Hostname != "" && g.owner.work.Kind == workload.StatefulSet {
		g.keepHostname()
	}
}

// keepHostname gives pods of a StatefulSet the host name of the file, which their
// controller replaces by the name of the pod: members of a cluster such as RabbitMQ know
// each other by it.
func (g *group) keepHostname() {
	pod := g.owner.pod()
	if g.owner.needs(hostNameOverride, "hostname") {
		pod.HostnameOverride = new(pod.Hostname)
	}
	pod.Hostname = ""
}

// replicas refuses units that do not run equally often: a pod has each of its
// containers once.
func (g *group) replicas(u *unit) {
	own, other := g.owner.deploy().Mode, u.deploy().Mode
	n, m := g.owner.in.GetScale(), u.in.GetScale()
	switch {
	case u.seat().role == initial:
	case (own == "global") != (other == "global"):
		g.conflict(u, []string{"deploy", "mode"}, "one runs on every node, the other does not", "give both the same mode")
	case own != "global" && n != m:
		g.conflict(u, u.joinKey(), fmt.Sprintf("%s runs %s and %s runs %d", g.owner.name, times(n), u.name, m),
			fmt.Sprintf("scale both alike, or let %s reach %s by its name", u.name, g.owner.object))
	}
}

// times counts replicas.
func times(n int) string {
	if n == 1 {
		return "1 replica"
	}
	return fmt.Sprintf("%d replicas", n)
}

// labels adds the labels and annotations of a unit. The owner's come first.
func (g *group) labels(u *unit) {
	own, other := g.owner.work, u.work
	for _, m := range []struct {
		own   *map[string]string
		other map[string]string
	}{
		{&own.Labels, other.Labels},
		{&own.Annotations, other.Annotations},
		{&own.Pod.Labels, other.Pod.Labels},
		{&own.Pod.Annotations, other.Pod.Annotations},
	} {
		for _, key := range slices.Sorted(maps.Keys(m.other)) {
			switch value, taken := (*m.own)[key]; {
			case !taken:
				setKey(m.own, key, m.other[key])
			case value != m.other[key]:
				u.warn(finding{
					code: "label-shared", summary: fmt.Sprintf("is left out: its pod is that of %s, which has another value for it", g.owner.name),
				}, append(u.labelKey(key), key)...)
			}
		}
	}
}

// labelKey is where the unit has a label.
func (u *unit) labelKey(label string) []string {
	if _, ok := u.in.Annotations[label]; ok {
		return []string{"annotations"}
	}
	if _, ok := u.in.Labels[label]; ok {
		return []string{"labels"}
	}
	return []string{"deploy", "labels"}
}

// host tells of namespaces of the node that come to containers which did not ask
// for them, and refuses a network that one of them does not want.
func (g *group) host(u *unit) {
	own, other := g.owner.pod(), u.pod()
	for _, n := range []struct {
		key        string
		own, other bool
	}{
		{"network_mode", own.HostNetwork, other.HostNetwork}, {"ipc", own.HostIPC, other.HostIPC}, {"pid", own.HostPID, other.HostPID},
	} {
		who, whom := g.owner, u
		if n.other {
			who, whom = u, g.owner
		}
		if n.own != n.other && !slices.Contains(whom.joinKeys(), n.key) {
			who.warn(finding{code: "shared-pod-host", summary: fmt.Sprintf("holds for the whole pod, and so for %s as well", whom.name)}, n.key)
		}
	}
	if (g.owner.in.NetworkMode == "none") != (u.in.NetworkMode == "none") && u.network() == u.name {
		g.conflict(u, u.joinKey(), "one has no network, the other has", "give both the same network_mode")
	}
	hosts, others := hostsOf(own), hostsOf(other)
	for _, host := range slices.Sorted(maps.Keys(others)) {
		addresses := others[host]
		if before := hosts[host]; len(before) > 0 && !slices.Equal(before, addresses) {
			g.conflict(u, []string{"extra_hosts"}, fmt.Sprintf("%s is %s for the one and %s for the other", host, strings.Join(before, ", "), strings.Join(addresses, ", ")), "give it one address")
		}
	}
}

// hostsOf returns the addresses of the hosts that a pod knows.
func hostsOf(pod *corev1.PodSpec) map[string][]string {
	hosts := map[string][]string{}
	for _, alias := range pod.HostAliases {
		for _, host := range alias.Hostnames {
			hosts[host] = append(hosts[host], alias.IP)
		}
	}
	return hosts
}

// ports refuses that two containers listen on one port. The service whose network
// it is may well open the ports of those that use it: in Compose, nobody else can.
func (g *group) ports() {
	holders := map[string]*unit{}
	for _, u := range g.units {
		for _, p := range u.ports {
			id := portID(p.target, p.protocol)
			if g.opensForOthers(u, id) {
				u.dropPort(p)
				continue
			}
			if holder := holders[id]; holder != nil && holder != u {
				g.conflict(u, p.key, fmt.Sprintf("%s and %s both listen on port %d", holder.name, u.name, p.target), "let one of them listen on another port")
			}
			holders[id] = u
		}
	}
}

// dropPort takes back that the container listens on a port, unless the node does
// so for it.
func (u *unit) dropPort(p port) {
	u.container.Ports = slices.DeleteFunc(u.container.Ports, func(c corev1.ContainerPort) bool {
		return c.HostPort == 0 && c.ContainerPort == p.target && cmp.Or(c.Protocol, corev1.ProtocolTCP) == p.protocol
	})
}

// opensForOthers reports whether a port of the unit is one on which another unit
// listens that uses its network.
func (g *group) opensForOthers(u *unit, id string) bool {
	return slices.ContainsFunc(g.units, func(other *unit) bool {
		return other != u && other.network() == u.name &&
			slices.ContainsFunc(other.ports, func(p port) bool { return portID(p.target, p.protocol) == id })
	})
}

// network returns the service whose network the unit uses, in its pod.
func (u *unit) network() string {
	name := u.name
	for range u.group.units {
		to, ok := u.target(u.project.Services[name].NetworkMode)
		if !ok || u.podOf(to) != u.podOf(u.name) {
			return name
		}
		name = to
	}
	return name
}

// reached are the ports on which the unit is reached: its own, and those of units
// that use its network.
func (u *unit) reached() []port {
	ports := slices.Clone(u.ports)
	for _, other := range u.group.units {
		if other != u && other.network() == u.name {
			ports = append(ports, other.ports...)
		}
	}
	return ports
}

// joinKeys are the keys by which the unit came into its pod.
func (u *unit) joinKeys() []string {
	var keys []string
	for _, n := range namespaces(u.in) {
		if to, ok := u.target(n.value); ok && u.podOf(to) == u.podOf(u.name) {
			keys = append(keys, n.key)
		}
	}
	return keys
}

// joinKey is the first of them, if the unit came so.
func (u *unit) joinKey() []string {
	keys := u.joinKeys()
	return keys[:min(1, len(keys))]
}

// conflict refuses what a unit and the owner of its pod cannot both have.
func (g *group) conflict(u *unit, key []string, why, hint string) {
	u.fail(finding{
		code:    "shared-pod-conflict",
		summary: fmt.Sprintf("cannot share a pod with %s: %s", g.owner.name, why),
		hint:    hint,
	}, key...)
}

// differ refuses a field that a pod has once and two units want to be different.
func (g *group) differ(u *unit, field string) {
	key, name := u.joinKey(), field
	for prefix, k := range fieldKeys() {
		if field == prefix || strings.HasPrefix(field, prefix+".") {
			key, name = k, strings.Join(k, ".")
		}
	}
	g.conflict(u, key, fmt.Sprintf("they differ in %s, which all containers of a pod have in common", name), "give both the same value, or leave one out")
}

// fieldKeys are the Compose keys behind the fields of pods and workloads.
func fieldKeys() map[string][]string {
	return map[string][]string{
		"hostname": {"hostname"}, "hostnameOverride": {"hostname"}, "nodeSelector": {"platform"}, "runtimeClassName": {"runtime"}, "restartPolicy": {"restart"},
		"run": {"restart"}, "dnsConfig.options": {"dns_opt"}, "securityContext.sysctls": {"sysctls"}, "affinity": {"deploy", "placement"}, "update": {"deploy", "update_config"},
	}
}
