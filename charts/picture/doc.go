// Package picture draws an application: what runs, how it is reached, what it
// keeps, who needs whom, and which Kubernetes objects that makes.
//
// A [Picture] is boxes and arrows. Package report fills one from a conversion, and
// [Of] from the objects that a chart renders to. It is drawn as SVG, alone or
// within a page, and told as Mermaid or Graphviz text.
//
// The same picture gives the same bytes, on every machine, and nothing in it is
// trusted to be harmless to a browser.
package picture
