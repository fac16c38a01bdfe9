package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"gantry/charts/picture"
	"gantry/convert/report"
)

func newGraph(a *app) *cobra.Command {
	var (
		o      sourceOptions
		output string
	)
	c := &cobra.Command{
		Use:   "graph",
		Short: "Draw a Compose application",
		Long: `Graph draws what an application is made of: its services with their ports,
volumes, configs and secrets, which of them need which, and the Kubernetes objects
that they become. The drawing goes to standard output.

` + exitCodesHelp,
		Example: `  gantry graph > app.svg
  gantry graph -o mermaid >> README.md
  gantry graph -o dot | dot -Tpdf > app.pdf`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runGraph(cmd.Context(), a, &o, output) },
	}
	o.bind(c)
	c.Flags().StringVarP(&output, "output", "o", "svg", "svg, mermaid or dot")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"svg", "mermaid", "dot"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func runGraph(ctx context.Context, a *app, o *sourceOptions, output string) error {
	draw, ok := map[string]func(*picture.Picture, io.Writer) error{
		"svg": (*picture.Picture).SVG, "mermaid": (*picture.Picture).Mermaid, "dot": (*picture.Picture).Dot,
	}[output]
	if !ok {
		return usageError(fmt.Errorf("unknown output %q: use svg, mermaid or dot", output))
	}
	result, err := a.convert(ctx, o)
	if err != nil {
		return err
	}
	return draw(report.Draw(result), a.Out)
}
