package templates

import (
	"embed"
	"io/fs"
)

//go:embed all:chart repo
var files embed.FS

// Chart returns the files that every generated chart has. They are Go templates
// with [[ and ]] around actions, because much in them is for Helm to fill in.
func Chart() fs.FS {
	chart, err := fs.Sub(files, "chart")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	return chart
}

// Repository returns the pages of a chart repository and what they need, for
// html/template.
func Repository() fs.FS {
	repo, err := fs.Sub(files, "repo")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	return repo
}
