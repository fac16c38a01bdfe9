package templates

import (
	"embed"
	"io/fs"
)

//go:embed all:chart service repo report
var files embed.FS

// Chart returns the files that every generated chart has. They are Go templates
// with [[ and ]] around actions, because much in them is for Helm to fill in.
func Chart() fs.FS { return below("chart") }

// Service returns the objects that a service of a chart may have besides those
// that it was made of, in the form of Chart.
func Service() fs.FS { return below("service") }

// Repository returns the pages of a chart repository and what they need, for
// html/template.
func Repository() fs.FS { return below("repo") }

// Report returns the page that shows a conversion, for html/template, and the
// style sheet of its picture.
func Report() fs.FS { return below("report") }

func below(folder string) fs.FS {
	sub, err := fs.Sub(files, folder)
	if err != nil {
		panic(err) // the folder is part of the program
	}
	return sub
}
