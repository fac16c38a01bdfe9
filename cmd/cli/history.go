package cli

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// descriptionWidth is how much of a description fits into a table.
const descriptionWidth = 80

func newHistory(a *app) *cobra.Command {
	var (
		output string
		newest int
	)
	c := &cobra.Command{
		Use:     "history NAME",
		Aliases: []string{"hist"},
		Short:   "List the revisions of a release",
		Long: `History prints the revisions of a release that are kept, oldest first, and how many
objects each has changed; gantry diff NAME REVISION REVISION says which. By is the user of the
cluster who made a revision, where gantry did.

` + exitCodesHelp,
		Example: `  gantry history shop
  gantry history shop --max 3 -o yaml`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runHistory(cmd.Context(), a, args[0], newest, output)
		},
	}
	bindOutput(c, &output)
	c.Flags().IntVar(&newest, "max", 256, "how many to list")
	return c
}

// listedRevision has the names of helm's own output.
type listedRevision struct {
	Revision    int       `json:"revision"`
	Updated     time.Time `json:"updated"`
	Status      string    `json:"status"`
	Chart       string    `json:"chart"`
	AppVersion  string    `json:"app_version"`
	Description string    `json:"description"`
	// By is gantry's own: the user of the cluster who made the revision.
	By string `json:"by,omitempty"`
	// Changes is gantry's own: how the objects differ from the revision before.
	Changes string `json:"changes,omitempty"`
}

func runHistory(ctx context.Context, a *app, name string, newest int, output string) error {
	if err := checkOutput(output); err != nil {
		return err
	}
	manager, err := a.releases("", nil)
	if err != nil {
		return a.releaseError(err)
	}
	revisions, err := manager.History(ctx, name, newest)
	if err != nil {
		return a.releaseError(err)
	}
	l := listing{header: []string{"REVISION", "UPDATED", "STATUS", "CHART", "APP VERSION", "DESCRIPTION", "BY", "CHANGES"}}
	var values []listedRevision
	for _, r := range revisions {
		first, _, _ := strings.Cut(r.Description, "\n")
		l.rows = append(l.rows, []string{strconv.Itoa(r.Revision), stamp(r.Updated), r.Status, r.ChartAndVersion(), r.AppVersion, shorten(first, descriptionWidth), r.By, r.Changes})
		values = append(values, listedRevision{r.Revision, r.Updated, r.Status, r.ChartAndVersion(), r.AppVersion, r.Description, r.By, r.Changes})
	}
	l.values = values
	return a.list(output, l)
}
