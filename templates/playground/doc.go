// Package playground holds the scripts of the page that converts in the browser. It
// is apart from the other templates because the converter itself, which make
// compiles to WebAssembly, is among its files, and must not hold what it was
// compiled to before.
package playground

import "embed"

//go:embed *
var files embed.FS

// Converter is the converter's name among the files, compressed by gzip. It is there in
// a binary that make built, and so is Go's own wasm_exec.js.
const Converter = "gantry.wasm.gz"

// Files returns the page's scripts and, where make built them, the converter and its
// loader.
func Files() embed.FS { return files }
