// Package compare tells how objects differ, and how charts do.
//
// Start at [Objects] for two manifests, as a release has them, and at [Charts]
// for two charts. Differences are typed: what was added, removed or changed, and
// at which path. Order, comments and the version of an API do not count, and
// values of Secrets are never in a result.
//
// The package decides nothing about what a difference means; charts/bump does.
// It reaches neither a cluster nor a repository.
package compare
