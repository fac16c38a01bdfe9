// Package engine turns a chart and values into the documents of a release.
//
// Start at [Render]; [Values] gathers the values that were given on a command
// line. What comes out is what helm would make of the same input, in the same
// order; [Rendered.WriteTemplate] writes it byte for byte as helm template does.
//
// The work is done by helm's own engine. This package adds what a person needs
// when it fails: errors that carry the file, line and column of the template.
//
// It must not import helm's action package, nor talk to a cluster.
package engine
