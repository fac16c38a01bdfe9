package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"helm.sh/helm/v3/pkg/chart"
	"sigs.k8s.io/yaml"

	"gantry/charts/release"
)

// newGet gathers the commands that print what is recorded of a release.
func newGet(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:     "get",
		Short:   "Print what is recorded of a release",
		Example: "  gantry get values shop --all\n  gantry get manifest shop --revision 2",
	}
	for _, part := range []struct {
		name, short string
		print       func(*app, *release.Release, *getOptions) error
		flags       func(*cobra.Command, *getOptions)
	}{
		{"values", "Print the values that were given", printValues, bindGetValues},
		{"manifest", "Print the objects, without hooks", printManifest, nil},
		{"notes", "Print the notes", printNotes, nil},
		{"hooks", "Print the hooks", printHooks, nil},
		{"metadata", "Print chart, versions and times", printMetadata, bindGetMetadata},
		{"all", "Print everything", printAll, nil},
	} {
		var o getOptions
		sub := &cobra.Command{
			Use:     part.name + " NAME",
			Short:   part.short,
			Long:    part.short + " of a release.\n\n" + exitCodesHelp,
			Example: fmt.Sprintf("  gantry get %s shop\n  gantry get %s shop --revision 2", part.name, part.name),
			Args:    cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				return runGet(cmd.Context(), a, args[0], &o, part.print)
			},
		}
		sub.Flags().IntVar(&o.revision, "revision", 0, "revision to print (default: the newest)")
		if part.flags != nil {
			part.flags(sub, &o)
		}
		c.AddCommand(sub)
	}
	return c
}

type getOptions struct {
	revision int
	all      bool
	output   string
}

func bindGetValues(c *cobra.Command, o *getOptions) {
	c.Flags().BoolVarP(&o.all, "all", "a", false, "print the chart's own values, too")
	bindOutput(c, &o.output)
}

func bindGetMetadata(c *cobra.Command, o *getOptions) { bindOutput(c, &o.output) }

func runGet(ctx context.Context, a *app, name string, o *getOptions, show func(*app, *release.Release, *getOptions) error) error {
	if o.output != "" {
		if err := checkOutput(o.output); err != nil {
			return err
		}
	}
	manager, err := a.releases("", nil)
	if err != nil {
		return a.releaseError(err)
	}
	r, err := manager.Get(ctx, name, o.revision)
	if err != nil {
		return a.releaseError(err)
	}
	return show(a, r, o)
}

// printValues prints values as helm does; with -o json, no values are an object without
// any.
func printValues(a *app, r *release.Release, o *getOptions) error {
	values, title := r.Values, "USER-SUPPLIED VALUES:"
	if o.all {
		var err error
		if values, err = r.AllValues(); err != nil {
			return err
		}
		title = "COMPUTED VALUES:"
	}
	if o.output == "json" {
		if values == nil {
			values = map[string]any{}
		}
		return a.list(o.output, listing{values: values})
	}
	if o.output == "table" {
		fmt.Fprintln(a.Out, title)
	}
	return writeYAML(a.Out, values)
}

func writeYAML(w io.Writer, value any) error {
	text, err := yaml.Marshal(value)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

func printManifest(a *app, r *release.Release, _ *getOptions) error {
	_, err := fmt.Fprintln(a.Out, r.Manifest)
	return err
}

func printNotes(a *app, r *release.Release, _ *getOptions) error {
	if r.Notes == "" {
		fmt.Fprintln(a.Err, "the chart has no notes")
		return nil
	}
	_, err := fmt.Fprintf(a.Out, "NOTES:\n%s\n", r.Notes)
	return err
}

func printHooks(a *app, r *release.Release, _ *getOptions) error {
	if len(r.Hooks) == 0 {
		fmt.Fprintln(a.Err, "the chart has no hooks")
		return nil
	}
	return writeHooks(a.Out, r)
}

func writeHooks(w io.Writer, r *release.Release) error {
	for _, h := range r.Hooks {
		if _, err := fmt.Fprintf(w, "---\n# Source: %s\n%s\n", h.Path, h.Manifest); err != nil {
			return err
		}
	}
	return nil
}

// releaseMetadata has the names of helm's own output.
type releaseMetadata struct {
	Name         string              `json:"name"`
	Chart        string              `json:"chart"`
	Version      string              `json:"version"`
	AppVersion   string              `json:"appVersion"`
	Annotations  map[string]string   `json:"annotations,omitempty"`
	Dependencies []*chart.Dependency `json:"dependencies,omitempty"`
	Namespace    string              `json:"namespace"`
	Revision     int                 `json:"revision"`
	Status       string              `json:"status"`
	DeployedAt   time.Time           `json:"deployedAt"`
	// DeployedBy is gantry's own: the user of the cluster who made the revision.
	DeployedBy string `json:"deployedBy,omitempty"`
}

// printMetadata prints helm's lines, and one of gantry's where it is known who made the
// revision.
func printMetadata(a *app, r *release.Release, o *getOptions) error {
	m := releaseMetadata{
		Name: r.Name, Chart: r.Chart, Version: r.ChartVersion, AppVersion: r.AppVersion,
		Annotations: r.Annotations, Dependencies: r.Dependencies,
		Namespace: r.Namespace, Revision: r.Revision, Status: r.Status,
		DeployedAt: r.Updated.Truncate(time.Second), DeployedBy: r.By,
	}
	if o.output != "table" {
		return a.list(o.output, listing{values: m})
	}
	var annotations, dependencies []string
	for _, name := range slices.Sorted(maps.Keys(m.Annotations)) {
		annotations = append(annotations, name+"="+m.Annotations[name])
	}
	for _, d := range m.Dependencies {
		dependencies = append(dependencies, d.Name)
	}
	slices.Sort(dependencies)
	rows := [][2]string{
		{"NAME", m.Name},
		{"CHART", m.Chart},
		{"VERSION", m.Version},
		{"APP_VERSION", m.AppVersion},
		{"ANNOTATIONS", strings.Join(annotations, ",")},
		{"DEPENDENCIES", strings.Join(dependencies, ",")},
		{"NAMESPACE", m.Namespace},
		{"REVISION", strconv.Itoa(m.Revision)},
		{"STATUS", m.Status},
		{"DEPLOYED_AT", m.DeployedAt.Format(time.RFC3339)},
	}
	if m.DeployedBy != "" {
		rows = append(rows, [2]string{"DEPLOYED_BY", m.DeployedBy})
	}
	return writeRows(a.Out, rows)
}

// writeRows prints names and values as helm does.
func writeRows(w io.Writer, rows [][2]string) error {
	for _, row := range rows {
		if _, err := fmt.Fprintf(w, "%s: %s\n", row[0], row[1]); err != nil {
			return err
		}
	}
	return nil
}
