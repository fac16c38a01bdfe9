// Package playground converts what somebody typed into a page, and answers with
// all that the page shows: diagnostics, the picture, the objects and a chart.
//
// There is one function, [Convert], from a [Request] to an [Answer]. Command
// gantry-playground offers it to a browser as WebAssembly, so nothing that is
// typed leaves the machine.
package playground
