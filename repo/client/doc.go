// Package client talks to chart repositories: it fetches and caches their
// indexes, downloads charts and publishes them, over HTTP and from OCI
// registries.
//
// Start at [New]. What is configured lies where Helm keeps it ([Paths]), in
// Helm's own files and under Helm's lock, so that both tools see the same
// repositories and the same cached indexes.
//
// Nothing here trusts a server: bodies have limits, digests are checked before a
// file gets its name, and credentials go to the repository's own origin alone.
// The package must not reach Kubernetes.
package client
