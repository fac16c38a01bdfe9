// Package engine turns a chart and values into the documents of a release.
//
// Start at [Render]; [Values] gathers the values that were given on a command
// line. What comes out is what helm would make of the same input, byte for byte;
// [Rendered.WriteTemplate] writes it as helm template does.
//
// The templates are those of text/template, with the functions of sprig and
// helm's own, and helm's engine is the judge of every test. What differs is
// what people notice: templates are parsed and executed on every processor as
// long as none changes what another one sees ([program.run] falls back to one
// after the other), helpers that write the same each time are executed once (the
// memo), documents are put in order without decoding them, errors
// have positions, and a chart cannot take the machine down (the constants Max).
//
// It must not import helm's action package, nor talk to a cluster.
package engine
