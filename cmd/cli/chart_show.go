package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"helm.sh/helm/v3/pkg/chart"
)

// newChartShow gathers the commands that print a part of a chart.
func newChartShow(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:     "show",
		Aliases: []string{"inspect"},
		Short:   "Print the files of a chart that tell what it is",
		Long: `Show prints files of a chart as they are: a folder, a .tgz file, REPOSITORY/NAME or
REPOSITORY/NAME@VERSION, a URL, or oci://HOST/PATH:VERSION.`,
		Example: `  gantry chart show values local/shop > mine.yaml`,
	}
	for _, part := range chartParts() {
		c.AddCommand(newShowPart(a, part))
	}
	return c
}

// chartPart is something of a chart that can be shown.
type chartPart struct {
	name, short string
	// what is what a person misses when there is none.
	what string
	// texts returns the documents.
	texts func(*chart.Chart) []string
}

func chartParts() []chartPart {
	parts := []chartPart{
		{"chart", "Print Chart.yaml", "Chart.yaml", fileNamed("Chart.yaml")},
		{"values", "Print the default values", "values.yaml", fileNamed("values.yaml")},
		{"readme", "Print the README", "README.md", readme},
		{"crds", "Print the custom resource definitions", "custom resource definitions", definitions},
		{"schema", "Print the schema of the values", "values.schema.json", fileNamed("values.schema.json")},
	}
	all := func(c *chart.Chart) []string {
		var texts []string
		for _, p := range parts {
			texts = append(texts, p.texts(c)...)
		}
		return texts
	}
	return append(parts, chartPart{"all", "Print all of these", "anything to show", all})
}

func newShowPart(a *app, part chartPart) *cobra.Command {
	var o chartOptions
	c := &cobra.Command{
		Use:   part.name + " CHART",
		Short: part.short,
		Long:  part.short + ` of a chart, byte for byte.` + "\n\n" + exitCodesHelp,
		Example: fmt.Sprintf(`  gantry chart show %[1]s ./shop
  gantry chart show %[1]s local/shop@1.2.3`, part.name),
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runChartShow(cmd.Context(), a, args[0], part, &o)
		},
	}
	o.bindSource(c)
	return c
}

func runChartShow(ctx context.Context, a *app, ref string, part chartPart, o *chartOptions) error {
	l, err := a.loadChart(ctx, ref, o)
	if err != nil {
		return err
	}
	texts := part.texts(l.chart)
	if len(texts) == 0 {
		return notFoundError(fmt.Errorf("%s %s has no %s", l.chart.Name(), l.chart.Metadata.Version, part.what))
	}
	for i, text := range texts {
		if i > 0 {
			fmt.Fprintln(a.Out, "---")
		}
		fmt.Fprint(a.Out, text)
		if !strings.HasSuffix(text, "\n") {
			fmt.Fprintln(a.Out)
		}
	}
	return nil
}

func fileNamed(name string) func(*chart.Chart) []string {
	return func(c *chart.Chart) []string {
		for _, f := range c.Raw {
			if f.Name == name {
				return []string{string(f.Data)}
			}
		}
		return nil
	}
}

// readme finds the README, which people spell in several ways.
func readme(c *chart.Chart) []string {
	for _, f := range c.Raw {
		if slices.Contains([]string{"readme.md", "readme.txt", "readme"}, strings.ToLower(f.Name)) {
			return []string{string(f.Data)}
		}
	}
	return nil
}

// definitions returns the files of crds/, those of the charts within included, as
// they are installed.
func definitions(c *chart.Chart) []string {
	var texts []string
	for _, crd := range c.CRDObjects() {
		texts = append(texts, string(crd.File.Data))
	}
	return texts
}
