// Package kube is the cluster that releases live in, over client-go: which
// cluster is meant, whether it answers, and how objects get there and become
// ready.
//
// Start at [Connect]; a [Cluster] satisfies release.Cluster. A [Session] is what
// one operation does: it applies objects in parallel, tells of each, waits by
// watching, and says why something does not become ready.
//
// The package must not import k8s.io/kubectl/pkg/cmd/get, which takes as long to
// start as the rest of gantry together.
package kube
