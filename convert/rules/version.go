package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The versions of Kubernetes, 1.N, for which objects can be made. What the oldest
// has is taken for granted.
const (
	oldestMinor = 29
	newestMinor = 36
)

// feature is something that not all of these versions have.
type feature int

const (
	appArmorFields feature = iota
	digitNames
	dnsSearches
	dynamicResources
	hostNameOverride
	imageVolumes
	bufferSysctls
	procMount
	recursiveReadOnly
	stopSignals
	trafficDistribution
	userNamespaces
	variableNames
)

// gate says since when clusters have a feature without being told to.
type gate struct {
	feature feature
	minor   int
	what    string
}

// gates are the features that the rules ask for, after the feature gates of
// Kubernetes (pkg/features/kube_features.go): the version in which each is on by
// default; of stopSignals, in which it can be switched on.
func gates() []gate {
	return []gate{
		{appArmorFields, 30, "AppArmor profiles as fields of a container"},        // KEP-24, AppArmorFields
		{recursiveReadOnly, 31, "mounts that are read-only all the way down"},     // KEP-3857, RecursiveReadOnlyMounts
		{trafficDistribution, 31, "a distribution of traffic"},                    // KEP-4444, ServiceTrafficDistribution
		{bufferSysctls, 32, "the sizes of TCP buffers among the safe sysctls"},    // kubernetes#127489: tcp_rmem and tcp_wmem
		{variableNames, 32, "variables with such names"},                          // KEP-4369, RelaxedEnvironmentVariableValidation
		{dnsSearches, 33, "such search domains"},                                  // KEP-4427, RelaxedDNSSearchValidation
		{procMount, 33, "containers that see all of /proc"},                       // KEP-4265, ProcMountType
		{userNamespaces, 33, "user namespaces"},                                   // KEP-127, UserNamespacesSupport
		{stopSignals, 33, "signals that stop containers, as an alpha feature"},    // KEP-4960, ContainerStopSignals
		{dynamicResources, 34, "claims of devices"},                               // KEP-4381, DynamicResourceAllocation
		{hostNameOverride, 35, "host names of pods that differ from their names"}, // KEP-4762, HostnameOverride
		{imageVolumes, 35, "volumes from images"},                                 // KEP-4639, ImageVolume
		{digitNames, 36, "Services whose names begin with a digit"},               // KEP-5311, RelaxedServiceNameValidation
	}
}

func (f feature) gate() gate {
	all := gates()
	return all[slices.IndexFunc(all, func(g gate) bool { return g.feature == f })]
}

// has reports whether the clusters that the objects are for have a feature.
func (a *app) has(f feature) bool { return a.minor >= f.gate().minor }

// takes is has for a feature without which a cluster refuses an object, or loses
// part of it: the application then needs a cluster that has it.
func (a *app) takes(f feature) bool {
	if !a.has(f) {
		return false
	}
	a.out.Minor = max(a.out.Minor, f.gate().minor)
	return true
}

// needs is takes for what a key of the unit turns into. Where there is no such
// feature, it reports what is lost.
func (u *unit) needs(f feature, key ...string) bool {
	if u.takes(f) {
		return true
	}
	g := f.gate()
	u.warn(finding{
		code:    "kubernetes-version",
		summary: fmt.Sprintf("is left out: Kubernetes has %s since 1.%d, and 1.%d was asked for", g.what, g.minor, u.minor),
		hint:    fmt.Sprintf("pass --kubernetes-version 1.%d where the cluster is that new", g.minor),
	}, key...)
	return false
}

// KnownVersion returns the version for which objects are made that a cluster of a
// version takes: its own, or the newest that is known.
func KnownVersion(version string) string {
	rest, _ := strings.CutPrefix(strings.TrimPrefix(version, "v"), "1.")
	number, _, _ := strings.Cut(rest, ".")
	if minor, err := strconv.ParseUint(number, 10, 8); err == nil && minor > newestMinor {
		return fmt.Sprintf("1.%d", newestMinor)
	}
	return version
}

// parseVersion returns the minor version of 1.N, as kubectl and vendors write it:
// 1.33, v1.33.1, 1.33.1-gke.1.
func parseVersion(s string) (int, error) {
	rest, found := strings.CutPrefix(strings.TrimPrefix(s, "v"), "1.")
	number, _, _ := strings.Cut(rest, ".")
	minor, err := strconv.ParseUint(number, 10, 8)
	if !found || err != nil || minor < oldestMinor || minor > newestMinor {
		return 0, fmt.Errorf("kubernetes version %q: use one from 1.%d to 1.%d", s, oldestMinor, newestMinor)
	}
	return int(minor), nil
}
