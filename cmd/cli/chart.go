package cli

import "github.com/spf13/cobra"

// chartCommands returns the commands of the group, in the order of the help.
func chartCommands(a *app) []*cobra.Command {
	return []*cobra.Command{newChart(a), newTemplate(a), newLint(a), newPackage(a)}
}

// newChart gathers the commands that make, check, pack and move charts.
func newChart(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "chart",
		Short: "Make, check, pack and move charts",
		Example: `  gantry chart create -f compose.yaml -o ./shop
  gantry chart push ./shop http://127.0.0.1:8879`,
	}
	c.AddCommand(chartSubcommands(a)...)
	return c
}

// chartSubcommands returns what stands below gantry chart, in the order of the
// help.
func chartSubcommands(a *app) []*cobra.Command {
	return []*cobra.Command{newChartCreate(a), newChartStatus(a), newLint(a), newPackage(a), newChartSign(a), newChartVerify(a), newChartDeps(a), newChartShow(a), newChartDiff(a), newChartBump(a), newChartPush(a), newChartPull(a)}
}
