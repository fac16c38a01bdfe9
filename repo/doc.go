// Package repo holds the nouns of a chart repository and their wire format: the
// [Index] that a repository publishes as index.yaml, its [Entry] per version of
// a chart, and the choice of a version by a constraint.
//
// Start at [Parse] and [Index.Find]. Everything here is a pure function of its
// input: package client fetches an index, package server publishes one, package
// blob keeps the bytes.
//
// The format is Helm's, field for field, so that either tool reads what the
// other wrote. Nothing in this room may reach Kubernetes.
package repo
