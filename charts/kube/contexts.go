package kube

import (
	"maps"
	"slices"
)

// Contexts are the names of the contexts of the kubeconfig.
func (c *Cluster) Contexts() []string {
	raw, err := c.loader.RawConfig()
	if err != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(raw.Contexts))
}
