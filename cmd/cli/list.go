package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"gantry/charts/release"
)

type listOptions struct {
	release.ListOptions
	everywhere bool
	short      bool
	output     string
}

func newList(a *app) *cobra.Command {
	var o listOptions
	c := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List releases",
		Long: `List prints the releases of a namespace, or of all, whoever made them: gantry or helm.

` + exitCodesHelp,
		Example: `  gantry list -A
  gantry list -n shop -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runList(cmd.Context(), a, &o) },
	}
	f := c.Flags()
	f.BoolVarP(&o.everywhere, "all-namespaces", "A", false, "list those of all namespaces")
	f.BoolVarP(&o.Uninstalled, "all", "a", false, "list also those that were uninstalled with their history kept")
	f.BoolVarP(&o.short, "short", "q", false, "print the names only")
	bindOutput(c, &o.output)
	return c
}

// listedRelease has the names of helm's own output, so that scripts can read
// either.
type listedRelease struct {
	Name       string `json:"name"`
	Namespace  string `json:"namespace"`
	Revision   string `json:"revision"`
	Updated    string `json:"updated"`
	Status     string `json:"status"`
	Chart      string `json:"chart"`
	AppVersion string `json:"app_version"`
}

func runList(ctx context.Context, a *app, o *listOptions) error {
	if err := checkOutput(o.output); err != nil {
		return err
	}
	namespace := ""
	if o.everywhere {
		namespace = allNamespaces
	}
	manager, err := a.releases(namespace, nil)
	if err != nil {
		return a.releaseError(err)
	}
	found, err := manager.List(ctx, o.ListOptions)
	if err != nil {
		return a.releaseError(err)
	}
	if o.short {
		for _, r := range found {
			fmt.Fprintln(a.Out, r.Name)
		}
		return nil
	}
	l := listing{
		header: []string{"NAME", "NAMESPACE", "REVISION", "UPDATED", "STATUS", "CHART", "APP VERSION"},
		empty:  "no releases",
	}
	var values []listedRelease
	for _, r := range found {
		l.rows = append(l.rows, []string{r.Name, r.Namespace, strconv.Itoa(r.Revision), stamp(r.Updated), r.Status, r.ChartAndVersion(), r.AppVersion})
		values = append(values, listedRelease{
			Name: r.Name, Namespace: r.Namespace, Revision: strconv.Itoa(r.Revision), Updated: r.Updated.String(),
			Status: r.Status, Chart: r.ChartAndVersion(), AppVersion: r.AppVersion,
		})
	}
	l.values = values
	return a.list(o.output, l)
}
