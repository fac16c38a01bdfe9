package cli

import "github.com/spf13/cobra"

// chartCommands returns the commands of the group, in the order of the help.
func chartCommands(a *app) []*cobra.Command {
	return []*cobra.Command{newChart(a)}
}

// newChart gathers the commands that make, check, pack and move charts.
func newChart(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:     "chart",
		Short:   "Make, check, pack and move charts",
		Example: "  gantry chart --help",
	}
	c.AddCommand(chartSubcommands(a)...)
	return c
}

// chartSubcommands returns what stands below gantry chart, in the order of the
// help.
func chartSubcommands(a *app) []*cobra.Command {
	return []*cobra.Command{newChartCreate(a), newChartPush(a), newChartPull(a)}
}
