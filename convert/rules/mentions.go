package rules

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"gantry/charts/diag"
	"gantry/charts/pattern"
	"gantry/convert/hosts"
)

// mentions is where the user's own strings speak of the services of the
// application: variables, commands, health checks, and the files that become
// ConfigMaps and Secrets.
type mentions struct {
	// hosts are the names by which a Compose network knows the services, and which
	// service each stands for; the machine that runs Docker is none, and neither is what
	// several share. Nothing else is looked for. names are the same by service.
	hosts map[string]string
	names map[string][]string
	// first is where each of them stands first.
	first map[string]diag.Path
	// dialed are the ports that stand beside the names of a service.
	dialed map[string][]dialedPort
	// others are the names that somebody else than the service itself mentions.
	others map[string]bool
	// own are the services that speak of themselves with a port.
	own map[string]bool
	// by are the services that a service speaks of, and bare those that it names without
	// a port.
	by, bare map[string]map[string]bool
}

func newMentions(hosts map[string]string) mentions {
	names := map[string][]string{}
	for host, service := range hosts {
		names[service] = append(names[service], host)
	}
	return mentions{
		hosts: hosts, names: names, first: map[string]diag.Path{}, others: map[string]bool{}, own: map[string]bool{},
		dialed: map[string][]dialedPort{}, by: map[string]map[string]bool{}, bare: map[string]map[string]bool{},
	}
}

// findMentions reads the values of variables, commands, health checks and the
// contents of configs. Files follow as they are read: [app.addData].
func (a *app) findMentions(known map[string]string) mentions {
	m := newMentions(known)
	for _, name := range slices.Sorted(maps.Keys(a.project.Services)) {
		s, path := a.project.Services[name], diag.Path{"services", name}
		m.addContainer(&s.ContainerSpec, path)
		if s.HealthCheck != nil {
			m.addWords(s.HealthCheck.Test, below(path, "healthcheck", "test"))
		}
		for i, hook := range s.PreStart {
			m.addContainer(&hook.ContainerSpec, below(path, "pre_start", strconv.Itoa(i)))
		}
		for _, hook := range slices.Concat(s.PostStart, s.PreStop) {
			m.addWords(hook.Command, path)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.project.Jobs)) {
		job := a.project.Jobs[name]
		m.addContainer(&job.ContainerSpec, diag.Path{"jobs", name})
	}
	for _, name := range slices.Sorted(maps.Keys(a.project.Configs)) {
		m.add(a.project.Configs[name].Content, diag.Path{"configs", name, "content"})
	}
	return m
}

// addContainer notes the hosts of what a container runs.
func (m mentions) addContainer(c *types.ContainerSpec, path diag.Path) {
	for _, key := range slices.Sorted(maps.Keys(c.Environment)) {
		if v := c.Environment[key]; v != nil {
			at := below(path, "environment", key)
			m.add(*v, at)
			m.pair(*v, key, c.Environment, at)
		}
	}
	m.addWords(c.Command, below(path, "command"))
	m.addWords(c.Entrypoint, below(path, "entrypoint"))
}

func (m mentions) addWords(words []string, path diag.Path) {
	for _, w := range words {
		m.add(w, path)
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
	for alias := range a.sharedAliases {
		add(alias, "") // no one service
	}
	for _, name := range slices.Sorted(maps.Keys(a.project.Services)) {
		for _, host := range a.otherNames(name) {
			add(host, name)
		}
		for _, link := range a.project.Services[name].Links {
			if service, alias, found := strings.Cut(link, ":"); found {
				add(alias, service)
			}
		}
	}
	for _, host := range dockerHosts() {
		add(host, "")
	}
	for _, name := range slices.Sorted(maps.Keys(a.project.Services)) {
		add(swarmTasks+name, name)
	}
	for _, address := range slices.Sorted(maps.Keys(a.addresses)) {
		add(address, a.addresses[address])
	}
	for first := range a.subnets {
		add(first, "") // no one service
	}
	return hosts
}

// otherNames are what a service is called besides its own name.
func (a *app) otherNames(service string) []string {
	s := a.project.Services[service]
	names := append([]string{s.Hostname, s.ContainerName}, a.firstContainer(service)...)
	for _, network := range slices.Sorted(maps.Keys(s.Networks)) {
		if n := s.Networks[network]; n != nil {
			names = append(names, n.Aliases...)
		}
	}
	return names
}

// dockerHosts are the names and the usual address of the machine that runs Docker, as
// its containers see it.
func dockerHosts() []string {
	return []string{"host.docker.internal", "gateway.docker.internal", "172.17.0.1"}
}

// add notes the hosts of a text, and the ports beside them.
func (m mentions) add(text string, path diag.Path) {
	for start, end := range hosts.Words(text) {
		m.found(text[start:end], text[:start], text[end:], path)
	}
	m.addRanges(text, path)
}

// hostRange stands for hosts that are numbered: minio{1...4}, or kafka-{1..3} to a
// shell.
var hostRange = pattern.Lazy(`[-_.a-zA-Z0-9]*\{[0-9]{1,4}\.\.\.?[0-9]{1,4}\}[-_.a-zA-Z0-9]*`)

// maxHostRange is how many hosts of one range are looked for.
const maxHostRange = 64

// addRanges notes the hosts that a text counts.
func (m mentions) addRanges(text string, path diag.Path) {
	for _, at := range hostRange().FindAllStringIndex(text, -1) {
		before, rest, _ := strings.Cut(text[at[0]:at[1]], "{")
		numbers, after, _ := strings.Cut(rest, "}")
		from, to, _ := strings.Cut(numbers, "..")
		first, _ := strconv.Atoi(from)
		last, _ := strconv.Atoi(strings.TrimPrefix(to, "."))
		width := 0
		if strings.HasPrefix(from, "0") {
			width = len(from)
		}
		for n := first; n <= min(last, first+maxHostRange-1); n++ {
			m.found(fmt.Sprintf("%s%0*d%s", before, width, n, after), text[:at[0]], text[at[1]:], path)
		}
	}
}

// found notes where a service is spoken of, who does so, and what stands around it.
func (m mentions) found(host, before, after string, path diag.Path) {
	service, known := m.hosts[host]
	if !known {
		return
	}
	for _, number := range portsBeside(before, after) {
		m.dial(service, number, path)
	}
	if m.first[host] == nil {
		m.first[host] = path
	}
	if path[0] != "services" || path[1] != service {
		m.others[host] = true
	}
	if path[0] != "services" || service == "" {
		return
	}
	if path[1] == service && len(portsBeside(before, after)) > 0 {
		m.own[service] = true
	}
	note := func(by map[string]map[string]bool) {
		if by[path[1]] == nil {
			by[path[1]] = map[string]bool{}
		}
		by[path[1]][service] = true
	}
	note(m.by)
	if !strings.HasPrefix(after, ":") {
		note(m.bare)
	}
}

// unreachable warns where a string speaks of the machine that runs Docker, unless
// extra_hosts says where that is.
func (a *app) unreachable() {
	for _, host := range dockerHosts() {
		path, mentioned := a.mentions.first[host]
		said := false
		for _, s := range a.project.Services {
			_, found := s.ExtraHosts[host]
			said = said || found
		}
		if !mentioned || said {
			continue
		}
		a.report(diag.Warning, finding{
			code:    "docker-host",
			summary: fmt.Sprintf("mentions %s, the machine that runs Docker: pods do not reach it by that", host),
			hint:    "write the name or the address by which the cluster reaches what runs there",
		}, path)
	}
}
