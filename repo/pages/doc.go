// Package pages shows a chart repository to people: what there is, what is in a
// chart, how two versions of it differ, and what to type to use it.
//
// Start at [New]; a [Pages] has a method for each page. It draws what a [Library]
// holds, and asks an [Inspector] for what takes rendering a chart, because the
// repository must not reach the engine.
//
// Everything in a chart was written by somebody else. The pages run no script but
// their own, load nothing from another host, and can be read without any script.
package pages
