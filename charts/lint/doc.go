// Package lint checks a chart with helm's linter, and reports in the words of
// the rest of gantry: diagnostics with the file, and the line where it is known.
//
// Start at [Run].
package lint
