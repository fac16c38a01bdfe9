package rules

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"gantry/charts/diag"
)

// findAddresses returns the addresses that networks of Compose give to services for
// good, and whose each is. Pods get others, which nobody knows before.
func (a *app) findAddresses() map[string]string {
	owners := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(a.project.Services)) {
		for _, network := range a.project.Services[name].Networks {
			if network == nil {
				continue
			}
			for _, address := range []string{network.Ipv4Address, network.Ipv6Address} {
				if ip, err := netip.ParseAddr(address); err == nil {
					owners[ip.String()] = name
				}
			}
		}
	}
	return owners
}

// ownerOf returns the service that an address belongs to in Compose, or "".
func (a *app) ownerOf(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return ""
	}
	return a.addresses[ip.String()]
}

// fixed warns where a string speaks of a service by an address that it no longer has.
func (a *app) fixed() {
	for _, address := range slices.Sorted(maps.Keys(a.addresses)) {
		path, mentioned := a.mentions.first[address]
		if !mentioned {
			continue
		}
		service := a.addresses[address]
		a.report(diag.Warning, finding{
			code:    "address-fixed",
			summary: fmt.Sprintf("mentions %s, the address of %s in Compose: pods have other addresses, which change", address, service),
			hint:    fmt.Sprintf("write %s, the name of its Service", a.names[service]),
		}, path)
	}
}
