package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gantry/charts/release"
)

func newStatus(a *app) *cobra.Command {
	var (
		output   string
		revision int
	)
	c := &cobra.Command{
		Use:   "status NAME",
		Short: "Show a release, and how its objects are now",
		Long: `Status prints what is recorded of a release, the state of each of its objects as the
cluster has it now, and the chart's notes.

` + exitCodesHelp,
		Example: `  gantry status shop
  gantry status shop --revision 2 -o json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runStatus(cmd.Context(), a, args[0], revision, output)
		},
	}
	bindOutput(c, &output)
	c.Flags().IntVar(&revision, "revision", 0, "revision to show (default: the newest)")
	return c
}

type releaseStatus struct {
	Name        string           `json:"name"`
	Namespace   string           `json:"namespace"`
	Revision    int              `json:"revision"`
	Status      string           `json:"status"`
	Description string           `json:"description"`
	Updated     time.Time        `json:"updated"`
	Chart       string           `json:"chart"`
	AppVersion  string           `json:"app_version"`
	Objects     []release.Health `json:"objects"`
	Notes       string           `json:"notes,omitempty"`
}

func runStatus(ctx context.Context, a *app, name string, revision int, output string) error {
	if err := checkOutput(output); err != nil {
		return err
	}
	manager, err := a.releases("", nil)
	if err != nil {
		return a.releaseError(err)
	}
	r, err := manager.Get(ctx, name, revision)
	if err != nil {
		return a.releaseError(err)
	}
	objects, err := manager.Health(ctx, r)
	if err != nil {
		return a.releaseError(err)
	}
	if output != "table" {
		return a.list(output, listing{values: releaseStatus{
			Name: r.Name, Namespace: r.Namespace, Revision: r.Revision, Status: r.Status, Description: r.Description,
			Updated: r.Updated, Chart: r.ChartAndVersion(), AppVersion: r.AppVersion, Objects: objects, Notes: r.Notes,
		}})
	}
	for _, row := range [][2]string{
		{"name", r.Name},
		{"namespace", r.Namespace},
		{"revision", strconv.Itoa(r.Revision)},
		{"status", r.Status},
		{"updated", stamp(r.Updated)},
		{"chart", strings.TrimSpace(r.ChartAndVersion() + " " + r.AppVersion)},
		{"description", r.Description},
	} {
		fmt.Fprintf(a.Out, "%-12s %s\n", row[0]+":", row[1])
	}
	fmt.Fprintln(a.Out)
	l := listing{header: []string{"KIND", "NAME", "STATE", "MESSAGE"}, empty: "it has no objects"}
	for _, h := range objects {
		l.rows = append(l.rows, []string{h.Kind, h.Name, h.State, h.Message})
	}
	if err := a.list(output, l); err != nil {
		return err
	}
	if notes := strings.TrimSpace(r.Notes); notes != "" {
		fmt.Fprintf(a.Out, "\n%s\n", notes)
	}
	return nil
}
