// Package support reads the support table of package rules for people: what
// becomes of each attribute of Compose, beside what Compose itself says of it and
// an example.
//
// [Entries] joins the rows with the JSON schema of Compose, [Find] understands
// how people write a path, and [Page] is docs/compose-support.md. The examples
// come from the Compose files in samples, which together use every attribute:
// [Samples] hands them also to the test that takes each attribute away and wants
// to see a difference.
//
// The package decides nothing and has no text of its own on any attribute: what
// is wrong here is mended in the rows.
package support

//go:generate go test . -run ^TestPage$ -update
