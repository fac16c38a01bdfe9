package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"gantry/charts/merge"
)

type chartStatusOptions struct {
	output string
	diff   bool
}

func newChartStatus(a *app) *cobra.Command {
	var o chartStatusOptions
	c := &cobra.Command{
		Use:   "status [CHART]",
		Short: "List what was edited in a generated chart",
		Long: `Status compares a chart, by default the one of this folder, with what gantry chart
create generated there last time, and lists what was edited since: these edits
survive when the chart is made again.

` + exitCodesHelp,
		Example: `  gantry chart status charts/shop
  gantry chart status charts/shop --diff
  gantry chart status charts/shop -o json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			return runChartStatus(a, dir, &o)
		},
	}
	bindOutput(c, &o.output)
	c.Flags().BoolVar(&o.diff, "diff", false, "show what was edited as a diff")
	return c
}

func runChartStatus(a *app, dir string, o *chartStatusOptions) error {
	if err := checkOutput(o.output); err != nil {
		return err
	}
	if o.diff && o.output != "table" {
		return usageError(errors.New("--diff is for people: leave out -o"))
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return notFoundError(fmt.Errorf("there is no chart %s", dir))
	}
	there, err := readChartFolder(dir, false)
	if err != nil {
		return err
	}
	if there.record == nil {
		return withHint(fmt.Errorf("%s is no chart that gantry generated: there is no record of it in the file %s", dir, markerFile),
			"make one with gantry chart create, or let that take over this one by --adopt")
	}
	changes, generated := merge.Edits(there.record, there.files, there.behindLinks(there.record.Names()))
	if o.diff {
		a.printDiff(newRewrite(&chartFolder{dir: dir, files: generated, contents: contentsOf(generated)}, there.files))
		return nil
	}
	l := listing{header: []string{"FILE", "KEY", "EDIT"}, values: changes, empty: "nothing was edited in " + dir}
	for _, c := range changes {
		what := string(c.What)
		if c.Note != "" {
			what += " (" + c.Note + ")"
		}
		l.rows = append(l.rows, []string{c.File, c.Path.String(), what})
	}
	return a.list(o.output, l)
}

// tellOfChart tells who runs an application straight from its Compose files that
// there is a chart of it with edits, which take no part in that.
func (a *app) tellOfChart(name string) {
	there, err := readChartFolder(name, false)
	if err != nil || there.record == nil {
		return // it is no chart that this command reads
	}
	if changes, _ := merge.Edits(there.record, there.files, there.behindLinks(there.record.Names())); len(changes) > 0 {
		fmt.Fprintf(a.Err, "the chart in %s was edited, which this release knows nothing of; to run that chart: gantry upgrade %s ./%s --install\n", name, name, name)
	}
}
