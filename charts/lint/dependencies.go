package lint

import (
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"

	"gantry/charts/archive"
	"gantry/charts/diag"
)

// dependencies finds where the charts within are not those that the chart names.
func dependencies(s *subject) diag.List {
	var list diag.List
	say := func(severity diag.Severity, names []string, before, after string) {
		if len(names) > 0 {
			d := diag.Diagnostic{Severity: severity, Pos: diag.Pos{File: metadataFile}, Code: "lint-chart", Summary: before + strings.Join(names, ", ") + after}
			for _, file := range []string{metadataFile, "requirements.yaml"} { // the second in charts of v1
				if pos := find(s.chart, file, diag.Path{"dependencies"}); pos.Line > 0 {
					d.Pos, d.Path = pos, diag.Path{"dependencies"}
				}
			}
			list.Add(d)
		}
	}
	say(diag.Warning, archive.MissingDependencies(s.chart), "charts/ does not have ", "")
	say(diag.Error, unnamed(s.chart), "charts/ has ", ", which is no dependency")
	return list
}

// unnamed returns the charts within that are no dependencies.
func unnamed(c *chart.Chart) []string {
	var names []string
	for _, sub := range c.Dependencies() {
		if !slices.ContainsFunc(c.Metadata.Dependencies, func(d *chart.Dependency) bool { return d.Name == sub.Name() }) {
			names = append(names, sub.Name())
		}
	}
	return names
}
