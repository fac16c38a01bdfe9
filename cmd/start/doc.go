// Package start puts the first collection of garbage off until there is something
// to collect.
//
// Some hundred libraries fill their tables before main begins. What they allocate
// stays, but a fresh process collects at 4 MiB already, twice before main.
// From [FirstHeap] on, it collects as always.
//
// Go initialises packages in the order of their import paths, as far as they do
// not need each other. This one needs next to nothing, and its path is before those
// of the libraries; main imports it for that alone.
package start
