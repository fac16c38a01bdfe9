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
	var o statusOptions
	c := &cobra.Command{
		Use:   "status NAME",
		Short: "Show a release, and how its objects are now",
		Long: `Status prints what is recorded of a release, the state of each of its objects as the
cluster has it now, and the chart's notes. With --show-resources it prints the objects
and the pods of workloads as kubectl get prints them, and with -o json or yaml whole;
secrets are hidden.

` + exitCodesHelp,
		Example: `  gantry status shop
  gantry status shop --show-resources
  gantry status shop --revision 2 -o json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runStatus(cmd.Context(), a, args[0], &o)
		},
	}
	bindOutput(c, &o.output)
	c.Flags().IntVar(&o.revision, "revision", 0, "revision to show (default: the newest)")
	c.Flags().BoolVar(&o.resources, "show-resources", false, "show the objects and their pods with the columns of kubectl get")
	return c
}

type statusOptions struct {
	output    string
	revision  int
	resources bool
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
	// Resources are the objects of --show-resources, by version and kind, as helm has
	// them.
	Resources map[string][]map[string]any `json:"resources,omitempty"`
}

func runStatus(ctx context.Context, a *app, name string, o *statusOptions) error {
	if err := checkOutput(o.output); err != nil {
		return err
	}
	manager, err := a.releases("", nil)
	if err != nil {
		return a.releaseError(err)
	}
	r, err := manager.Get(ctx, name, o.revision)
	if err != nil {
		return a.releaseError(err)
	}
	objects, err := manager.Health(ctx, r)
	if err != nil {
		return a.releaseError(err)
	}
	var tables []release.Table
	if o.resources {
		if tables, err = manager.Tables(ctx, r); err != nil {
			return a.releaseError(err)
		}
	}
	if o.output != "table" {
		return a.list(o.output, listing{values: releaseStatus{
			Name: r.Name, Namespace: r.Namespace, Revision: r.Revision, Status: r.Status, Description: r.Description,
			Updated: r.Updated, Chart: r.ChartAndVersion(), AppVersion: r.AppVersion, Objects: objects, Notes: r.Notes,
			Resources: resources(tables),
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
	if err := a.printObjects(objects, tables); err != nil {
		return err
	}
	if notes := strings.TrimSpace(r.Notes); notes != "" {
		fmt.Fprintf(a.Out, "\n%s\n", notes)
	}
	return nil
}

// resources returns the objects of tables by their titles.
func resources(tables []release.Table) map[string][]map[string]any {
	all := make(map[string][]map[string]any, len(tables))
	for _, table := range tables {
		all[table.Title] = table.Objects
	}
	return all
}

// printObjects prints how objects are, and then the tables, if there are any.
func (a *app) printObjects(objects []release.Health, tables []release.Table) error {
	l := listing{header: []string{"KIND", "NAME", "STATE", "MESSAGE"}, empty: "it has no objects"}
	for _, h := range objects {
		l.rows = append(l.rows, []string{h.Kind, h.Name, h.State, h.Message})
	}
	if err := a.list("table", l); err != nil {
		return err
	}
	for _, table := range tables {
		fmt.Fprintf(a.Out, "\n==> %s\n", table.Title)
		l := listing{rows: table.Rows, empty: "none"}
		for _, name := range table.Columns {
			l.header = append(l.header, strings.ToUpper(name))
		}
		if err := a.list("table", l); err != nil {
			return err
		}
	}
	return nil
}
