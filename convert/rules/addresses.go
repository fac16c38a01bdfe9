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

// findSubnets returns the ranges of addresses that networks of Compose have for good, by
// their first address, and whose each is.
func (a *app) findSubnets() map[string]subnet {
	found := map[string]subnet{}
	for _, name := range slices.Sorted(maps.Keys(a.project.Networks)) {
		for _, pool := range a.project.Networks[name].Ipam.Config {
			if pool == nil {
				continue
			}
			if prefix, err := netip.ParsePrefix(pool.Subnet); err == nil {
				found[prefix.Masked().Addr().String()] = subnet{pool.Subnet, name}
			}
		}
	}
	return found
}

// subnet is a range of addresses, and the network that has it.
type subnet struct{ text, network string }

// ownerOf returns the service that an address belongs to in Compose, or "".
func (a *app) ownerOf(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return ""
	}
	return a.addresses[ip.String()]
}

// fixed warns where a string speaks of a service by an address that it no longer has, or
// of all of a network by their range, as those do who trust it.
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
	for _, first := range slices.Sorted(maps.Keys(a.subnets)) {
		path, mentioned := a.mentions.first[first]
		if !mentioned {
			continue
		}
		a.report(diag.Warning, finding{
			code:    "address-fixed",
			summary: fmt.Sprintf("mentions %s, the addresses of the network %s in Compose: pods have others", a.subnets[first].text, a.subnets[first].network),
			hint:    "write the range of the cluster's pods",
		}, path)
	}
}
