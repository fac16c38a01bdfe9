// Package archive reads charts from folders and .tgz files, and packs them.
//
// Start at [Load] for a path, [Unpack] for a stream and [Pack] for the way back.
// What is read may come from anywhere: every reader has limits (see limits.go),
// and nothing outside of the chart's own folder is ever opened.
//
// Packing is reproducible: the same files give the same bytes on any machine
// (names sorted, one fixed time, one owner, one mode), so a digest can be
// compared between two builds made with the same Go release.
//
// The package knows charts as files and metadata only. It must not import
// anything of Kubernetes, because the repository server stands on it.
package archive
