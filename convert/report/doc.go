// Package report shows what a conversion did, to people and to programs.
//
// [Text] prints diagnostics as a compiler does, with the line of the source.
// [Build] puts everything that is known of a conversion together: the outcome
// of every key, the objects, and the [Picture] of the application. From that
// come the page that [Report.HTML] writes and the formats for programs, JSON
// and SARIF. The picture alone is drawn as SVG, Mermaid or Graphviz.
//
// A report only looks at a conversion: it decides nothing, and the same
// conversion gives the same bytes. It shows the user's own files, so every line
// of them goes through a mask that hides what looks like a secret, and nothing in
// them is trusted to be harmless to a terminal or a browser.
package report
