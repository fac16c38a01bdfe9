// Package lint checks a chart as helm's linter does and by rules of its own, and reports
// in the words of the rest of gantry: diagnostics with the file, and the line where it
// is known.
//
// Start at [Run]. A rule looks at a subject: the files of the chart as their author
// wrote them, and the objects that the templates render to with the values given.
package lint
