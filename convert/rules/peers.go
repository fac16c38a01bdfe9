package rules

import (
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"gantry/charts/pattern"
	"gantry/convert/hosts"
	"gantry/convert/workload"
)

// findsItself reports whether the service speaks to itself by a name that its Service
// answers to: its health check does so, or it is a datastore, whose members dial the
// address that they tell others. It would never be ready if it had to be ready for that.
func (u *unit) findsItself() bool {
	if isDatastore(u.in.Image) && u.mentions.own[u.name] {
		return true
	}
	if u.in.HealthCheck == nil {
		return false
	}
	test := strings.Join(u.in.HealthCheck.Test, " ")
	return slices.ContainsFunc(u.mentions.names[u.name], func(host string) bool { return dials(test, host) })
}

// portWord is a port behind a host, as a word of its own.
var portWord = pattern.Lazy(`^ [0-9]{2,5}($|[^0-9a-zA-Z])`)

// dials reports whether a command connects to a host, and does not use its name as that
// of a user, a database or a program.
func dials(command, host string) bool {
	return stands(host, command, func(before, after string) bool {
		place := hosts.PlaceOf(command, len(before), len(before)+len(host))
		return place == hosts.Host || place == hosts.Unknown && portWord().MatchString(after)
	})
}

// hostSetting is the key of a setting whose value is a host.
var hostSetting = pattern.Lazy(`(?i)(host|hostname|addr|address)["']?\s*[=:]\s*["']?$`)

// isTold reports whether a text sets a host and says no port, such as
// RABBITMQ_HOST=broker: which port that is, the program knows that reads it.
func isTold(text, host string) bool {
	return stands(host, text, func(before, after string) bool {
		return strings.Trim(strings.SplitN(after, "\n", 2)[0], ` "'`) == "" && hostSetting().MatchString(before)
	})
}

// listener is the key of an address that a program listens on.
var listener = pattern.Lazy(`(?i)([-_.a-z0-9]*(?:listen|bind)[-_.a-z0-9]*)["']?[=:\s]+\S*$`)

// listens reports whether a text tells a program to listen on the address that a host
// has. What is advertised is for others.
func listens(text, host string) bool {
	return stands(host, text, func(before, _ string) bool {
		key := listener().FindStringSubmatch(before)
		return key != nil && !strings.Contains(strings.ToLower(key[1]), "advert")
	})
}

// stands reports whether a host stands in a text where what is before it and behind it
// is as it should be.
func stands(host, text string, fits func(before, after string) bool) bool {
	for start, end := range hosts.Words(text) {
		if text[start:end] == host && fits(text[:start], text[end:]) {
			return true
		}
	}
	return false
}

// saysOf reports whether one of the texts that a service is given is about another
// service, or itself, in some way.
func (u *unit) saysOf(of *unit, about func(text, host string) bool) (host string, found bool) {
	texts := u.told()
	for _, host := range slices.Sorted(slices.Values(u.mentions.names[of.name])) {
		if slices.ContainsFunc(texts, func(text string) bool { return about(text, host) }) {
			return host, true
		}
	}
	return "", false
}

// told returns the texts that a service is given: its variables and its command line.
func (u *unit) told() []string {
	texts := []string{strings.Join(append(slices.Clone(u.in.Entrypoint), u.in.Command...), " ")}
	for key, value := range u.in.Environment {
		if value != nil {
			texts = append(texts, key+"="+*value)
		}
	}
	for _, f := range u.files {
		for key, value := range f.vars {
			texts = append(texts, key+"="+value)
		}
	}
	return texts
}

// findsPeers reports whether the service is a member of a cluster, such as one of
// three of etcd: it and another of the same image speak of each other. They have to
// find each other before any of them is ready.
func (u *unit) findsPeers() bool {
	for peer := range u.mentions.by[u.name] {
		if other := u.units[peer]; other != nil && other != u && u.sameImage(other) && u.mentions.by[peer][u.name] {
			return true
		}
	}
	return false
}

// isMember reports whether another service of the same image speaks of this one as of
// a member of a cluster: members have ports of their own for each other, which nothing
// of the Compose file names.
func (u *unit) isMember() bool {
	store, peers := isDatastore(u.in.Image), u.findsPeers()
	for name, other := range u.units {
		if other == u || !u.mentions.by[name][u.name] || !u.sameImage(other) {
			continue
		}
		if (store || peers) && u.mentions.bare[name][u.name] || store && other.joins() || u.isTheirHost(other) {
			return true
		}
	}
	return false
}

// joins reports whether a service speaks of several others of its image, as what makes a
// cluster of them does.
func (u *unit) joins() bool {
	members := 0
	for name := range u.mentions.by[u.name] {
		if other := u.units[name]; other != nil && other != u && u.sameImage(other) {
			members++
		}
	}
	return members > 1
}

// isTheirHost reports whether the service and another of its image are told one host, the
// service itself, and nobody says a port: workers find their manager so.
func (u *unit) isTheirHost(other *unit) bool {
	if len(u.mentions.dialed[u.name]) > 0 {
		return false
	}
	_, own := u.saysOf(u, isTold)
	_, theirs := other.saysOf(u, isTold)
	return own && theirs
}

// sameImage reports whether two services run one image: the same name, or the same
// build where neither has a name.
func (u *unit) sameImage(other *unit) bool {
	return u.in.Image == other.in.Image && reflect.DeepEqual(u.in.Build, other.in.Build)
}

// listensOnName reports whether the pods of a StatefulSet listen on the address of the
// service's name, or may do so, which must be their own then: its controller gives them
// other host names. Members of a cluster may, on the addresses that all of them are told.
func (u *unit) listensOnName() bool {
	if u.work.Kind != workload.StatefulSet || u.pod().HostnameOverride != nil {
		return false
	}
	_, found := u.saysOf(u, listens)
	return found || u.findsPeers() && u.mentions.own[u.name]
}

// ownNames gives pods the name by which their service speaks of itself. Programs listen
// on that address, or wait until they find themselves by it: on a Compose network it is
// the container's own, and a Service has another, which nobody can listen on.
func (a *app) ownNames(units []*unit) {
	for _, u := range units {
		pod := u.pod()
		named := pod.Hostname != "" || pod.HostnameOverride != nil || pod.Subdomain != ""
		if named || pod.HostNetwork || u.network() != u.name || u.in.GetScale() > 1 || u.work.Kind != workload.Deployment {
			continue
		}
		host, found := u.saysOf(u, func(text, host string) bool { return dials(text, host) || isTold(text, host) })
		if !found && u.mentions.own[u.name] {
			host, found = u.object, true
		}
		if !found || len(validation.IsDNS1123Label(host)) > 0 {
			continue
		}
		pod.Hostname = host
		u.note(finding{code: "own-name", summary: "speaks of itself as " + host + ": that is the host name of its pod, so that it can listen on that address"})
	}
}
