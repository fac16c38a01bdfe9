package playground

import (
	"bytes"
	"context"

	"gantry/charts"
	"gantry/charts/diag"
	"gantry/charts/picture"
	"gantry/convert"
	"gantry/convert/compose"
	"gantry/convert/helm"
	"gantry/convert/manifest"
	"gantry/convert/report"
	"gantry/convert/rules"
)

// Request is what a visitor asks for.
type Request struct {
	// Dir is the folder of the application's files.
	Dir string `json:"dir"`
	// File is the name of the Compose file in it.
	File string `json:"file"`
	// Expose is cluster, nodeport, loadbalancer, ingress or gateway; empty is
	// cluster.
	Expose string `json:"expose"`
	// NetworkPolicies keeps the networks of the Compose file apart.
	NetworkPolicies bool `json:"networkPolicies"`
}

// Answer is what the page shows.
type Answer struct {
	// Name is that of the application.
	Name    string `json:"name"`
	Summary string `json:"summary"`
	// Error says why there is nothing to show but diagnostics.
	Error       string       `json:"error,omitempty"`
	Diagnostics []Diagnostic `json:"diagnostics"`
	// Picture is SVG for a page that has the style sheet of pictures.
	Picture string `json:"picture,omitempty"`
	// Manifests are the objects as one YAML stream.
	Manifests string `json:"manifests,omitempty"`
	Chart     []File `json:"chart,omitempty"`

	files []charts.File
}

// Files are the files of the chart, byte for byte.
func (a *Answer) Files() []charts.File { return a.files }

// Diagnostic is a diagnostic as the page shows it.
type Diagnostic struct {
	Severity string `json:"severity"`
	File     string `json:"file"`
	// Line and Column count from one; zero is nowhere.
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Path    string `json:"path"`
	Summary string `json:"summary"`
	Hint    string `json:"hint,omitempty"`
}

// File is a file of the chart.
type File struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Convert converts an application. Whatever is wrong with it is in the answer.
func Convert(ctx context.Context, r Request) *Answer {
	src := compose.Source{WorkingDir: r.Dir, Dir: r.Dir, Files: []string{r.File}}
	result, err := convert.Convert(ctx, src, rules.Options{Expose: rules.Exposure(r.Expose), NetworkPolicies: r.NetworkPolicies})
	if result == nil {
		return &Answer{Error: err.Error()}
	}
	a := &Answer{}
	for _, d := range result.Diagnostics {
		a.Diagnostics = append(a.Diagnostics, shown(d))
	}
	if n := result.Diagnostics.Count(diag.Error); n > 0 {
		a.Error = diag.Count(n, "error")
		return a
	}
	if err != nil {
		a.Error = err.Error()
		return a
	}
	a.Name, a.Summary = result.App.Name, report.Summarise(result).String()
	if err := a.draw(result); err != nil {
		a.Error = err.Error()
	}
	return a
}

func shown(d diag.Diagnostic) Diagnostic {
	return Diagnostic{
		Severity: d.Severity.String(), File: d.Pos.File, Line: d.Pos.Line, Column: d.Pos.Column,
		Path: diag.Printable(d.Path.String()), Summary: diag.Printable(d.Summary), Hint: diag.PrintableLines(d.Hint),
	}
}

// draw fills in what comes of an application that has no errors.
func (a *Answer) draw(result *convert.Result) error {
	var drawn, manifests bytes.Buffer
	if err := report.Draw(result).Inline(&drawn, picture.Links{}); err != nil {
		return err
	}
	if err := manifest.Write(&manifests, result.Objects); err != nil {
		return err
	}
	a.Picture, a.Manifests = drawn.String(), manifests.String()
	files, err := helm.Chart(helm.Source{Name: a.Name, Minor: result.App.Minor, Objects: result.Objects, Data: result.App.Data, Own: result.App.Own})
	if err != nil {
		return err
	}
	a.files = files
	for _, f := range files {
		a.Chart = append(a.Chart, File{f.Name, string(f.Data)})
	}
	return nil
}
