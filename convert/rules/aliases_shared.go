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

// sharedAlias is an alias that several services have on one network, where it resolves to
// the containers of all of them: members of a cluster find each other so.
type sharedAlias struct {
	network  string
	services []string
}

// findSharedAliases finds them, before anything is read that mentions hosts.
func (a *app) findSharedAliases() {
	for alias, holders := range a.aliasHolders() {
		if _, taken := a.kindNames("Service")[alias]; taken || !a.namesService(alias) {
			continue
		}
		all := map[string]bool{}
		for _, services := range holders {
			maps.Copy(all, services)
		}
		for _, network := range slices.Sorted(maps.Keys(holders)) {
			if len(all) > 1 && len(holders[network]) == len(all) {
				services := sortedSet(all)
				a.sharedAliases[alias] = sharedAlias{network, services}
				a.kindNames("Service")[alias] = aliasOf + strings.Join(services, ", ")
				break
			}
		}
	}
}

// aliasHolders returns the services that have an alias, by alias and network.
func (a *app) aliasHolders() map[string]map[string]map[string]bool {
	holders := map[string]map[string]map[string]bool{}
	for service, s := range a.project.Services {
		for network, n := range s.Networks {
			if n == nil {
				continue
			}
			for _, alias := range n.Aliases {
				if holders[alias] == nil {
					holders[alias] = map[string]map[string]bool{}
				}
				if holders[alias][network] == nil {
					holders[alias][network] = map[string]bool{}
				}
				holders[alias][network][service] = true
			}
		}
	}
	return holders
}

// namesService reports whether a Service may have a name.
func (a *app) namesService(name string) bool {
	return len(validation.IsDNS1123Label(name)) == 0 && (name[0] > '9' || a.takes(digitNames))
}

// answerTogether makes the Service of a shared alias. It selects pods by a label of the
// alias, and is headless: there is no port that all of them have.
func (a *app) answerTogether(alias string, shared sharedAlias) {
	e := &workload.Endpoint{Name: alias, Shared: true, Headless: true}
	for _, service := range shared.services {
		u := a.units[service]
		if u == nil || a.services[u.object] == nil {
			continue
		}
		setKey(&u.group.owner.work.Pod.Labels, workload.AliasLabel(alias), "true")
		e.Unready = e.Unready || slices.ContainsFunc(u.told(), func(text string) bool {
			return stands(alias, text, func(string, string) bool { return true })
		})
	}
	a.addEndpoint(e)
	a.report(diag.Note, finding{
		code:    "alias-shared",
		summary: fmt.Sprintf("alias %q is one of %s: a headless Service of this name leads to the pods of all of them", alias, strings.Join(shared.services, ", ")),
	}, diag.Path{"services", shared.services[0], "networks", shared.network, "aliases"})
}
